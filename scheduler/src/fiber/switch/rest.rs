//! Where a function rests that is suspended: its stack pointer, and whether it has come there yet.
//!
//! Who passes its turn on is queued a moment before it has left its stack, and another thread may take it from the queue
//! meanwhile. The stack pointer is the last that is written of who leaves, once nothing runs on that stack any more. So it is taken away
//! before the task is queued, and whoever takes the task from a queue goes on with it when it is there again.
//!
//! Must not: be asked of a function that nobody has suspended or announced. It says where that rested last.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// See the module.
#[repr(transparent)]
pub(crate) struct Rest(
    /// The switch writes it.
    pub(crate) AtomicUsize,
);

impl Rest {
    /// A function that has not begun rests at this stack pointer.
    pub(crate) fn new(stack_pointer: usize) -> Rest {
        Rest(AtomicUsize::new(stack_pointer))
    }

    /// The stack pointer, for who knows that the function is suspended.
    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, who knows that has it from `is_reached`, or from a queue or a state that ordered it.
        self.0.load(Ordering::Relaxed)
    }

    /// The function will be suspended in a moment, and may be queued now. By its own thread.
    #[inline(always)]
    pub(crate) fn announce(&self) {
        // ORDERING(fiber.rest): Relaxed, who takes the task from the queue sees it by the queue's own order.
        self.0.store(0, Ordering::Relaxed);
    }

    /// Is it suspended? False only between its announcement and the switch.
    #[inline(always)]
    pub(crate) fn is_reached(&self) -> bool {
        // ORDERING(fiber.rest): Acquire, pairs with the store of the switch, a plain one, which is a Release on this processor.
        self.0.load(Ordering::Acquire) != 0
    }
}
