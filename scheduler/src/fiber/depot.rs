//! The runtime's store of fibers: warm ones to hand out, stacks to build new ones on.
//!
//! Workers keep a few finished fibers of their own; what is too many for them comes here. What nobody needs for a
//! while ([`crate::ebb`]) is taken apart, its stack given back cold.

use super::FiberBox;
use crate::ebb::{Ebb, Outlook};
use crate::stack::{Stack, StackError, StackShape, StackStats, Stacks};
use crate::sync::Mutex;

/// So many warm fibers are kept for good.
const KEPT: usize = 1024;

/// At most so many are taken apart at a time.
const AT_ONCE: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Depot {
    stacks: Stacks,
    warm: Mutex<Warm>,
}

/// Fibers between bodies, with their pages; the last one given is the warmest.
#[derive(Debug, Default)]
struct Warm {
    fibers: Vec<FiberBox>,
    ebb: Ebb,
}

impl Depot {
    pub(crate) fn new(shape: StackShape) -> Depot {
        Depot { stacks: Stacks::new(shape), warm: Mutex::default() }
    }

    /// A fiber without a body: a warm one, or a new one.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory, or no mapping, for another stack.
    pub(crate) fn take(&self) -> Result<FiberBox, StackError> {
        if let Some(fiber) = self.warm.lock().take() {
            return Ok(fiber);
        }
        Ok(FiberBox::new(self.stacks.take()?))
    }

    /// Adds `count` warm fibers to those of a worker, if there are so many.
    pub(crate) fn refill(&self, fibers: &mut Vec<FiberBox>, count: usize) {
        let mut warm = self.warm.lock();
        let left = warm.fibers.len().saturating_sub(count);
        fibers.extend(warm.fibers.drain(left..));
        warm.ebb.fell_to(left);
    }

    /// Takes fibers back, all between bodies. True: from now on somebody has to call [`Depot::ebb`].
    #[must_use = "fibers that nobody takes apart are kept for good"]
    pub(crate) fn give(&self, fibers: Vec<FiberBox>) -> bool {
        let mut warm = self.warm.lock();
        warm.fibers.extend(fibers);
        let level = warm.fibers.len();
        warm.ebb.rose_to(level, KEPT)
    }

    /// Takes some of those apart that nobody needs. `is_turn`: a turn is over.
    pub(crate) fn ebb(&self, is_turn: bool) -> Outlook {
        let mut warm = self.warm.lock();
        let level = warm.fibers.len();
        if is_turn {
            warm.ebb.turn(level, KEPT, KEPT);
        }
        let surplus = warm.ebb.next(AT_ONCE);
        let outlook = warm.ebb.outlook();
        let coldest = warm.fibers.drain(..surplus).collect();
        // A peak is gone, but for those that are kept.
        let is_over = surplus > 0 && warm.fibers.len() <= KEPT;
        let kept = if is_over { warm.take_all() } else { Vec::new() };
        if outlook == Outlook::Calm {
            warm.fibers.shrink_to(KEPT);
        }
        drop(warm);
        self.take_apart(coldest);
        if is_over {
            self.keep_near(kept);
        }
        outlook
    }

    /// Keeps those of these fibers whose stacks lie together: tasks that end in no order leave one in each slab, which
    /// would stay mapped for it, page tables and all.
    fn keep_near(&self, fibers: Vec<FiberBox>) {
        let mut stacks = stacks_of(fibers);
        let mut far = Stacks::split_off_far(&mut stacks);
        self.stacks.give_batch(&mut far);
        self.stacks.trim();
        let mut near: Vec<_> = stacks.into_iter().rev().map(FiberBox::new).collect();
        let mut warm = self.warm.lock();
        near.append(&mut warm.fibers);
        warm.fibers = near;
    }

    /// Gives everything back to the system that is not in use.
    pub(crate) fn clear(&self) {
        let warm = std::mem::take(&mut self.warm.lock().fibers);
        self.take_apart(warm);
        self.stacks.clear();
    }

    fn take_apart(&self, fibers: Vec<FiberBox>) {
        let mut stacks = stacks_of(fibers);
        if !stacks.is_empty() {
            self.stacks.give_batch(&mut stacks);
        }
    }

    pub(crate) fn stats(&self) -> StackStats {
        self.stacks.stats()
    }

    /// Usable bytes of each stack.
    pub(crate) fn stack_bytes(&self) -> usize {
        self.stacks.shape().usable_bytes()
    }
}

/// The stacks of fibers that were in a pool.
fn stacks_of(fibers: Vec<FiberBox>) -> Vec<Stack> {
    // SAFETY: a fiber in a pool is between bodies: it is new, or it was kept when done.
    fibers.into_iter().map(|fiber| unsafe { fiber.into_stack() }).collect()
}

impl Warm {
    fn take_all(&mut self) -> Vec<FiberBox> {
        self.ebb.fell_to(0);
        std::mem::take(&mut self.fibers)
    }

    fn take(&mut self) -> Option<FiberBox> {
        let fiber = self.fibers.pop()?;
        self.ebb.fell_to(self.fibers.len());
        Some(fiber)
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peak of fibers that are given back in no order, and what nobody needs is gone.
    fn after_a_peak(depot: &Depot, fibers: usize) {
        let mut taken: Vec<_> = (0..fibers).map(|_| Some(depot.take().unwrap())).collect();
        // A prime that is no factor of the count: each is met once.
        let mixed = (0..fibers).filter_map(|n| taken[n * 7919 % fibers].take()).collect();
        assert!(depot.give(mixed), "somebody is to be told");
        let mut turns = (0..100).map(|turn| depot.ebb(turn % 10 == 0));
        assert!(turns.any(|outlook| outlook == Outlook::Calm));
    }

    #[test]
    fn the_last_fibers_of_a_peak_do_not_keep_its_slabs() {
        let depot = Depot::new(StackShape::fiber(16 << 10).unwrap());
        after_a_peak(&depot, 20_000);
        let stats = depot.stats();
        // One that is empty is kept.
        assert!(stats.slabs <= 5, "{stats:?}");
        assert!((1..=KEPT).contains(&stats.stacks_out), "some are warm: {stats:?}");
        let again: Vec<_> = (0..2 * KEPT).map(|_| depot.take().unwrap()).collect();
        let _ = depot.give(again);
    }

    #[test]
    fn a_new_peak_finds_the_few_that_are_kept() {
        let depot = Depot::new(StackShape::fiber(16 << 10).unwrap());
        let peak = (0..20_000).map(|_| depot.take().unwrap()).collect();
        assert!(depot.give(peak), "somebody is to be told");
        assert_eq!(depot.ebb(true), Outlook::NextTurn);
        assert_eq!(depot.ebb(true), Outlook::Soon, "some of what nobody needed is gone");
        let left = depot.warm.lock().fibers.len();
        let again: Vec<_> = (0..left - KEPT / 2).map(|_| depot.take().unwrap()).collect();
        assert_eq!(depot.ebb(false), Outlook::NextTurn);
        assert_eq!(depot.warm.lock().fibers.len(), KEPT / 2);
        let _ = depot.give(again);
    }

    #[test]
    fn what_lies_together_stays_warm() {
        let depot = Depot::new(StackShape::fiber(16 << 10).unwrap());
        let taken: Vec<_> = (0..20_000).map(|_| depot.take().unwrap()).collect();
        let _ = depot.give(taken.into_iter().rev().collect());
        let mut turns = (0..100).map(|turn| depot.ebb(turn % 10 == 0));
        assert!(turns.any(|outlook| outlook == Outlook::Calm));
        assert_eq!(depot.stats().stacks_out, KEPT);
    }
}
