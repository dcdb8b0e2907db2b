//! The spares: who comes and goes, and which of them is to take an idle worker.

use super::Lobby;

impl<W, C: Copy + PartialEq> Lobby<W, C> {
    /// As [`Lobby::retire`], for a carrier that has lost its worker before.
    pub(crate) fn add_spare(&self, carrier: C) {
        self.inner.lock().spares.push(carrier);
    }

    /// The warmest spare of those that `may`, for something else than a worker.
    pub(crate) fn take_spare(&self, may: impl Fn(&C) -> bool) -> Option<C> {
        let mut inner = self.inner.lock();
        let at = inner.spares.iter().rposition(may)?;
        Some(inner.spares.remove(at))
    }

    /// A spare has found something to do. False: it is none any more, and will be given something.
    pub(crate) fn leave_spares(&self, carrier: C) -> bool {
        let mut inner = self.inner.lock();
        let at = inner.spares.iter().rposition(|spare| *spare == carrier);
        at.map(|at| inner.spares.remove(at)).is_some()
    }

    /// A spare has pinned work: an idle worker for it, or a place in line. `None`: it is no spare
    /// (any more), and will see for itself.
    pub(crate) fn summon(&self, carrier: C) -> Option<Option<W>> {
        let mut inner = self.inner.lock();
        let at = inner.spares.iter().rposition(|spare| *spare == carrier)?;
        inner.spares.remove(at);
        let worker = inner.idle.pop();
        if worker.is_none() {
            inner.line.push_back(carrier);
        }
        self.count(&inner);
        Some(worker)
    }

    /// A spare found work that nobody runs: an idle worker for it. `None`: there is none, or the
    /// carrier is no spare any more and will be given one.
    pub(crate) fn reclaim(&self, carrier: C) -> Option<W> {
        // A worker that goes idle later is looked after by who puts it there.
        if self.idle() == 0 {
            return None;
        }
        let mut inner = self.inner.lock();
        if inner.idle.is_empty() {
            return None;
        }
        let at = inner.spares.iter().rposition(|spare| *spare == carrier)?;
        inner.spares.remove(at);
        let worker = inner.idle.pop();
        self.count(&inner);
        worker
    }

    /// A spare wants to end, and may if it is still one and more than `keep` are there.
    pub(crate) fn dismiss(&self, carrier: C, keep: usize) -> bool {
        let mut inner = self.inner.lock();
        if inner.spares.len() <= keep {
            return false;
        }
        let at = inner.spares.iter().rposition(|spare| *spare == carrier);
        at.map(|at| inner.spares.remove(at)).is_some()
    }

    /// How many spares there are.
    pub(crate) fn spares(&self) -> usize {
        self.inner.lock().spares.len()
    }
}
