//! The runtime's store of fibers: warm ones to hand out, stacks to build new ones on.
//!
//! Workers keep a few finished fibers of their own; what is too many for them comes here, and what
//! is too many here is taken apart, its stack given back cold.

use super::Fiber;
use crate::stack::{StackError, StackShape, StackStats, Stacks};
use crate::sync::Mutex;

/// How many warm fibers the depot keeps.
const WARM: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Depot {
    stacks: Stacks,
    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    warm: Mutex<Vec<Box<Fiber>>>,
}

impl Depot {
    pub(crate) fn new(shape: StackShape) -> Depot {
        Depot { stacks: Stacks::new(shape), warm: Mutex::new(Vec::new()) }
    }

    /// A fiber without a body: a warm one, or a new one.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory, or no mapping, for another stack.
    pub(crate) fn take(&self) -> Result<Box<Fiber>, StackError> {
        if let Some(fiber) = self.warm.lock().pop() {
            return Ok(fiber);
        }
        Ok(Box::new(Fiber::new(self.stacks.take()?)))
    }

    /// Takes fibers back, all between bodies.
    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    pub(crate) fn give(&self, mut fibers: Vec<Box<Fiber>>) {
        {
            let mut warm = self.warm.lock();
            let room = WARM.saturating_sub(warm.len());
            let kept = fibers.len().saturating_sub(room);
            warm.extend(fibers.drain(kept..));
        }
        self.take_apart(fibers);
    }

    /// Gives everything back to the system that is not in use.
    pub(crate) fn clear(&self) {
        let warm = std::mem::take(&mut *self.warm.lock());
        self.take_apart(warm);
        self.stacks.clear();
    }

    #[expect(clippy::vec_box, reason = "a fiber is handed on as the box it is")]
    fn take_apart(&self, fibers: Vec<Box<Fiber>>) {
        let mut stacks: Vec<_> = fibers
            .into_iter()
            // SAFETY: a fiber in a pool is between bodies: it is new, or it was kept when done.
            .map(|fiber| unsafe { (*fiber).into_stack() })
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

impl Drop for Depot {
    fn drop(&mut self) {
        self.clear();
    }
}
