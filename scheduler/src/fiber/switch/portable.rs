//! The switch by corosensei.

use super::super::Reason;
use crate::stack::Stack;
use corosensei::{CoroutineResult, Yielder};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};

type Inner = corosensei::Coroutine<(), Reason, (), Stack>;

/// A stack with a suspended function on it. It stays at one address.
pub(in super::super) struct Coroutine {
    /// Used by who resumes only.
    inner: UnsafeCell<Inner>,
    /// Used by code in it only. On the stack; null before the first resume.
    yielder: Cell<*const Yielder<(), Reason>>,
}

impl Coroutine {
    /// One that will lie at `place`, and run `main` on `stack` from its first resume on.
    ///
    /// # Safety
    /// It is moved there before it is used. `main` may be called with it, and does not unwind.
    pub(in super::super) unsafe fn new(
        stack: Stack,
        place: NonNull<Coroutine>,
        main: unsafe extern "C" fn(NonNull<Coroutine>),
    ) -> Coroutine {
        let inner = Inner::with_stack(stack, move |yielder, ()| {
            // SAFETY: by contract.
            unsafe { place.as_ref() }.yielder.set(yielder);
            // SAFETY: by contract.
            unsafe { main(place) };
        });
        Coroutine { inner: UnsafeCell::new(inner), yielder: Cell::new(ptr::null()) }
    }

    /// Goes on until the next suspension.
    ///
    /// # Safety
    /// `main` has not ended, it is not running, and its frames may go on on this thread.
    #[inline(always)]
    pub(in super::super) unsafe fn resume(&self) -> Reason {
        // SAFETY: by contract nobody else resumes it.
        let inner = unsafe { &mut *self.inner.get() };
        match inner.resume(()) {
            CoroutineResult::Yield(reason) => reason,
            CoroutineResult::Return(()) => Reason::Done,
        }
    }

    /// Leaves the coroutine; returns when it is resumed.
    ///
    /// # Safety
    /// The caller runs in it, and its frames may go on wherever it is resumed.
    #[inline(always)]
    pub(in super::super) unsafe fn suspend(&self, reason: Reason) {
        // SAFETY: set by the first resume, and on the stack below the caller.
        unsafe { &*self.yielder.get() }.suspend(reason);
    }

    /// Runs `f` on the stack of who has resumed the coroutine, below all frames there.
    ///
    /// # Safety
    /// The coroutine is resumed, and nothing runs on that stack but by its leave. `f` does not unwind, and does not
    /// suspend the coroutine.
    #[inline(always)]
    pub(in super::super) unsafe fn on_parent_stack<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Carried<F>(F);
        // SAFETY: `on_parent_stack` asks for `Send` so that `f` cannot take the yielder along; it
        // runs on this very thread, and by contract does not suspend.
        unsafe impl<F> Send for Carried<F> {}
        impl<F: FnOnce() -> R, R> Carried<F> {
            #[inline]
            fn call(self) -> R {
                (self.0)()
            }
        }
        let carried = Carried(f);
        // SAFETY: as in `suspend`.
        let yielder = unsafe { &*self.yielder.get() };
        yielder.on_parent_stack(move || carried.call())
    }

    /// Ends it, and gives the stack back.
    ///
    /// # Safety
    /// `main` returns at the next resume. The coroutine is not used again.
    pub(in super::super) unsafe fn end(place: NonNull<Coroutine>) -> Stack {
        // SAFETY: by contract.
        let end = unsafe { place.as_ref().resume() };
        debug_assert_eq!(end, Reason::Done);
        // SAFETY: by contract nobody uses what stays behind.
        unsafe { place.read() }.inner.into_inner().into_stack()
    }
}
