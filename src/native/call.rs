//! A native call: out, on the carrier's stack, and back.

use super::Target;
use crate::target::ledger::row_of;
use crate::task::local::{self, Local};
use crate::transition::{self, TransitionError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Runs `f`, which calls native code, announced as a call of `target`.
///
/// While `f` runs, the worker of the task serves others if they wait; after it the task has a worker
/// again. `f` runs on the carrier's own stack, and acts as on a thread without a task: what it
/// spawns goes to the global queue, what it waits for puts the thread to sleep. `f` may be run on
/// another thread than the caller's, hence `Send` (a closure that uses a `&mut` through methods that
/// take `&self` wants `move` for that); [`call_here`] never does that. `errno` is as `f` left it.
///
/// Outside of managed code of a task, `f` runs plainly. A suspension point of a task that may
/// migrate.
///
/// # Panics
/// With the panic of `f`, or with that of a [`callback`](super::callback()) under it, which goes first.
/// If there is no memory for another layer. If the runtime was shut down meanwhile, the task unwinds.
///
/// ```
/// use sortie::native::{self, Target};
///
/// static GETPID: Target = Target::named("getpid");
/// let runtime = sortie::Runtime::new()?;
/// // SAFETY: `getpid` has no conditions.
/// let pid = runtime.run(|| native::call(&GETPID, || unsafe { libc::getpid() }));
/// assert_eq!(pid as u32, std::process::id());
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[inline]
pub fn call<R: Send>(target: &Target, f: impl FnOnce() -> R + Send) -> R {
    call_here(target, f)
}

/// As [`call`], for a closure that must run on the caller's thread: `f` need not be `Send`.
///
/// # Panics
/// As [`call`].
///
/// ```
/// use sortie::native::{self, Target};
///
/// static STRLEN: Target = Target::named("strlen");
/// let text = std::rc::Rc::new(c"eight...".to_owned());
/// // SAFETY: the string ends with a NUL.
/// let length = native::call_here(&STRLEN, || unsafe { libc::strlen(text.as_ptr()) });
/// assert_eq!(length, 8);
/// ```
#[inline]
pub fn call_here<R>(target: &Target, f: impl FnOnce() -> R) -> R {
    if !sortie_scheduler::is_managed() {
        return f();
    }
    let mut f = Some(f);
    let called = local::with(|local| announced(local, target, || (f.take().expect("one call"))()));
    match called {
        Some(value) => value,
        // A task of the scheduler that was not spawned by this crate.
        None => f.take().expect("not called yet")(),
    }
}

fn announced<R>(local: &Local, target: &Target, f: impl FnOnce() -> R) -> R {
    let address = target.address();
    // Before the call: finding a row may allocate, which may touch `errno`.
    let row = row_of(target);
    if let Err(error) = transition::out(local, address) {
        refused(target, error);
    }
    let outer = local.set_row(row);
    let start = Instant::now();
    // SAFETY: the closure does not unwind, and the task is in native code until `back`.
    let result =
        unsafe { sortie_scheduler::on_carrier_stack(|| catch_unwind(AssertUnwindSafe(f))) };
    let took = start.elapsed();
    local.set_row(outer);
    match transition::back(local) {
        Ok(false) => {
            if let Some(row) = row {
                row.record(took, false);
            }
        }
        Ok(true) => record_elsewhere(target, took),
        // The runtime is gone. The native code has returned, so the frames may unwind.
        Err(_) => sortie_scheduler::crossing::stop_after_return(),
    }
    if let Some(payload) = local.take_panic() {
        sortie_scheduler::raise(payload);
    }
    sortie_scheduler::checkpoint();
    result.unwrap_or_else(|payload| sortie_scheduler::raise(payload))
}

/// The task waited for a worker, and may be on another carrier: the row is that one's.
#[cold]
#[inline(never)]
fn record_elsewhere(target: &Target, took: std::time::Duration) {
    let errno = sortie_scheduler::crossing::Errno::save();
    if let Some(row) = row_of(target) {
        row.record(took, true);
    }
    errno.restore();
}

#[cold]
fn refused(target: &Target, error: TransitionError) -> ! {
    panic!("the native function {target} is not called: {error}")
}
