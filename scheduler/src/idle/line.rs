//! The line: carriers that cannot go on without a worker.

use super::{Lobby, Next, QUEUE_FIRST_EVERY};

impl<W, C: Copy + PartialEq> Lobby<W, C> {
    /// A carrier cannot go on without a worker: an idle one, or a place in line (`Ok(None)`).
    ///
    /// # Errors
    /// `Err(())` if the lobby is closed: there will be none.
    pub(crate) fn request(&self, carrier: C) -> Result<Option<W>, ()> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(());
        }
        let worker = inner.idle.pop();
        if worker.is_none() {
            inner.line.push_back(carrier);
        }
        self.count(&inner);
        Ok(worker)
    }

    /// A carrier in line goes on without a worker. False: it is given one, or the lobby is closed.
    pub(crate) fn leave_line(&self, carrier: C) -> bool {
        let mut inner = self.inner.lock();
        let at = inner.line.iter().position(|one| *one == carrier);
        let was_in_line = at.and_then(|at| inner.line.remove(at)).is_some();
        self.count(&inner);
        was_in_line
    }

    /// Those who stand in line now.
    pub(crate) fn line(&self) -> Vec<C> {
        self.inner.lock().line.iter().copied().collect()
    }

    /// A carrier with a worker steps back behind the line: the first there is to get its worker.
    /// `None`: nobody is in line. The carrier itself is put at the end if it `returns`, else with
    /// the spares.
    pub(crate) fn cede(&self, carrier: C, returns: bool) -> Option<C> {
        let mut inner = self.inner.lock();
        let first = inner.line.pop_front()?;
        if returns {
            inner.line.push_back(carrier);
        } else {
            inner.spares.push(carrier);
        }
        self.count(&inner);
        Some(first)
    }

    /// A carrier in a task lets others go first: it stands behind the line, and its worker goes to the first there, or to
    /// a spare for `queued` work, if nobody is in line or it is the turn of that ([`Lobby::place`]). It is in line before: who
    /// comes later, however fast, comes after it. `None`: nobody is to have the worker before it.
    pub(crate) fn step_back(&self, carrier: C, queued: bool) -> Option<Next<C>> {
        let mut inner = self.inner.lock();
        // With an idle one there is a worker for what is queued, and for who comes back (lobby.matched).
        if inner.closed || !inner.idle.is_empty() {
            return None;
        }
        let placed = inner.placed.wrapping_add(1);
        let queue_first = placed.is_multiple_of(QUEUE_FIRST_EVERY) || inner.line.is_empty();
        let next = if queued && queue_first {
            inner.spares.pop().map_or(Next::NoSpare, Next::Carrier)
        } else {
            Next::Carrier(inner.line.pop_front()?)
        };
        inner.placed = placed;
        inner.line.push_back(carrier);
        self.count(&inner);
        Some(next)
    }
}
