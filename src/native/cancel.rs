//! Native calls that an abort, or the end of the runtime, cuts short.
//!
//! An abort is raised where a task waits; a native call goes on. Most libraries have a means to interrupt a
//! call from another thread, and a *hook* is what uses it: `sqlite3_interrupt`, a signal to the thread,
//! `shutdown` of a socket.

use super::Target;
use super::call::general;
use std::sync::Arc;

pub use sortie_scheduler::Cancelled;

/// As [`call_here`](super::call_here), for a call that can be cancelled: if the task is aborted
/// ([`JoinHandle::abort`](crate::JoinHandle::abort)), or its runtime shuts down, while `f` runs, `hook` is run
/// to bring `f` to an early end. The abort is then raised when `f` has returned.
///
/// `hook` is run by whoever asks for the abort, on that thread, or on one of the runtime's; never after this has
/// returned, and once for the call unless it asks for more ([`Cancelled::repeat_after`]). This waits until a
/// hook that runs is over. So the hook may borrow what the call borrows, as a handle of the connection, and hits
/// no other call. It may be run before `f` has begun to block.
///
/// - While a callback runs under `f`, the abort is raised there; the hook is run when the native code goes on.
/// - Calls nest by callbacks: the hook of the innermost is run, if it is the one with native code on top.
/// - A task that was aborted before makes no call that can be cancelled: the abort is raised. Where it cannot be
///   (a destructor of a task that unwinds rolls back its transaction) the call is made, and never cancelled.
/// - Calls of a function that is [unhooked](super::Policy::unhooked), and outside of tasks, have no hook run.
///
/// # The hook
/// It should take no longer than a system call, for the aborter and the task wait for it, and a shutdown
/// beyond its deadline. It may lock what is never locked over a wait, send, wake, spawn. It must not wait for
/// the task, or for anything that comes after its call, nor shut the runtime down: that would never end. A panic
/// of it is caught; an error event says so.
///
/// # Panics
/// As [`call_here`](super::call_here).
///
/// ```
/// use sortie::native::{self, Target};
/// use std::io::Read;
/// use std::net::Shutdown;
/// use std::os::unix::net::UnixStream;
///
/// static READ: Target = Target::named("read");
/// let runtime = sortie::Runtime::new()?;
/// let (mut stream, peer) = UnixStream::pair()?;
/// let task = runtime.spawn(move || {
///     let interrupter = stream.try_clone().unwrap();
///     let hook = |_: &native::Cancelled| drop(interrupter.shutdown(Shutdown::Both));
///     // Nobody writes.
///     native::call_cancellable(&READ, hook, || stream.read(&mut [0]))
/// });
/// task.abort();
/// assert!(task.join().unwrap_err().is_aborted());
/// # drop(peer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn call_cancellable<R>(
    target: &Target,
    mut hook: impl FnMut(&Cancelled) + Send,
    f: impl FnOnce() -> R,
) -> R {
    general::call_cancellable(target, &mut hook, f)
}

/// Cancels calls of the target's function by `hook`, in all runtimes of the process, from the next call on, in
/// place of a hook that was set before: as [`call_cancellable`] does one call.
///
/// For functions that need no more than the thread ([`Cancelled::pthread`]) to be interrupted; a call whose hook
/// needs to know what the call works on has one of its own. What is made by raw
/// [`transition::leave`](crate::transition::leave) has none.
///
/// It costs each call some locks, where one of a short function has none. The hook is kept until
/// [`clear_on_cancel`], or until the code is unloaded; one of a target without an address, for as long as that
/// target.
///
/// ```
/// use sortie::native::{self, Target};
/// use std::time::Duration;
///
/// extern "C" fn interrupt(_: libc::c_int) {}
/// let handler = interrupt as extern "C" fn(libc::c_int);
/// // SAFETY: the handler does nothing. Not `SA_RESTART`: the system call is to fail with `EINTR`.
/// unsafe {
///     let mut action: libc::sigaction = std::mem::zeroed();
///     action.sa_sigaction = handler as usize;
///     libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
/// }
///
/// static PAUSE: Target = Target::named("pause");
/// native::on_cancel(&PAUSE, |cancelled| {
///     // SAFETY: the thread is in the call, or waits for this hook.
///     unsafe { libc::pthread_kill(cancelled.pthread(), libc::SIGUSR1) };
///     // The signal may have come before the system call.
///     cancelled.repeat_after(Duration::from_millis(1));
/// });
///
/// let runtime = sortie::Runtime::new()?;
/// // SAFETY: `pause` has no conditions.
/// let task = runtime.spawn(|| native::call_here(&PAUSE, || unsafe { libc::pause() }));
/// task.abort();
/// assert!(task.join().unwrap_err().is_aborted());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn on_cancel(target: &Target, hook: impl Fn(&Cancelled) + Send + Sync + 'static) {
    target.set_cancel_hook(Some(Arc::new(hook)));
}

/// Takes back what [`on_cancel`] has set; false if there was nothing. Calls that are out keep their hook.
///
/// ```
/// use sortie::native::{self, Target};
///
/// static WORK: Target = Target::named("work");
/// native::on_cancel(&WORK, |_| ());
/// assert!(native::clear_on_cancel(&WORK));
/// assert!(!native::clear_on_cancel(&WORK));
/// ```
pub fn clear_on_cancel(target: &Target) -> bool {
    target.set_cancel_hook(None)
}
