//! The runtime's store of fibers: warm ones to hand out, stacks to build new ones on.
//!
//! Workers keep a few finished fibers of their own; what is too many for them comes here. What nobody needs for a
//! while ([`crate::ebb`]) is taken apart, its stack given back cold.

use super::FiberBox;
use crate::ebb::{Ebb, Outlook};
use crate::stack::{StackError, StackShape, StackStats, Stacks};
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
        if outlook == Outlook::Calm {
            warm.fibers.shrink_to(KEPT);
        }
        drop(warm);
        self.take_apart(coldest);
        outlook
    }

    /// Gives everything back to the system that is not in use.
    pub(crate) fn clear(&self) {
        let warm = std::mem::take(&mut self.warm.lock().fibers);
        self.take_apart(warm);
        self.stacks.clear();
    }

    fn take_apart(&self, fibers: Vec<FiberBox>) {
        let mut stacks: Vec<_> = fibers
            .into_iter()
            // SAFETY: a fiber in a pool is between bodies: it is new, or it was kept when done.
            .map(|fiber| unsafe { fiber.into_stack() })
            .collect();
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

impl Warm {
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
