//! Warm fibers: those of tasks that have ended, whose stacks are in the caches still, for the next tasks.
//!
//! A worker keeps a few. What it lacks or cannot keep comes from the runtime's [`Depot`], or goes there, many at a time.

use super::Worker;
use crate::fiber::{Depot, FiberBox};

/// How many finished fibers a worker keeps for its next tasks.
pub(super) const WARM_FIBERS: usize = 64;

impl Worker {
    /// A warm fiber, if there is one. `depot`: where there are more.
    #[inline(always)]
    pub(crate) fn take_fiber(&mut self, depot: &Depot) -> Option<FiberBox> {
        if self.fibers.is_empty() {
            self.refill_fibers(depot);
        }
        let fiber = self.fibers.pop();
        if self.fibers.len() < self.cold_fibers {
            self.cold_fibers = self.fibers.len();
            // Its frames come while the task before is begun.
            self.fibers.last().into_iter().for_each(FiberBox::prefetch);
        }
        fiber
    }

    #[cold]
    #[inline(never)]
    fn refill_fibers(&mut self, depot: &Depot) {
        depot.refill(&mut self.fibers, WARM_FIBERS / 2);
        self.cold_fibers = self.fibers.len();
        // Their pages are looked for side by side; one by one, each first run would wait for its own.
        self.fibers.iter().for_each(FiberBox::prefetch_page);
    }

    /// Keeps a finished fiber; gives it back if there is no room.
    #[inline(always)]
    pub(crate) fn keep_fiber(&mut self, fiber: FiberBox) -> Result<(), FiberBox> {
        // Within its capacity, which an ended worker has none of.
        let has_room =
            self.fibers.len() < WARM_FIBERS && self.fibers.len() < self.fibers.capacity();
        if !has_room {
            return Err(fiber);
        }
        self.fibers.push(fiber);
        Ok(())
    }

    /// Makes room for more finished fibers: the oldest, which are the coldest.
    #[cold]
    pub(crate) fn surplus_fibers(&mut self) -> Vec<FiberBox> {
        self.cold_fibers = self.cold_fibers.saturating_sub(WARM_FIBERS / 2);
        let surplus = self.fibers.len().min(WARM_FIBERS / 2);
        self.fibers.drain(..surplus).collect()
    }

    /// Gives the fibers back, whose watcher the caller is.
    #[cold]
    pub(crate) fn give_fibers_back(&mut self, to: &Depot) {
        self.cold_fibers = 0;
        if !self.fibers.is_empty() {
            let _ = to.give(self.fibers.drain(..).collect());
        }
    }

    /// All fibers, at the end.
    pub(crate) fn take_fibers(&mut self) -> Vec<FiberBox> {
        std::mem::take(&mut self.fibers)
    }
}
