//! Workers: the right to run managed code, and what travels with it.
//!
//! - [`Worker`]: the queues, the warm fibers, the ticks. Owned by value by one carrier at a time,
//!   in that carrier's cell, or by the lobby while idle.
//! - `current.rs`: which carrier is this thread? The crate's one door to thread-local storage.
//! - `run.rs`: the loop of a carrier: pick, resume, settle. `pick.rs`: which task is next.
//!   `without.rs`: how a carrier gives its worker away, and gets one again.
//!
//! N workers exist, from the start of a runtime to its end. Who owns one may run tasks; who does
//! not may not: that is how at most N carriers are in managed code.

pub(crate) mod current;
mod pick;
pub(crate) mod run;
pub(crate) mod without;

use crate::fiber::Fiber;
use crate::metrics::{Counter, WorkerMetrics};
use crate::queue::{Local, Remote};
use crate::sync::Arc;
use crate::task::Id;
use crossbeam_utils::CachePadded;
use std::ops::Range;

/// How many finished fibers a worker keeps for its next tasks.
const WARM_FIBERS: usize = 64;

/// What everybody may see of a worker, wherever it is.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) queues: Arc<Remote>,
    pub(crate) metrics: WorkerMetrics,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) queues: Local,
    pub(crate) shown: Arc<CachePadded<Shown>>,
    /// Picks so far; the fair pick comes every so often.
    pub(crate) tick: u32,
    /// Picks since the worker came to its carrier.
    pub(crate) tenure: u32,
    /// Counted in the lobby as one that looks for work.
    pub(crate) searching: bool,
    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    fibers: Vec<Box<Fiber>>,
    ids: Range<u64>,
    random: u32,
}

impl Worker {
    pub(crate) fn new(index: usize) -> Worker {
        let queues = Local::new();
        let shown = Arc::new(CachePadded::new(Shown {
            queues: queues.remote().clone(),
            metrics: WorkerMetrics::default(),
        }));
        Worker {
            index,
            queues,
            shown,
            tick: 0,
            tenure: 0,
            searching: false,
            fibers: Vec::with_capacity(WARM_FIBERS),
            ids: 0..0,
            random: 0x9E37_79B9 ^ (index as u32).wrapping_mul(0x85EB_CA6B) | 1,
        }
    }

    /// The number for a new task; numbers are taken in blocks so that workers do not meet.
    #[inline]
    pub(crate) fn next_id(&mut self, more: impl FnOnce() -> Range<u64>) -> Id {
        let id = self.ids.next().unwrap_or_else(|| {
            self.ids = more();
            self.ids.next().expect("a block of numbers is not empty")
        });
        Id(id)
    }

    /// A warm fiber, if there is one.
    #[inline]
    pub(crate) fn take_fiber(&mut self) -> Option<Box<Fiber>> {
        self.fibers.pop()
    }

    /// Keeps a finished fiber; gives back those that are too many.
    #[inline]
    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    pub(crate) fn keep_fiber(&mut self, fiber: Box<Fiber>) -> Option<Vec<Box<Fiber>>> {
        let surplus = (self.fibers.len() == WARM_FIBERS)
            // The oldest are the coldest.
            .then(|| self.fibers.drain(..WARM_FIBERS / 2).collect());
        self.fibers.push(fiber);
        surplus
    }

    /// All fibers, at the end.
    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    pub(crate) fn take_fibers(&mut self) -> Vec<Box<Fiber>> {
        std::mem::take(&mut self.fibers)
    }

    /// A random number below `limit`: xorshift, good enough to spread thieves.
    pub(crate) fn random_below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        ((u64::from(self.random) * limit as u64) >> 32) as usize
    }

    /// Counts an event of this worker.
    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.shown.metrics.add_owned(counter);
    }
}
