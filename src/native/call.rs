//! A native call: out, on the carrier's stack or the task's, and back.
//!
//! Two ways. Nearly all calls are of functions that are known to be short, and take the way of `call/fast.rs`, which
//! has no locked instruction, no fence and no call but the function's; those whose callbacks may suspend that of
//! `call/on_stack.rs` or `call/anywhere.rs`. All others take that of `call/general.rs`: it times calls, hands workers
//! over, limits, traces.

mod anywhere;
mod fast;
pub(super) mod general;
mod on_stack;

use self::fast::Fast;
use super::Target;

/// Runs `f`, which calls native code, announced as a call of `target`.
///
/// While `f` runs, the worker of the task serves others if they wait; after it the task has a worker
/// again. `f` runs on the carrier's own stack, and acts as on a thread without a task: what it
/// spawns goes to the global queue, what it waits for puts the thread to sleep. `f` may be run on
/// another thread than the caller's, hence `Send` (a closure that uses a `&mut` through methods that
/// take `&self` wants `move` for that), as by [`offload`](super::offload()): so it is if the function may block, and
/// other tasks that are pinned to this thread would wait with it; and if it is known to block, the task may migrate,
/// and others wait on its worker. [`call_here`] never does that. `errno` is as `f` left it.
///
/// Outside of managed code of a task, `f` runs plainly. A suspension point of a task that may
/// migrate.
///
/// # Panics
/// With the panic of `f`, or with that of a [`callback`](super::callback()) under it, which goes first. (Where `f` runs on the
/// stack of its caller, in a callback, say, its own panic goes first, and an event tells of the other.) If there is no memory
/// for another layer, or the target's [`Policy`](super::Policy) denies calls, which it does on each thread. If
/// the runtime was shut down meanwhile, the task unwinds.
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
#[inline(always)]
pub fn call<R: Send>(target: &Target, f: impl FnOnce() -> R + Send) -> R {
    let profile = target.profile();
    match Fast::<false>::prepare(profile) {
        Some(fast) => fast.run(f),
        None => general::call(target, profile, f),
    }
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
#[inline(always)]
pub fn call_here<R>(target: &Target, f: impl FnOnce() -> R) -> R {
    let profile = target.profile();
    match Fast::<false>::prepare(profile) {
        Some(fast) => fast.run(f),
        None => general::call_here(target, profile, f),
    }
}

/// A call of a function that `pinvoke!` has declared: as [`call_here`], but for what its own
/// declaration allows ([`Policy::offload`](super::Policy::offload)).
///
/// # Safety
/// `f` may run, and end, on another thread if the target declares that.
#[inline(always)]
pub(super) unsafe fn call_declared<R>(target: &Target, f: impl FnOnce() -> R) -> R {
    let profile = target.profile();
    match Fast::<false>::prepare(profile) {
        Some(fast) => fast.run(f),
        None => general::call_declared(target, profile, f),
    }
}
