//! Functions made at run time: the one door to libffi.
//!
//! A [`Code`] is made once for a place and a signature and never freed, because the place is not: native
//! code that calls it late still finds a function, and the place says that nobody is there.

use super::place::Place;
use super::signature::sealed::Signature;
use super::types::sealed::Return;
use libffi::low;
use libffi::middle::{Cif, Closure};
use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;

/// No code could be made for a callback.
///
/// The system gave no memory, or none that is executable: some hardened systems forbid it. A callback with
/// a user pointer ([`Callback::user_first`](super::Callback::user_first),
/// [`user_last`](super::Callback::user_last)) needs none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeError(low::Error);

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.0 {
            low::Error::Allocation => "the system gave no executable memory",
            low::Error::Typedef | low::Error::ArgType => {
                "libffi does not know a type of it on this system"
            }
            _ => "libffi does not know how C functions are called on this system",
        };
        write!(
            f,
            "no code could be made for a callback: {why}; if the native function takes a user pointer, use \
             `Callback::user_first` or `user_last`, which need no code"
        )
    }
}

impl std::error::Error for CodeError {}

/// A C function that calls the callback of one place.
#[derive(Debug)]
pub(super) struct Code(Closure<'static>);

// SAFETY: it is never changed, and freed only if nobody ever saw its address; libffi locks for that.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// Makes a function of signature `S` that calls the callback at `place`.
    pub(super) fn new<S: Signature>(place: &'static Place) -> Result<Code, CodeError> {
        let interface = Cif::try_new(S::arguments(), S::Return::of()).map_err(CodeError)?;
        Closure::try_new(interface, entry::<S>, place).map(Code).map_err(CodeError)
    }

    /// The function. It has the signature that the code was made for.
    pub(super) fn address(&self) -> *const () {
        *self.0.code_ptr() as *const ()
    }
}

/// What libffi calls when native code called a [`Code`].
///
/// # Safety
///
/// For libffi only: `arguments` are those of a function of signature `S`, and `result` is for what it
/// returns.
unsafe extern "C" fn entry<S: Signature>(
    _interface: &low::ffi_cif,
    result: &mut MaybeUninit<<S::Return as Return>::Register>,
    arguments: *const *const c_void,
    place: &Place,
) {
    // SAFETY: libffi read them by the types of `S`.
    let arguments = unsafe { S::read(arguments) };
    result.write(place.called::<S>(arguments).into_register());
}
