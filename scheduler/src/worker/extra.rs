//! Extra workers: they stand in for workers whose task does not switch.
//!
//! A task that computes on and on, or blocks in code that it has not announced, keeps its worker. So
//! that what waits behind it runs all the same, the monitor sends an extra worker out
//! ([`crate::monitor`]), which is one like any other: it has queues that others steal from, it stands
//! in for lost ones, it is handed on and taken back. It is wanted as long as the *run* lasts that it
//! stands in for, and goes back to its pool at its first scheduling point after that.
//!
//! - INVARIANT(extra.bound): an extra worker is in the pool, with empty queues and bound to nothing, or
//!   it is out, and bound to the runs that it stands in for. `Extras::out` counts it while it is out.
//! - INVARIANT(extra.never_idle): it is never among the lobby's idle ones. When it finds nothing to do
//!   it goes back to the pool, and if work comes while the run lasts, the monitor sends it out anew.
//! - A run on an extra worker may itself need one that stands in. That one is wanted only as long as the
//!   extra worker is: it is bound to both runs.
//!
//! Must not: be used for tasks that are pinned to the carrier of the run. They wait for it.

use super::{Shown, Turn, Worker};
use crate::carrier::CarrierRef;
use crate::shared::Shared;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};
use crossbeam_utils::CachePadded;

/// What a worker does on one carrier between two switches.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    shown: Arc<CachePadded<Shown>>,
    pub(crate) carrier: CarrierRef,
    turn: Turn,
}

impl Run {
    /// What the worker does now; `None` if no carrier has it.
    pub(crate) fn of(shown: &Arc<CachePadded<Shown>>) -> Option<Run> {
        let turn = shown.turn();
        shown.holder().map(|carrier| Run { shown: shown.clone(), carrier, turn })
    }

    /// Has the worker neither picked nor changed hands since?
    pub(crate) fn lasts(&self) -> bool {
        self.shown.turn() == self.turn && self.shown.holder() == Some(self.carrier)
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Run) -> bool {
        Arc::ptr_eq(&self.shown, &other.shown)
            && self.carrier == other.carrier
            && self.turn == other.turn
    }
}

/// The extra workers of a runtime.
#[derive(Debug)]
pub(crate) struct Extras {
    inner: Mutex<Inner>,
    /// The index of the first.
    first: usize,
    out: AtomicUsize,
}

#[derive(Debug)]
#[expect(clippy::vec_box, reason = "a worker is handed on as the box it is")]
struct Inner {
    pool: Vec<Box<Worker>>,
    /// Of each, what it is bound to; nothing for one in the pool.
    bound: Vec<Vec<Run>>,
}

impl Extras {
    /// Out of workers whose indexes begin at `first`.
    #[expect(clippy::vec_box, reason = "a worker is handed on as the box it is")]
    pub(crate) fn new(pool: Vec<Box<Worker>>, first: usize) -> Extras {
        let bound = vec![Vec::new(); pool.len()];
        Extras { inner: Mutex::new(Inner { pool, bound }), first, out: AtomicUsize::new(0) }
    }

    /// How many are out.
    pub(crate) fn out(&self) -> usize {
        // ORDERING(idle.counters): Relaxed. Who looks for queued work does so after a full fence, and
        // who queued it on an extra worker has it since after it was counted: see `Shared::queues`.
        self.out.load(Ordering::Relaxed)
    }

    /// One to stand in for `run`, which is a run of the worker with this index; `None` if there is none,
    /// or one does already.
    pub(crate) fn take(&self, run: &Run, index: usize) -> Option<Box<Worker>> {
        let mut inner = self.inner.lock();
        if inner.bound.iter().any(|bound| bound.first() == Some(run)) {
            return None;
        }
        let mut runs = vec![run.clone()];
        if let Some(extra) = index.checked_sub(self.first) {
            // Back in the pool meanwhile: the run is over.
            runs.extend(inner.bound.get(extra).filter(|bound| !bound.is_empty())?.iter().cloned());
        }
        let mut worker = inner.pool.pop()?;
        inner.bound[worker.index - self.first].clone_from(&runs);
        worker.stands_in_for = runs;
        // ORDERING: Relaxed, the worker travels by the lobby's lock or a gift, and this with it.
        self.out.fetch_add(1, Ordering::Relaxed);
        Some(worker)
    }

    /// Back to the pool: its queues are empty.
    fn put(&self, mut worker: Box<Worker>) {
        debug_assert!(worker.queues.is_empty(), "what was queued is still to be run");
        worker.stands_in_for.clear();
        worker.handed_off = false;
        let mut inner = self.inner.lock();
        inner.bound[worker.index - self.first].clear();
        inner.pool.push(worker);
        drop(inner);
        // ORDERING: Relaxed, a count; what was queued was queued elsewhere before.
        self.out.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Is this one of those that come and go?
    #[inline]
    pub(crate) fn is_extra(&self) -> bool {
        !self.stands_in_for.is_empty()
    }

    /// Is this an extra worker that is to go back? At scheduling points.
    #[inline]
    pub(crate) fn is_recalled(&self) -> bool {
        self.is_extra() && !self.stands_in_for.iter().all(Run::lasts)
    }
}

impl Shared {
    /// What is shown of the workers that may have something queued.
    pub(crate) fn queues(&self) -> &[Arc<CachePadded<Shown>>] {
        // An extra worker is counted as out before it runs, so before it queues anything. Who misses the
        // count, after a full fence, has run that fence before the one after such a push, which then
        // sees what was done before this one (idle.counters).
        let workers = self.config.workers;
        if self.extras.out() == 0 { &self.shown[..workers] } else { &self.shown }
    }

    /// An extra worker is free and its carrier will not run it: it goes to whoever can use it, or back.
    /// True if it stays out.
    #[cold]
    pub(crate) fn hand_on_extra(&self, worker: Box<Worker>) -> bool {
        let is_wanted = !worker.is_recalled() && !self.is_stopping();
        let is_queued = is_wanted && self.work_is_queued();
        let worker = if is_wanted {
            match self.lobby.lend(worker, is_queued) {
                Ok((worker, carrier)) => {
                    carrier.give(worker);
                    return true;
                }
                Err(worker) => worker,
            }
        } else {
            worker
        };
        if is_queued {
            return self.start_carrier_for(worker);
        }
        self.take_back(worker);
        false
    }

    /// An extra worker goes back to the pool, and what it has queued to all.
    #[cold]
    pub(crate) fn take_back(&self, mut worker: Box<Worker>) {
        if std::mem::take(&mut worker.searching) {
            self.lobby.stop_searching();
        }
        while let Some(task) = worker.queues.remote().take_any() {
            self.injector.push(task);
        }
        self.keep_fibers(worker.take_fibers());
        worker.supply.clear(self);
        self.extras.put(worker);
        // What it has queued, and what others left to its search, is somebody's again.
        self.look_again();
        self.drain_if_terminated();
    }

    /// A worker that nobody will run again, at the end: its fibers are given back.
    pub(crate) fn dispose(&self, mut worker: Box<Worker>) {
        self.keep_fibers(worker.take_fibers());
        worker.supply.clear(self);
        if worker.is_extra() {
            while let Some(task) = worker.queues.remote().take_any() {
                self.injector.push(task);
            }
            self.extras.put(worker);
        }
    }
}
