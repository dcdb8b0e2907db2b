//! Managed closures as C callbacks, with a lifetime.
//!
//! - [`Callback`] is what the user holds: this file.
//! - `place`: where the closures live, and what a late call finds there; `word`: the state of such a place.
//! - `signature`, `types`: which C functions a callback may be, and its trampolines.
//! - `code`: functions made at run time, the one door to libffi.
//!
//! A room uses those after it in this list, but for `signature`, which makes the constructors of
//! [`Callback`]. Each call goes through [`callback()`](crate::native::callback()): nothing here makes a
//! transition.
//!
//! INVARIANT(closure.scoped): the process ends if a scoped callback is dropped while a call is inside.

mod code;
mod place;
mod signature;
#[cfg(test)]
mod tests;
mod types;
mod word;

pub use code::CodeError;
pub use signature::CallbackSignature;
pub use types::{CReturn, CType};

use place::Place;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
// The door of `word`, which the models include over another.
use std::sync::atomic;

/// A Rust closure that native code can call, as a C function of signature `S`.
///
/// `S` is what the *closure* takes and returns: `extern "C" fn(A, ..) -> R`, of up to six integers,
/// floating-point numbers and raw pointers. How native code gets at it depends on whether its callbacks
/// take a user pointer:
///
/// | a native function that | takes |
/// |---|---|
/// | passes a user pointer to its callback, as the first argument or the last | [`user_first`](Self::user_first) or [`user_last`](Self::user_last), and [`user`](Self::user) |
/// | passes none (`qsort`, `bsearch`) | [`function`](Self::function), made at run time by libffi |
///
/// Neither allocates or locks when it is called. Each call is a [`callback()`](crate::native::callback()):
/// the closure may do all that a task may, a panic or an abort in it is kept and raised again when the
/// native call returns, and where the closure cannot run, the fallback is returned. Not for signal
/// handlers.
///
/// ```
/// use sortie::native::{self, Callback, Target};
/// use std::ffi::{c_int, c_void};
///
/// type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
///
/// static QSORT: Target = Target::named("qsort");
/// let runtime = sortie::Runtime::new()?;
/// let sorted = runtime.run(|| {
///     let rank = [2, 0, 1]; // what to sort by: a C function could not reach it
///     let mut v = [0_usize, 1, 2];
///     let compare = |a: *const c_void, b: *const c_void| {
///         // SAFETY: `qsort` hands out pointers to elements, which are `usize`.
///         let (a, b) = unsafe { (*a.cast::<usize>(), *b.cast::<usize>()) };
///         rank[a].cmp(&rank[b]) as c_int
///     };
///     Callback::<Compare>::scoped(0, compare, |compare| {
///         // SAFETY: `qsort` calls it only until it returns, inside of the scope.
///         let compare = unsafe { compare.function() }.expect("memory for code");
///         // SAFETY: three elements of that size.
///         native::call_here(&QSORT, || unsafe {
///             libc::qsort(v.as_mut_ptr().cast(), 3, size_of::<usize>(), Some(compare))
///         });
///     });
///     v
/// });
/// assert_eq!(sorted, [1, 2, 0]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
///
/// # When it is dropped
///
/// Keep a callback until native code has forgotten it: unregister it, then drop it. A call that is inside
/// goes on, and the closure lives until it has ended ([`scoped`](Self::scoped) callbacks end the process
/// instead). Who drops it never waits.
///
/// A call that *begins* later ends the process with a message that says where the callback was made:
///
/// - By a user pointer: always. A user pointer that is no callback's, or a callback's of another signature,
///   does the same.
/// - By [`function`](Self::function): until 1,024 other callbacks of the same signature were dropped after
///   it. From then on its function may serve another callback *of the same signature*, which a late call
///   calls.
///
/// What is kept for that is a few hundred bytes for each of as many callbacks as ever lived at once, and of
/// these 1,024 for each signature. The closure itself is not kept.
#[must_use = "native code must not call a callback that was dropped"]
pub struct Callback<S: CallbackSignature> {
    place: &'static Place,
    generation: u32,
    /// The closure borrows: it must not outlive this.
    is_scoped: bool,
    signature: PhantomData<S>,
}

impl<S: CallbackSignature> Callback<S> {
    #[track_caller]
    fn own(fallback: S::Return, closure: Box<S::Closure>, is_scoped: bool) -> Callback<S> {
        let (place, generation) = Place::settle::<S>(fallback, closure, Location::caller());
        Callback { place, generation, is_scoped, signature: PhantomData }
    }

    /// A C function that is this callback, for native functions that pass no user pointer.
    ///
    /// It is made by libffi when it is first asked for; asked again, it is the same. The first of a process
    /// opens the program's file to map code from it, and keeps the descriptor.
    ///
    /// # Errors
    /// [`CodeError`] if there is no executable memory.
    ///
    /// # Safety
    ///
    /// No call of it, by whomever, may begin after the callback was dropped. (See
    /// [above](Self#when-it-is-dropped) for what happens if one does.)
    ///
    /// ```
    /// use sortie::native::{self, Callback, Target};
    /// use std::ffi::c_int;
    ///
    /// let twice = Callback::<extern "C" fn(c_int) -> c_int>::new(-1, |n| 2 * n);
    /// // SAFETY: it is called only below.
    /// let function = unsafe { twice.function() }?;
    /// # static CALL: Target = Target::named("call");
    /// let runtime = sortie::Runtime::new()?;
    /// assert_eq!(runtime.run(move || native::call_here(&CALL, || function(21))), 42);
    /// // No task runs here, so there is nothing to call back into.
    /// assert_eq!(function(21), -1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn function(&self) -> Result<S, CodeError> {
        let address = self.place.code::<S>()?;
        // SAFETY: the code of a place is a function of its signature.
        Ok(unsafe { S::from_address(address) })
    }

    /// The C function for native functions that pass the user pointer first. It needs [`user`](Self::user).
    ///
    /// One for all callbacks of a signature; nothing is made at run time.
    ///
    /// ```
    /// use sortie::native::{self, Callback, Target};
    /// use std::ffi::{c_int, c_void};
    ///
    /// // int visit(void *user, int n)
    /// type Visit = extern "C" fn(*mut c_void, c_int) -> c_int;
    ///
    /// # extern "C" fn each(n: c_int, visit: Visit, user: *mut c_void) -> c_int {
    /// #     (0..n).map(|n| visit(user, n)).sum()
    /// # }
    /// # static EACH: Target = Target::named("each");
    /// let square = Callback::<extern "C" fn(c_int) -> c_int>::new(0, |n| n * n);
    /// let runtime = sortie::Runtime::new()?;
    /// let sum = runtime.run(move || {
    ///     native::call_here(&EACH, || each(4, square.user_first(), square.user()))
    /// });
    /// assert_eq!(sum, 14);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn user_first(&self) -> S::UserFirst {
        S::user_first()
    }

    /// The C function for native functions that pass the user pointer last. It needs [`user`](Self::user).
    ///
    /// One for all callbacks of a signature; nothing is made at run time.
    ///
    /// ```
    /// use sortie::native::{self, Callback, Target};
    /// use std::ffi::{c_int, c_void};
    ///
    /// // int visit(int n, void *user)
    /// type Visit = extern "C" fn(c_int, *mut c_void) -> c_int;
    ///
    /// # extern "C" fn each(n: c_int, visit: Visit, user: *mut c_void) -> c_int {
    /// #     (0..n).map(|n| visit(n, user)).sum()
    /// # }
    /// # static EACH: Target = Target::named("each");
    /// let square = Callback::<extern "C" fn(c_int) -> c_int>::new(0, |n| n * n);
    /// let runtime = sortie::Runtime::new()?;
    /// let sum = runtime.run(move || {
    ///     native::call_here(&EACH, || each(4, square.user_last(), square.user()))
    /// });
    /// assert_eq!(sum, 14);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn user_last(&self) -> S::UserLast {
        S::user_last()
    }

    /// The user pointer of this callback: a number, never null, which nobody may follow. All its 64 bits count. For
    /// examples see [`user_first`](Self::user_first) and [`user_last`](Self::user_last).
    #[must_use]
    pub fn user(&self) -> *mut c_void {
        self.place.ticket(self.generation)
    }
}

impl<S: CallbackSignature> Drop for Callback<S> {
    fn drop(&mut self) {
        let inside = self.place.close();
        if self.is_scoped && inside > 0 {
            // See INVARIANT(closure.scoped).
            place::abort(format_args!(
                "the scope of a callback ended while native code was inside it: {}. Native code that calls \
                 back after the call that was given the callback needs `Callback::new`",
                self.place
            ));
        }
    }
}

impl<S: CallbackSignature> fmt::Debug for Callback<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("what", &format_args!("{}", self.place))
            .field("calls_inside", &self.place.calls())
            .finish()
    }
}
