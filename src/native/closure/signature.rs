//! The signatures that a callback may have, and all that depends on how many arguments there are.
//!
//! One macro makes it for zero to six arguments: the constructors (so that the types of a closure's
//! parameters follow from the callback's), the two trampolines with a user pointer, and how libffi's
//! arguments are read.

use super::types::{self, CReturn, CType};
use super::{Callback, place};
use std::ffi::c_void;

/// The function pointer types that a [`Callback`] may stand for: `extern "C" fn(A, ..) -> R` and
/// `unsafe extern "C" fn(A, ..) -> R`, with up to six arguments of [`CType`]s and a [`CReturn`].
///
/// Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a callback",
    label = "expected `extern \"C\" fn(A, ..) -> R` or `unsafe extern \"C\" fn(A, ..) -> R`",
    note = "up to six arguments, which are integers, floating-point numbers or raw pointers"
)]
pub trait CallbackSignature: sealed::Signature {
    /// This type with the user pointer before the other arguments.
    type UserFirst;
    /// This type with the user pointer after the other arguments.
    type UserLast;

    #[doc(hidden)]
    fn user_first() -> Self::UserFirst;
    #[doc(hidden)]
    fn user_last() -> Self::UserLast;
}

pub(super) mod sealed {
    use super::super::types::sealed::Return;
    use std::ffi::c_void;

    /// # Safety
    ///
    /// For function pointers with a C ABI only; `arguments`, `Return` and `read` are those of the function.
    pub unsafe trait Signature: Copy + Send + Sync + 'static {
        type Arguments;
        type Return: Return;
        /// The closure, whatever its own type.
        type Closure: ?Sized + Send + Sync + 'static;

        fn arguments() -> Vec<libffi::middle::Type>;

        /// # Safety
        ///
        /// They are what libffi gave to a closure of this signature.
        unsafe fn read(arguments: *const *const c_void) -> Self::Arguments;

        fn apply(closure: &Self::Closure, arguments: Self::Arguments) -> Self::Return;

        /// # Safety
        ///
        /// A function of this type is at the address.
        unsafe fn from_address(address: *const ()) -> Self;
    }
}

macro_rules! signatures {
    ($( ($($argument:ident: $type:ident = $n:literal),*) $first:ident $last:ident)*) => { $(
        signatures! { @kind [extern "C" fn] ($($argument: $type = $n),*) $first $last }
        signatures! { @kind [unsafe extern "C" fn] ($($argument: $type = $n),*) $first $last }

        /// The function for libraries that pass the user pointer first.
        extern "C" fn $first<S, R: CReturn, $($type: CType),*>(user: *mut c_void, $($argument: $type),*) -> R
        where
            S: sealed::Signature<Arguments = ($($type,)*), Return = R>,
        {
            place::called_with::<S>(user, ($($argument,)*))
        }

        /// The function for libraries that pass the user pointer last.
        extern "C" fn $last<S, R: CReturn, $($type: CType),*>($($argument: $type,)* user: *mut c_void) -> R
        where
            S: sealed::Signature<Arguments = ($($type,)*), Return = R>,
        {
            place::called_with::<S>(user, ($($argument,)*))
        }
    )* };
    (@kind [$($fn:tt)*] ($($argument:ident: $type:ident = $n:literal),*) $first:ident $last:ident) => {
        // SAFETY: a function pointer with a C ABI; each argument is read by its own type and number.
        unsafe impl<R: CReturn, $($type: CType),*> sealed::Signature for $($fn)*($($type),*) -> R {
            type Arguments = ($($type,)*);
            type Return = R;
            type Closure = dyn Fn($($type),*) -> R + Send + Sync;

            fn arguments() -> Vec<libffi::middle::Type> {
                vec![$($type::of()),*]
            }

            #[allow(clippy::unused_unit, reason = "nothing is read if there are no arguments")]
            unsafe fn read(_arguments: *const *const c_void) -> Self::Arguments {
                ($(
                    // SAFETY: the caller passes on what libffi gave to a closure of this signature.
                    unsafe { types::argument::<$type>(_arguments, $n) },
                )*)
            }

            fn apply(closure: &Self::Closure, ($($argument,)*): Self::Arguments) -> R {
                closure($($argument),*)
            }

            unsafe fn from_address(address: *const ()) -> Self {
                const { assert!(size_of::<Self>() == size_of::<usize>()) };
                // SAFETY: of this type, as the caller promised; the sizes are equal.
                unsafe { std::mem::transmute::<*const (), Self>(address) }
            }
        }

        impl<R: CReturn, $($type: CType),*> CallbackSignature for $($fn)*($($type),*) -> R {
            type UserFirst = $($fn)*(*mut c_void, $($type),*) -> R;
            type UserLast = $($fn)*($($type,)* *mut c_void) -> R;

            fn user_first() -> Self::UserFirst {
                $first::<Self, R, $($type),*>
            }

            fn user_last() -> Self::UserLast {
                $last::<Self, R, $($type),*>
            }
        }

        impl<R: CReturn, $($type: CType),*> Callback<$($fn)*($($type),*) -> R> {
            /// Makes a callback of a closure. What `f` cannot answer, `fallback` does: see
            /// [`callback()`](crate::native::callback()).
            ///
            /// `f` may be called on any thread that native code calls from, by several at once.
            #[track_caller]
            pub fn new<Closure>(fallback: R, f: Closure) -> Self
            where
                Closure: Fn($($type),*) -> R + Send + Sync + 'static,
            {
                let closure: Box<dyn Fn($($type),*) -> R + Send + Sync> = Box::new(f);
                Callback::own(fallback, closure, false)
            }

            /// Makes a callback of a closure that may borrow, for as long as `body` runs.
            ///
            /// For native functions that are done with a callback when they return, as `qsort` is. Returns
            /// what `body` returns.
            ///
            /// # Aborts
            ///
            /// The process, with a message, if native code is still inside the callback on another thread
            /// when `body` ends, for `f` may borrow from the stack that ends there.
            #[track_caller]
            pub fn scoped<Closure, T>(fallback: R, f: Closure, body: impl FnOnce(&Self) -> T) -> T
            where
                Closure: Fn($($type),*) -> R + Sync,
            {
                let f = &f;
                let closure: Box<dyn Fn($($type),*) -> R + Send + Sync + '_> =
                    Box::new(move |$($argument: $type),*| f($($argument),*));
                // SAFETY: only the lifetime changes. The callback is dropped before `f` is, also by a
                // panic, as it is declared after it, and nobody else can drop or forget it. From then on
                // nobody enters the closure, and the process ends if somebody is inside:
                // INVARIANT(closure.scoped).
                let closure = unsafe {
                    std::mem::transmute::<
                        Box<dyn Fn($($type),*) -> R + Send + Sync + '_>,
                        Box<dyn Fn($($type),*) -> R + Send + Sync + 'static>,
                    >(closure)
                };
                let callback = Callback::own(fallback, closure, true);
                body(&callback)
            }
        }
    };
}

signatures! {
    () first_0 last_0
    (a: A = 0) first_1 last_1
    (a: A = 0, b: B = 1) first_2 last_2
    (a: A = 0, b: B = 1, c: C = 2) first_3 last_3
    (a: A = 0, b: B = 1, c: C = 2, d: D = 3) first_4 last_4
    (a: A = 0, b: B = 1, c: C = 2, d: D = 3, e: E = 4) first_5 last_5
    (a: A = 0, b: B = 1, c: C = 2, d: D = 3, e: E = 4, f: F = 5) first_6 last_6
}
