//! The switch by corosensei.

use super::super::Reason;
use super::Call;
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

    /// Is its function suspended? Always, where nobody is told before.
    #[inline(always)]
    pub(in super::super) fn is_away(&self) -> bool {
        true
    }

    /// Never used: see [`Coroutine::CAN_PASS`].
    pub(in super::super) fn announce(&self) {
        unreachable!("nobody is told before where no coroutine can be left for another");
    }

    /// Can one be left for another? corosensei's cannot.
    pub(in super::super) const CAN_PASS: bool = false;

    /// # Safety
    /// Never used: see [`Coroutine::CAN_PASS`].
    pub(in super::super) unsafe fn stand_in_for(&self, _: &Coroutine) {
        unreachable!("nobody stands in for another where none can be left for another");
    }

    /// # Safety
    /// Never used: see [`Coroutine::CAN_PASS`].
    pub(in super::super) unsafe fn pass_to(&self, _: &Coroutine) {
        unreachable!("no coroutine can be left for another");
    }

    /// Makes a call on the stack of who has resumed the coroutine, below all frames there.
    ///
    /// # Safety
    /// The coroutine is resumed, and nothing runs on that stack but by its leave. The call may be made, and does not
    /// suspend the coroutine.
    #[inline(always)]
    pub(in super::super) unsafe fn on_parent_stack(&self, call: Call) -> *mut () {
        struct Carried<T>(T);
        // SAFETY: `on_parent_stack` asks for `Send` so that nobody can take the yielder along; the call is made on this
        // very thread, and by contract does not suspend.
        unsafe impl<T> Send for Carried<T> {}
        impl Carried<Call> {
            #[inline]
            unsafe fn make(self) -> Carried<*mut ()> {
                let Carried(Call { function, argument }) = self;
                // SAFETY: by contract.
                Carried(unsafe { function(argument) })
            }
        }
        let carried = Carried(call);
        // SAFETY: as in `suspend`.
        let yielder = unsafe { &*self.yielder.get() };
        // SAFETY: by contract.
        yielder.on_parent_stack(move || unsafe { carried.make() }).0
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

/// Makes a call on another stack.
///
/// # Safety
/// Nobody uses that stack, and the call may be made.
#[inline(always)]
pub(in super::super) unsafe fn on_stack(stack: &mut Stack, call: Call) -> *mut () {
    // SAFETY: by contract.
    corosensei::on_stack(stack, move || unsafe { (call.function)(call.argument) })
}
