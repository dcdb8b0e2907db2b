//! A closure as a [`Call`], for another stack, and what came of it.
//!
//! The closure and room for its value lie in a [`Frame`] of the caller's. Whether it has returned or unwound comes back
//! in a register, and the value stays where it was written until the caller has done what is to be done before: what
//! a call on another stack costs is mostly how many words go through memory.

use super::switch::Call;
use std::any::Any;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::thread;

/// A closure that is to run once on another stack, and the room for its value.
#[expect(missing_debug_implementations, reason = "a closure says nothing of itself")]
pub struct Frame<F, R> {
    /// Until it runs.
    f: ManuallyDrop<F>,
    /// Once it has returned.
    value: MaybeUninit<R>,
}

/// What came of a closure: its value, in the frame, or its panic.
#[must_use = "a panic that nobody raises is lost"]
#[derive(Debug)]
pub struct Outcome<'a, R> {
    value: &'a mut MaybeUninit<R>,
    payload: Option<NonNull<Payload>>,
}

type Payload = Box<dyn Any + Send>;

impl<R, F: FnOnce() -> R> Frame<F, R> {
    /// A frame for this closure, which never runs if the frame is not handed on.
    #[inline(always)]
    pub fn new(f: F) -> Frame<F, R> {
        Frame { f: ManuallyDrop::new(f), value: MaybeUninit::uninit() }
    }

    /// Runs the closure by a call that `make` makes, once; what unwinds is caught in the call.
    ///
    /// # Safety
    /// For the first time of this frame.
    #[inline(always)]
    pub(super) unsafe fn run(&mut self, make: impl FnOnce(Call) -> *mut ()) -> Outcome<'_, R> {
        let call = Call { function: enter::<F, R>, argument: ptr::from_mut(self).cast() };
        let payload = NonNull::new(make(call).cast());
        Outcome { value: &mut self.value, payload }
    }
}

impl<R> Outcome<'_, R> {
    /// The value, or the payload of the panic.
    ///
    /// # Errors
    /// With the payload.
    #[inline(always)]
    pub fn into_result(self) -> thread::Result<R> {
        let outcome = ManuallyDrop::new(self);
        match outcome.payload {
            // SAFETY: `enter` has written the value, which is read once.
            None => Ok(unsafe { ptr::from_ref(&*outcome.value).cast::<R>().read() }),
            // SAFETY: as it came from `enter`, and nobody uses it again.
            Some(payload) => Err(unsafe { from_raw(payload) }),
        }
    }
}

impl<R> Drop for Outcome<'_, R> {
    #[inline]
    fn drop(&mut self) {
        match self.payload {
            // SAFETY: `enter` has written the value, and nobody has read it.
            None => unsafe { self.value.assume_init_drop() },
            // SAFETY: as in `into_result`.
            Some(payload) => discard(unsafe { from_raw(payload) }),
        }
    }
}

/// # Safety
/// `frame` is a `Frame<F, R>` whose closure nobody has taken, and which nobody else uses meanwhile.
unsafe extern "C" fn enter<F: FnOnce() -> R, R>(frame: *mut ()) -> *mut () {
    // SAFETY: by contract.
    let frame = unsafe { &mut *frame.cast::<Frame<F, R>>() };
    // SAFETY: by contract this is the first time.
    let f = unsafe { ManuallyDrop::take(&mut frame.f) };
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => {
            frame.value.write(value);
            ptr::null_mut()
        }
        Err(payload) => into_raw(payload),
    }
}

/// # Safety
/// From [`into_raw`], and not used again.
#[cold]
#[inline(never)]
unsafe fn from_raw(payload: NonNull<Payload>) -> Payload {
    // SAFETY: by contract.
    *unsafe { Box::from_raw(payload.as_ptr()) }
}

/// Drops a panic in whose place another is raised. If that panics in turn, it does so while the thread unwinds.
#[cold]
fn discard(payload: Payload) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(another);
    }
}

#[cold]
fn into_raw(payload: Payload) -> *mut () {
    Box::into_raw(Box::new(payload)).cast()
}
