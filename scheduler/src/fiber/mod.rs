//! Fibers: a stack, the context saved on it, and the switch (`switch/`). The one door to corosensei.
//!
//! A [`Fiber`] runs one *body* after another: it is resumed with a body to run, suspends for a
//! [`Reason`], is resumed again, and when the body ends it suspends as [`Reason::Done`], ready for
//! the next. A finished fiber is so reused with its stack warm, and never rebuilt. If the body has prepared the next one before
//! it ended, that runs at once. A fiber that was made for one body suspends as [`Reason::Ended`] then.
//!
//! Here is the side of who has a fiber and resumes it; `inside.rs` has that of the code on it. `switch/` has the switch,
//! `closure.rs` calls on another stack, `depot.rs` the runtime's store of fibers.
//!
//! Must not: know what a task is. Must not unwind: a body that panics aborts the process (the task
//! room catches panics inside), and a fiber that is suspended inside a body is never dropped, only
//! kept for ever; `Coroutine::force_unwind` would throw again at each later suspension.
//!
//! # Why a fiber may move between threads
//!
//! A suspended fiber is a stack with frames on it. Whoever resumes it on another thread than the
//! one it was suspended on claims that no frame holds anything bound to the old thread. The types
//! cannot know that, so [`Fiber::resume`] is unsafe and its caller answers for it:
//!
//! - between bodies there are only this module's frames, which hold nothing of the thread;
//! - inside a body, the worker resumes a task's fiber on its own carrier always, or elsewhere only
//!   if `migrating` was promised for it.
//!
//! The rule that future code must keep: nothing in this module, and nothing in the frames between
//! [`Fiber::resume`] and a task's closure, may hold a thread-local, its address, or a reference to
//! a worker or carrier across a suspension.

pub(crate) mod bench;
mod closure;
mod depot;
mod inside;
mod switch;

pub use closure::{Frame, Outcome};
pub(crate) use depot::Depot;
pub(crate) use inside::Inside;

use self::switch::Coroutine;
use crate::stack::Stack;
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;

/// Why a fiber gave the thread back to whoever resumed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The body goes on later, behind others.
    Yielded,
    /// The body waits for a wake.
    Suspended,
    /// The body came back from native code and its worker was gone: it waits for another.
    Reentering,
    /// The body has resumed another on top of itself, which is back, and not done: the rest is the loop's.
    Lending,
    /// The body's native call is to be made by another thread.
    Offloading,
    /// The body ended; the fiber is ready for the next.
    Done,
    /// The body ended, and the fiber with it: it runs no other.
    Ended,
}

/// What a fiber runs: a function and its argument.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) run: unsafe fn(*const ()),
    pub(crate) argument: *const (),
}

/// A fiber. See the module. It lies at the top of its own stack.
#[repr(C)]
pub(crate) struct Fiber {
    /// First: its address is the fiber's.
    coroutine: Coroutine,
    /// The next body.
    body: Cell<Option<Body>>,
    /// The lowest address of the stack that code may use.
    stack_low: usize,
}

/// The one who has a fiber. Dropped or forgotten, it is lost, and its stack stays mapped for good.
#[must_use = "a fiber that is not handed on keeps its stack for good"]
pub(crate) struct FiberBox(NonNull<Fiber>);

// SAFETY: a fiber is a stack that nobody else refers to. Moving the handle runs nothing; resuming is
// what needs care, and it is unsafe. See the module.
unsafe impl Send for FiberBox {}

impl FiberBox {
    /// A fiber on `stack`, without a body yet.
    pub(crate) fn new(stack: Stack) -> FiberBox {
        FiberBox::with_first_frame(stack, run_bodies)
    }

    /// A fiber on `stack` that will run one body only.
    pub(crate) fn for_one_body(stack: Stack) -> FiberBox {
        FiberBox::with_first_frame(stack, run_one_body)
    }

    fn with_first_frame(
        mut stack: Stack,
        first_frame: unsafe extern "C" fn(NonNull<Coroutine>),
    ) -> FiberBox {
        let stack_low = stack.usable().start;
        let room = stack.reserve::<Fiber>();
        // SAFETY: a fiber begins with its coroutine, which is so moved to the room now, and the first frame wants a fiber.
        let coroutine = unsafe { Coroutine::new(stack, room.cast(), first_frame) };
        let fiber = Fiber { coroutine, body: Cell::new(None), stack_low };
        // SAFETY: the room is the fiber's own, above all frames.
        unsafe { room.write(fiber) };
        FiberBox(room)
    }

    /// The fiber, which [`FiberBox::from_raw`] makes one that somebody has again.
    pub(crate) fn into_raw(self) -> NonNull<Fiber> {
        self.0
    }

    /// # Safety
    /// The fiber came from [`FiberBox::into_raw`], and is given up by the caller.
    pub(crate) unsafe fn from_raw(fiber: NonNull<Fiber>) -> FiberBox {
        FiberBox(fiber)
    }

    /// Fetches into the cache what the fiber's next body touches first.
    #[inline]
    pub(crate) fn prefetch(&self) {
        Fiber::prefetch(self.address());
    }

    /// Where it lies.
    pub(crate) fn address(&self) -> *const Fiber {
        self.0.as_ptr()
    }

    /// Has the processor look for the page where the fiber's next body begins.
    #[inline]
    pub(crate) fn prefetch_page(&self) {
        crate::fetch::line(self.0.as_ptr().cast_const().cast());
    }

    /// Ends a fiber that is between bodies, and gives its stack back.
    ///
    /// # Safety
    /// The fiber is in no body: it is new, or its last suspension was [`Reason::Done`] or [`Reason::Ended`].
    pub(crate) unsafe fn into_stack(self) -> Stack {
        // It may have been prepared in vain.
        self.body.set(None);
        // SAFETY: without a body the first frame returns, and has nothing to drop. The fiber is not touched again.
        let mut stack = unsafe { Coroutine::end(self.0.cast()) };
        stack.unreserve::<Fiber>();
        stack
    }
}

impl Deref for FiberBox {
    type Target = Fiber;
    #[inline]
    fn deref(&self) -> &Fiber {
        // SAFETY: the fiber lies on its stack as long as somebody has it.
        unsafe { self.0.as_ref() }
    }
}

impl std::fmt::Debug for FiberBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl Fiber {
    /// [`FiberBox::prefetch`], of a fiber that may be gone.
    #[inline]
    pub(crate) fn prefetch(fiber: *const Fiber) {
        // The fiber itself, and the first frames below it.
        for line in 0..5 {
            crate::fetch::line(fiber.wrapping_byte_sub(line * 64).cast());
        }
    }

    /// Gives the fiber its next body, which runs at the next [`Fiber::resume`].
    pub(crate) fn prepare(&self, body: Body) {
        self.body.set(Some(body));
    }

    /// Was a body prepared that has not begun?
    pub(crate) fn is_prepared(&self) -> bool {
        self.body.get().is_some()
    }

    /// The lowest address of the stack that code may use.
    pub(crate) fn stack_low(&self) -> usize {
        self.stack_low
    }

    /// The inner side, for the body.
    pub(crate) fn inside(&self) -> Inside {
        Inside(NonNull::from(&self.coroutine))
    }

    /// Has its body left it, or not begun? Not yet, for a moment, if that was [announced](Inside::announce).
    #[inline(always)]
    pub(crate) fn is_away(&self) -> bool {
        self.coroutine.is_away()
    }

    /// Runs the fiber on this thread until it suspends.
    ///
    /// # Safety
    /// - The fiber has a body: prepared, or suspended in one, and away.
    /// - If it is suspended in a body, that body's frames may go on on this thread.
    #[inline]
    pub(crate) unsafe fn resume(&self) -> Reason {
        // SAFETY: by contract.
        unsafe { self.coroutine.resume() }
    }
}

impl std::fmt::Debug for Fiber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fiber").field("stack_low", &self.stack_low).finish_non_exhaustive()
    }
}

/// The fiber's first frame.
///
/// # Safety
/// The coroutine is that of a fiber at its place.
unsafe extern "C" fn run_bodies(coroutine: NonNull<Coroutine>) {
    // SAFETY: by contract; the fiber lies above this frame.
    let fiber = unsafe { coroutine.cast::<Fiber>().as_ref() };
    while let Some(body) = fiber.body.take() {
        // SAFETY: `prepare` was given a body and its argument for exactly one run.
        unsafe { (body.run)(body.argument) };
        if !fiber.is_prepared() {
            // SAFETY: this is the coroutine, and its frames hold nothing of a thread.
            unsafe { fiber.coroutine.suspend(Reason::Done) };
        }
    }
}

/// The first frame of a fiber for one body.
///
/// # Safety
/// As for [`run_bodies`].
unsafe extern "C" fn run_one_body(coroutine: NonNull<Coroutine>) {
    // SAFETY: by contract; the fiber lies above this frame.
    let fiber = unsafe { coroutine.cast::<Fiber>().as_ref() };
    if let Some(body) = fiber.body.take() {
        // SAFETY: as in `run_bodies`.
        unsafe { (body.run)(body.argument) };
        // SAFETY: as there.
        unsafe { fiber.coroutine.suspend(Reason::Ended) };
    }
}

/// Runs a closure on another stack, from which a fiber that it runs on may be switched away.
///
/// # Safety
/// It is the frame's first time.
#[inline(always)]
pub(crate) unsafe fn on_stack<'a, R, F: FnOnce() -> R>(
    stack: &mut Stack,
    frame: &'a mut Frame<F, R>,
) -> Outcome<'a, R> {
    // SAFETY: who can write to a stack is the only one who uses it.
    let call = |call| unsafe { switch::on_stack(stack, call) };
    // SAFETY: by contract.
    unsafe { frame.run(call) }
}

#[cfg(test)]
mod tests;
