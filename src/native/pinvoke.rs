//! [`pinvoke!`](crate::pinvoke): blocks of foreign functions, written as Rust declares them, resolved on first use.
//!
//! `pinvoke.rs` has the macro that users see: it only parses. `expand` has the hidden macro that writes the code;
//! `symbol` has what that code stands on. Public but hidden, because expansions in other crates name it; nothing here
//! is an interface for users.
//!
//! What one call of the macro puts into the user's scope: the functions, `load`, `targets`, and a hidden module that
//! is also called `targets` and holds one [`Symbol`] for each function (modules and functions have separate name
//! spaces, so no further name is taken).

mod expand;
mod symbol;

pub use self::symbol::{Origin, Symbol, TargetList, collect, load};

/// A call of a function that the macro has declared.
///
/// # Safety
/// `f` may run, and end, on another thread if the target's declaration says so.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn call<R>(target: &crate::native::Target, f: impl FnOnce() -> R) -> R {
    // SAFETY: passed on.
    unsafe { super::call::call_declared(target, f) }
}

/// Declares functions of native libraries, to be called like Rust functions and known to the runtime as native calls.
///
/// ```
/// use std::ffi::{c_char, c_int, c_void};
///
/// sortie::pinvoke! {
///     #[library = "m"]
///     unsafe extern "C" {
///         /// The cosine of `x`, in radians.
///         safe fn cos(x: f64) -> f64;
///     }
///
///     #[library = "c"]
///     unsafe extern "C" {
///         fn qsort(
///             base: *mut c_void,
///             count: usize,
///             bytes: usize,
///             compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
///         );
///         #[symbol = "strlen"]
///         unsafe fn c_length(text: *const c_char) -> usize;
///     }
/// }
///
/// extern "C" fn by_value(left: *const c_void, right: *const c_void) -> c_int {
///     // SAFETY: `qsort` passes pointers to two elements of the array, which are `i32`.
///     let (left, right) = unsafe { (*left.cast::<i32>(), *right.cast::<i32>()) };
///     left.cmp(&right) as c_int
/// }
///
/// assert_eq!(cos(0.0), 1.0);
///
/// let mut numbers = [3, 1, 2];
/// // SAFETY: three elements of four bytes, and a comparator for them.
/// unsafe { qsort(numbers.as_mut_ptr().cast(), 3, 4, by_value) };
/// assert_eq!(numbers, [1, 2, 3]);
///
/// // SAFETY: a C string.
/// assert_eq!(unsafe { c_length(c"four".as_ptr()) }, 4);
/// ```
///
/// # What is written
///
/// Any number of blocks `unsafe extern "C" { … }`. The `unsafe` is the author's promise that each
/// declaration has the true signature, that each `safe fn` is sound to call with any arguments, and that each library
/// may be loaded into the process (see [`Library::open`](crate::native::Library::open)).
///
/// - `#[library = "name"]` before a block names its library, which is looked for by the rule of
///   [`Library`](crate::native::Library#where-a-name-is-looked-for). It is opened once, at the first call
///   of one of its functions, and never closed.
/// - A block **without** `#[library]` declares functions that are linked into the program: by a build script, a
///   `-sys` crate, or because they are statically linked. The linker resolves them; they cannot be missing.
/// - `safe fn` becomes a safe Rust function; `unsafe fn`, and `fn` alone, an unsafe one.
/// - `#[symbol = "name"]` gives the name in the library where it differs from the Rust name.
/// - `#[policy = expression]` is a constant [`Policy`](crate::native::Policy) for the calls of a function, as in
///   [`Target::with_policy`](crate::native::Target::with_policy). Names in it are looked up in the module around the
///   macro, not among the locals of a function body. A contradictory one is an error of the compiler.
/// - Visibility, documentation, `#[cfg]`, `#[must_use]` and other attributes stay with the function. Conditions on a whole
///   block belong on the module around it.
/// - Variadic functions cannot be declared: their calls have no one type.
///
/// # What there is afterwards
///
/// Besides the functions, visible in the crate:
///
/// - `fn load() -> Result<(), NativeError>` resolves every function of this call of the macro, in order, and returns the
///   first error. Functions that it has resolved cost one load of an atomic before each call.
/// - `fn targets() -> &'static [&'static Target]`: what the runtime knows the functions by, in the order of
///   declaration. The address of a target that is not yet resolved is zero.
///
/// Because of these two names a module can hold only one call of the macro. A foreign function of the name `load` or
/// `targets` needs a `#[symbol]`.
///
/// # Panics
///
/// A function whose library or symbol is missing panics when it is called, with the text of
/// the [`NativeError`](crate::native::NativeError), which lists everything that was tried. `load` asks beforehand,
/// without a panic. So a library that may be absent is declared in a module of its own:
///
/// ```
/// mod zlib {
///     sortie::pinvoke! {
///         #[library = "z"]
///         unsafe extern "C" {
///             /// A checksum of the bytes, going on from `sum`.
///             pub unsafe fn crc32(sum: std::ffi::c_ulong, bytes: *const u8, count: u32) -> std::ffi::c_ulong;
///         }
///     }
/// }
///
/// match zlib::load() {
///     // SAFETY: nine bytes.
///     Ok(()) => assert_eq!(unsafe { zlib::crc32(0, b"123456789".as_ptr(), 9) }, 0xcbf4_3926),
///     Err(error) => println!("no checksums here: {error}"),
/// }
/// ```
///
/// # Policies
///
/// ```
/// mod c {
///     use sortie::native::{Class, Policy};
///     use std::ffi::{c_int, c_uint};
///
///     // SAFETY: for arithmetic only, which does not call back, and needs no stack to speak of.
///     const LEAF: Policy = unsafe { Policy::new().class(Class::Short).task_stack(8192) };
///
///     sortie::pinvoke! {
///         #[library = "m"]
///         unsafe extern "C" {
///             #[policy = LEAF]
///             pub safe fn tan(x: f64) -> f64;
///         }
///
///         #[library = "c"]
///         unsafe extern "C" {
///             #[policy = Policy::new().class(Class::Long).max_concurrent(16)]
///             pub safe fn usleep(microseconds: c_uint) -> c_int;
///         }
///     }
/// }
///
/// assert_eq!(c::tan(0.0), 0.0);
/// assert_eq!(c::targets()[0].policy().to_string(), "class=short, stack=task:8192");
/// assert_eq!(c::targets()[1].policy().to_string(), "class=long, max_concurrent=16");
/// ```
///
/// # Refused by the compiler
///
/// A policy that is contradictory:
///
/// ```compile_fail,E0080
/// sortie::pinvoke! {
///     #[library = "m"]
///     unsafe extern "C" {
///         #[policy = sortie::native::Policy::new().deny().max_concurrent(1)]
///         safe fn tan(x: f64) -> f64;
///     }
/// }
/// ```
///
/// A promise about native code without `unsafe`:
///
/// ```compile_fail,E0133
/// sortie::pinvoke! {
///     #[library = "m"]
///     unsafe extern "C" {
///         #[policy = sortie::native::Policy::new().unhooked()]
///         safe fn tan(x: f64) -> f64;
///     }
/// }
/// ```
///
/// An unsafe function is called without `unsafe`:
///
/// ```compile_fail,E0133
/// sortie::pinvoke! {
///     #[library = "c"]
///     unsafe extern "C" {
///         fn strlen(text: *const std::ffi::c_char) -> usize;
///     }
/// }
/// strlen(c"four".as_ptr());
/// ```
///
/// A variadic function:
///
/// ```compile_fail
/// sortie::pinvoke! {
///     #[library = "c"]
///     unsafe extern "C" {
///         fn printf(format: *const std::ffi::c_char, ...) -> i32;
///     }
/// }
/// ```
#[macro_export]
macro_rules! pinvoke {
    // Parses everything once, and passes it on with each part as one token tree:
    //     [library] { { [attributes] (visibility) [safety] name (arguments) [variadic] [return] } … } …
    // `$safe` and `$dots` never match anything: they carry the presence of the word before them over.
    ($(
        $(#[doc = $block_doc:expr])*
        $(#[library = $library:literal])?
        unsafe extern "C" {
            $(
                $(#[$($attribute:tt)*])*
                $visibility:vis
                $(safe $($safe:lifetime)?)?
                $(unsafe $($not_safe:lifetime)?)?
                fn $name:ident (
                    $($argument:ident : $type:ty),*
                    $(, $(... $($dots:lifetime)?)?)?
                )
                $(-> $return:ty)?;
            )*
        }
    )*) => {
        $crate::__pinvoke! { @blocks $(
            [$($library)?] {
                $({
                    [$(#[$($attribute)*])*]
                    ($visibility fn)
                    [$(safe $($safe)?)? $(unsafe $($not_safe)?)?]
                    $name
                    ($($argument: $type),*)
                    [$($(variadic $($dots)?)?)?]
                    [$(-> $return)?]
                })*
            }
        )* }
    };
}

#[cfg(test)]
mod tests;
