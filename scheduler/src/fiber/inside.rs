//! The fiber's inner side: what code on the fiber uses to leave it, for who resumed it or for another fiber, and to call on
//! the stack of the thread below.
//!
//! Must not: say when a fiber may be left. Its callers answer for that, each function says for what.

use super::switch::Coroutine;
use super::{Frame, Outcome, Reason};
use std::ptr::NonNull;

/// See the module. Valid while the fiber lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside(pub(super) NonNull<Coroutine>);

impl Inside {
    /// # Safety
    /// The fiber lives.
    #[inline(always)]
    unsafe fn coroutine<'a>(self) -> &'a Coroutine {
        // SAFETY: by contract.
        unsafe { self.0.as_ref() }
    }

    /// Leaves the fiber; returns when it is resumed, perhaps on another thread.
    ///
    /// # Safety
    /// The caller runs on this fiber, on the fiber's own stack or on one by [`on_stack`](super::on_stack), with no frame on
    /// one borrowed by [`Inside::on_carrier_stack`]; and its frames may go on wherever the fiber is resumed.
    #[inline(always)]
    pub(crate) unsafe fn suspend(self, reason: Reason) {
        // SAFETY: the caller runs on this fiber.
        let coroutine = unsafe { self.coroutine() };
        // SAFETY: by contract.
        unsafe { coroutine.suspend(reason) };
    }

    /// Can a fiber be left for another one, past the thread that resumed it?
    pub(crate) const CAN_PASS: bool = Coroutine::CAN_PASS;

    /// [`Fiber::is_away`](super::Fiber::is_away).
    #[inline(always)]
    pub(crate) fn is_away(self) -> bool {
        // SAFETY: an inner side is valid while its fiber lives.
        unsafe { self.coroutine() }.is_away()
    }

    /// The fiber will be left in a moment. Who is to resume it may be told before, and waits until it is
    /// [away](super::Fiber::is_away).
    ///
    /// # Safety
    /// The caller runs on this fiber, and leaves it next. Fibers [can pass](Inside::CAN_PASS).
    #[inline(always)]
    pub(crate) unsafe fn announce(self) {
        // SAFETY: the caller runs on this fiber.
        let coroutine = unsafe { self.coroutine() };
        coroutine.announce();
    }

    /// From here on this fiber goes back to where `other` was resumed, in its place.
    ///
    /// # Safety
    /// This one is suspended in a body, whose frames may go on on this thread. The caller runs on the other, and leaves it
    /// for this one next.
    #[inline(always)]
    pub(crate) unsafe fn stand_in_for(self, other: Inside) {
        // SAFETY: both fibers live.
        let this = unsafe { self.coroutine() };
        // SAFETY: as above.
        let other = unsafe { other.coroutine() };
        // SAFETY: by contract.
        unsafe { this.stand_in_for(other) };
    }

    /// Leaves the fiber for another; returns when it is resumed, or left for.
    ///
    /// # Safety
    /// As for [`Inside::suspend`], and `next` [stands in](Inside::stand_in_for) for this one.
    #[inline(always)]
    pub(crate) unsafe fn pass_to(self, next: Inside) {
        // SAFETY: both fibers live.
        let this = unsafe { self.coroutine() };
        // SAFETY: as above.
        let next = unsafe { next.coroutine() };
        // SAFETY: by contract.
        unsafe { this.pass_to(next) };
    }

    /// Runs a closure on the stack of the thread that resumed this fiber, below that thread's frames.
    ///
    /// # Safety
    /// - The caller runs on this fiber, on the fiber's own stack or on one by [`on_stack`](super::on_stack), or on
    ///   another fiber that was resumed on top of this one, with no frame on the thread's stack: a second call from
    ///   code that already runs there would overwrite the first one's.
    /// - The closure suspends none of these fibers.
    /// - It is the frame's first time.
    #[inline(always)]
    pub(crate) unsafe fn on_carrier_stack<R, F: FnOnce() -> R>(
        self,
        frame: &mut Frame<F, R>,
    ) -> Outcome<'_, R> {
        // SAFETY: this fiber was resumed on this thread, and is not left before the call has returned.
        let coroutine = unsafe { self.coroutine() };
        // SAFETY: by contract.
        let call = |call| unsafe { coroutine.on_parent_stack(call) };
        // SAFETY: by contract.
        unsafe { frame.run(call) }
    }
}
