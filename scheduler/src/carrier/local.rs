//! What is the carrier's own, and stays when its worker goes: ready tasks that are pinned to it, what its loop has in
//! hand, stacks for native calls.
//!
//! Only its thread touches these (rule 4 of [`super`]). What others send lies in the mailbox until it is taken in here.

use super::Carrier;
use crate::queue::Ring;
use crate::stack::Stack;
use crate::sync::atomic::Ordering;
use crate::worker::lend::Hand;

impl Carrier {
    /// Runs `f` on the ring of ready pinned tasks, after the mail was taken in.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_ring<R>(&self, f: impl FnOnce(&mut Ring) -> R) -> R {
        // SAFETY: rule 4 of the carrier, by contract.
        let ring = unsafe { &mut *self.ring.get() };
        if !self.mailbox.is_empty() {
            ring.take_in(&self.mailbox);
        }
        f(ring)
    }

    /// Runs `f` on what the carrier's loop has in hand.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_hand<R>(&self, f: impl FnOnce(&mut Hand) -> R) -> R {
        // SAFETY: rule 4 of the carrier, by contract.
        f(unsafe { &mut *self.hand.get() })
    }

    /// Runs `f` on the stacks that the carrier keeps for native calls.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, and `f` does not come back here.
    #[inline]
    pub(crate) unsafe fn with_native_stacks<R>(
        &self,
        f: impl FnOnce(&mut Vec<Box<Stack>>) -> R,
    ) -> R {
        // SAFETY: rule 4 of the carrier, by contract.
        f(unsafe { &mut *self.native_stacks.get() })
    }

    /// Live tasks that are pinned here; by anybody, a look.
    #[inline]
    pub(crate) fn pinned(&self) -> usize {
        // ORDERING: Relaxed, a look; for the carrier itself and for who finds it asleep it is exact.
        self.pinned.load(Ordering::Relaxed)
    }

    /// A task was pinned here, or has ended. On the carrier's own thread.
    pub(crate) fn set_pinned(&self, tasks: usize) {
        // ORDERING: Relaxed, as above.
        self.pinned.store(tasks, Ordering::Relaxed);
    }
}
