//! Fibers: a stack, the context saved on it, and the switch. The one door to corosensei.
//!
//! A [`Fiber`] runs one *body* after another: it is resumed with a body to run, suspends for a
//! [`Reason`], is resumed again, and when the body ends it suspends as [`Reason::Done`], ready for
//! the next. A finished fiber is so reused with its stack warm, and never rebuilt.
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

pub mod bench;
mod depot;

pub(crate) use depot::Depot;

use crate::stack::Stack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
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
}

/// What a fiber runs: a function and its argument.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) run: unsafe fn(*const ()),
    pub(crate) argument: *const (),
}

type Switch = Yielder<(), Reason>;

/// A fiber. See the module. It lies at the top of its own stack.
pub(crate) struct Fiber {
    coroutine: ManuallyDrop<Coroutine<(), Reason, (), Stack>>,
    /// In the fiber's first frame.
    frame: NonNull<Frame>,
    /// The lowest address of the stack that code may use.
    stack_low: usize,
}

/// The one who has a fiber. Dropped or forgotten, it is lost, and its stack stays mapped for good.
#[must_use = "a fiber that is not handed on keeps its stack for good"]
pub(crate) struct FiberBox(NonNull<Fiber>);

/// What the fiber's first frame holds, at one address as long as the fiber.
struct Frame {
    /// The next body; `None` ends the fiber.
    body: Cell<Option<Body>>,
    /// The fiber's own handle to suspend by.
    switch: NonNull<Switch>,
}

/// The fiber's inner side: what code on the fiber uses to leave it. Valid while the fiber lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside(NonNull<Switch>);

// SAFETY: a fiber is a stack that nobody else refers to. Moving the handle runs nothing; resuming is
// what needs care, and it is unsafe. See the module.
unsafe impl Send for FiberBox {}

impl FiberBox {
    /// A fiber on `stack`, without a body yet.
    pub(crate) fn new(mut stack: Stack) -> FiberBox {
        let stack_low = stack.usable().start;
        let room = stack.reserve::<Fiber>();
        let born: Cell<Option<NonNull<Frame>>> = Cell::new(None);
        let cradle = NonNull::from(&born);
        let mut coroutine = Coroutine::with_stack(stack, move |switch: &Switch, ()| {
            let frame = Frame { body: Cell::new(None), switch: NonNull::from(switch) };
            // SAFETY: this part runs inside the resume below, while `born` is there.
            unsafe { cradle.as_ref() }.set(Some(NonNull::from(&frame)));
            switch.suspend(Reason::Done);
            while let Some(body) = frame.body.take() {
                // SAFETY: `prepare` was given a body and its argument for exactly one run.
                unsafe { (body.run)(body.argument) };
                switch.suspend(Reason::Done);
            }
        });
        // Into the first frame, so that it is known from outside.
        let first = coroutine.resume(());
        debug_assert!(matches!(first, CoroutineResult::Yield(Reason::Done)));
        let frame = born.get().expect("set by the first frame");
        let fiber = Fiber { coroutine: ManuallyDrop::new(coroutine), frame, stack_low };
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
        let fiber = self.0.as_ptr().cast_const().cast::<()>();
        // The fiber itself, and the first frames below it.
        for line in 0..5 {
            crate::fetch::line(fiber.wrapping_byte_sub(line * 64));
        }
    }

    /// Ends a fiber that is between bodies, and gives its stack back.
    ///
    /// # Safety
    /// The fiber has no body: it is new, or its last suspension was [`Reason::Done`].
    pub(crate) unsafe fn into_stack(mut self) -> Stack {
        self.frame().body.set(None);
        let end = self.coroutine.resume(());
        debug_assert!(matches!(end, CoroutineResult::Return(())));
        // SAFETY: the fiber is not touched again.
        let coroutine = unsafe { ManuallyDrop::take(&mut self.coroutine) };
        let mut stack = coroutine.into_stack();
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

impl DerefMut for FiberBox {
    #[inline]
    fn deref_mut(&mut self) -> &mut Fiber {
        // SAFETY: as above, and it is borrowed from who has it.
        unsafe { self.0.as_mut() }
    }
}

impl std::fmt::Debug for FiberBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl Fiber {
    /// The first frame.
    fn frame(&self) -> &Frame {
        // SAFETY: the frame stays on the fiber's stack until `into_stack`, which takes the fiber.
        unsafe { self.frame.as_ref() }
    }

    /// Gives the fiber its next body, which runs at the next [`Fiber::resume`].
    pub(crate) fn prepare(&mut self, body: Body) {
        self.frame().body.set(Some(body));
    }

    /// The lowest address of the stack that code may use.
    pub(crate) fn stack_low(&self) -> usize {
        self.stack_low
    }

    /// The inner side, for the body.
    pub(crate) fn inside(&self) -> Inside {
        Inside(self.frame().switch)
    }

    /// Runs the fiber on this thread until it suspends.
    ///
    /// # Safety
    /// - The fiber has a body: prepared, or suspended in one.
    /// - If it is suspended in a body, that body's frames may go on on this thread.
    #[inline]
    pub(crate) unsafe fn resume(&mut self) -> Reason {
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(reason) => reason,
            CoroutineResult::Return(()) => Reason::Done,
        }
    }
}

impl std::fmt::Debug for Fiber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fiber").field("done", &self.coroutine.done()).finish_non_exhaustive()
    }
}

impl Inside {
    /// The handle to suspend by.
    ///
    /// # Safety
    /// The caller runs on this fiber.
    #[inline(always)]
    unsafe fn switch<'a>(self) -> &'a Switch {
        // SAFETY: the handle lies on the fiber's stack, below the caller's frame, and stays.
        unsafe { self.0.as_ref() }
    }

    /// Leaves the fiber; returns when it is resumed, perhaps on another thread.
    ///
    /// # Safety
    /// The caller runs on this fiber, on the fiber's own stack or on one by [`on_stack`], with no frame on
    /// one borrowed by [`Inside::on_carrier_stack`]; and its frames may go on wherever the fiber is resumed.
    #[inline(always)]
    pub(crate) unsafe fn suspend(self, reason: Reason) {
        // SAFETY: the caller runs on this fiber.
        unsafe { self.switch() }.suspend(reason);
    }

    /// Runs `f` on the stack of the thread that resumed this fiber, below that thread's frames.
    ///
    /// # Safety
    /// - The caller runs on this fiber, on the fiber's own stack or on one by [`on_stack`], or on another fiber that
    ///   was resumed on top of this one, with no frame on the thread's stack: a second call from code that already
    ///   runs there would overwrite the first one's.
    /// - `f` does not unwind and suspends none of these fibers.
    #[inline]
    pub(crate) unsafe fn on_carrier_stack<R>(self, f: impl FnOnce() -> R) -> R {
        struct Carried<F>(F);
        // SAFETY: `on_parent_stack` asks for `Send` so that `f` cannot take the yielder along; it
        // runs on this very thread, and by the contract above does not suspend.
        unsafe impl<F> Send for Carried<F> {}
        impl<F: FnOnce() -> R, R> Carried<F> {
            #[inline]
            fn call(self) -> R {
                (self.0)()
            }
        }
        // SAFETY: this fiber was resumed on this thread, and is not left before `f` has returned.
        let switch = unsafe { self.switch() };
        let carried = Carried(f);
        switch.on_parent_stack(move || carried.call())
    }
}

/// Runs `f` on another stack, from which a fiber that it runs on may be switched away.
#[inline]
pub(crate) fn on_stack<R>(stack: &mut Stack, f: impl FnOnce() -> R) -> R {
    corosensei::on_stack(stack, f)
}

#[cfg(test)]
mod tests;
