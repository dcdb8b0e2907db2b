//! The C types that a callback takes and returns, and how libffi knows them.

use libffi::middle::Type;
use std::ffi::c_void;

/// A type that C passes to a callback: an integer, a floating-point number, or a raw pointer to a sized type.
///
/// Sealed. Structures by value and variable arguments are not supported, and neither are references: native
/// code keeps no promise about lifetimes, so take a raw pointer.
///
/// ```compile_fail,E0277
/// use sortie::native::Callback;
///
/// let text = Callback::<extern "C" fn(String) -> i32>::new(0, |_| 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a callback",
    label = "expected an integer, `f32`, `f64`, or a raw pointer"
)]
pub trait CType: sealed::Type {}

/// What a callback returns to C: a [`CType`], or `()` for `void`.
///
/// Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be what a callback returns",
    label = "expected an integer, `f32`, `f64`, a raw pointer, or `()`"
)]
pub trait CReturn: sealed::Return {}

#[diagnostic::do_not_recommend]
impl<T: sealed::Type> CType for T {}
#[diagnostic::do_not_recommend]
impl<T: sealed::Return> CReturn for T {}

pub(super) mod sealed {
    /// # Safety
    ///
    /// A type with a C ABI, which libffi passes as [`Return::of`] says.
    pub unsafe trait Type: Return {}

    /// # Safety
    ///
    /// `of` names this type, and `Register` is what libffi's closures have to write for it: an integer as
    /// wide as a register, with its sign, and anything else as it is.
    pub unsafe trait Return: Copy + 'static {
        type Register;
        fn of() -> libffi::middle::Type;
        fn into_register(self) -> Self::Register;
    }
}

/// Value types, each with what it is called in libffi and what it is in a register.
macro_rules! c_types {
    ($($type:ty: $name:ident in $register:ty;)*) => { $(
        // SAFETY: a primitive type with a C ABI.
        unsafe impl sealed::Type for $type {}
        // SAFETY: its name, and its register: the conversion keeps the sign.
        unsafe impl sealed::Return for $type {
            type Register = $register;
            fn of() -> Type {
                Type::$name()
            }
            fn into_register(self) -> $register {
                self as $register
            }
        }
    )* };
}

c_types! {
    i8: i8 in isize;
    i16: i16 in isize;
    i32: i32 in isize;
    i64: i64 in i64;
    isize: isize in isize;
    u8: u8 in usize;
    u16: u16 in usize;
    u32: u32 in usize;
    u64: u64 in u64;
    usize: usize in usize;
    f32: f32 in f32;
    f64: f64 in f64;
}

macro_rules! pointers {
    ($($pointer:ty)*) => { $(
        // SAFETY: a thin pointer, as C passes it.
        unsafe impl<T: 'static> sealed::Type for $pointer {}
        // SAFETY: all data pointers are `void *` to the ABI.
        unsafe impl<T: 'static> sealed::Return for $pointer {
            type Register = $pointer;
            fn of() -> Type {
                Type::pointer()
            }
            fn into_register(self) -> $pointer {
                self
            }
        }
    )* };
}

pointers!(*const T *mut T);

// SAFETY: `void`: nothing is written.
unsafe impl sealed::Return for () {
    type Register = ();
    fn of() -> Type {
        Type::void()
    }
    fn into_register(self) {}
}

/// Reads one argument of a libffi closure.
///
/// # Safety
///
/// `arguments` is what libffi gave to a closure whose argument `n` is a `T`.
pub(super) unsafe fn argument<T: sealed::Type>(arguments: *const *const c_void, n: usize) -> T {
    // SAFETY: libffi's array has a pointer for each argument.
    let place = unsafe { arguments.add(n) };
    // SAFETY: as above.
    let value = unsafe { *place };
    // SAFETY: it points to the value, of that type. A small one is the low end of a register: little endian.
    unsafe { value.cast::<T>().read() }
}

const _: () = assert!(
    cfg!(target_endian = "little"),
    "a small argument is read at the low end of its register"
);
