//! Native code: how tasks call it, and how it calls back.
//!
//! ```
//! use sortie::native::{self, Target};
//!
//! static SLEEP: Target = Target::named("usleep");
//!
//! let runtime = sortie::Runtime::builder().workers(1).build()?;
//! runtime.run(|| {
//!     let beside = sortie::spawn(|| "the only worker ran this meanwhile");
//!     // SAFETY: `usleep` has no conditions.
//!     native::call(&SLEEP, || unsafe { libc::usleep(50_000) });
//!     assert!(beside.is_finished());
//! });
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! - [`call()`], [`call_here`]: run a closure that calls native code, announced.
//! - [`call_cancellable`], [`on_cancel`]: calls that an abort or a shutdown cuts short.
//! - [`callback()`], [`try_callback`]: managed code that native code calls back.
//! - [`Callback`]: closures as the C functions that native code calls back.
//! - [`Library`], [`NativeFn`]: functions of shared libraries, found at run time.
//! - [`pinvoke!`](crate::pinvoke): blocks of foreign functions, found on first use.
//! - [`Target`], [`Class`]: what is known of a native function; [`Policy`], [`policy`]: how its calls are made.
//!
//! Native code runs on the carrier's own stack (8 MiB, with bounds as libraries expect), not on the
//! task's, unless a [`Policy`] says otherwise. While it runs, the task's worker serves other tasks if they wait.

// `call.rs`, `callback.rs`, `offload.rs`, `cancel.rs`: the ways out and in. `library.rs`, `search.rs`, `pinvoke.rs`: functions of
// shared libraries. `closure.rs`: closures as C functions. `policy.rs`: for whom a policy is. `error.rs`.

mod call;
mod callback;
mod cancel;
mod closure;
mod error;
mod library;
mod offload;
#[doc(hidden)]
pub mod pinvoke;
pub mod policy;
mod search;

pub use crate::target::Target;
pub use crate::target::class::Class;
pub use crate::target::policy::{Callbacks, FpEnv, Misclassified, Policy, PolicyError};
pub use call::{call, call_here};
pub use callback::{callback, try_callback};
pub use cancel::{Cancelled, call_cancellable, clear_on_cancel, on_cancel};
pub use closure::{CReturn, CType, Callback, CallbackSignature, CodeError};
pub use error::{NativeError, Tried};
pub use library::{Library, NativeFn, NativeSignature};
pub use offload::offload;
pub use policy::needs_hook;
