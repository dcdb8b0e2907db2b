//! Native code: how tasks call it, and how it calls back.
//!
//! - [`call()`], [`call_here`]: run a closure that calls native code, announced.
//! - [`callback()`], [`try_callback`]: managed code that native code calls back.
//! - [`Library`], [`NativeFn`]: functions of shared libraries, found at run time.
//! - [`pinvoke!`](crate::pinvoke): blocks of foreign functions, found on first use.
//!
//! Native code runs on the carrier's own stack (8 MiB, with bounds as libraries expect), not on the
//! task's. While it runs, the task's worker serves other tasks if they wait.

mod call;
mod callback;
mod error;
mod library;
#[doc(hidden)]
pub mod pinvoke;
mod search;

pub use crate::target::Target;
pub use call::{call, call_here};
pub use callback::{callback, try_callback};
pub use error::{NativeError, Tried};
pub use library::{Library, NativeFn, NativeSignature};
