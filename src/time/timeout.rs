//! Code with a time limit: it is unwound when its time has come.

use sortie_scheduler::abort;
use sortie_scheduler::wait::deadline;
use std::time::{Duration, Instant};

/// The time limit of [`timeout`] or [`timeout_at`] was reached before the code was done, and it was unwound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time limit was reached before the code was done; its destructors have run")
    }
}

impl std::error::Error for Elapsed {}

/// Runs `f`, in this task, and ends it when `duration` has passed.
///
/// When the time has come, `f` unwinds from its next suspension point or checkpoint, as by an abort: each of its
/// destructors runs, without a panic's message, and what it waited at is left as if it had not come. So `f` may
/// hold locks and wait at whatever it likes, and needs to know nothing of the limit. A native call that can be
/// cancelled ([`native::call_cancellable`](crate::native::call_cancellable)) is, by its hook. What reaches no
/// suspension point is not ended, and if `f` returns before it was unwound its value counts, however late it is.
///
/// Limits nest, and the one that comes first ends what is inside of it: the outer one ends the inner `timeout` too,
/// which then does not return. An abort of the task is not an end of the limit: it unwinds the whole task. Regions
/// that delay aborts delay this as well, if they begin inside of `f`. Code that catches panics should let this pass
/// ([`task::is_abort`](crate::task::is_abort)), else it is raised again.
///
/// Where no task can be unwound `f` just runs, to its end: on a thread without a task, in native code, and in
/// programs that are built with `panic = "abort"`. There use the timed form of each wait.
///
/// # Errors
/// [`Elapsed`]: `f` was unwound.
///
/// # Panics
/// With `f`.
///
/// ```
/// use sortie::time::{Elapsed, timeout};
/// use std::time::Duration;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     let slow = timeout(Duration::from_millis(5), || sortie::sleep(Duration::from_secs(60)));
///     assert_eq!(slow, Err(Elapsed));
///     assert_eq!(timeout(Duration::from_secs(60), || 6 * 7), Ok(42));
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn timeout<R>(duration: Duration, f: impl FnOnce() -> R) -> Result<R, Elapsed> {
    timeout_at(deadline(duration), f)
}

/// [`timeout`] with the time at which `f` is ended.
///
/// # Errors
/// As [`timeout`].
///
/// # Panics
/// With `f`.
///
/// ```
/// use sortie::time::{Elapsed, timeout_at};
/// use std::time::{Duration, Instant};
///
/// let runtime = sortie::Runtime::new()?;
/// let both = runtime.run(|| {
///     let until = Instant::now() + Duration::from_millis(5);
///     let first = timeout_at(until, || sortie::sleep(Duration::from_millis(1)));
///     // What is left of the same five milliseconds.
///     let second = timeout_at(until, || sortie::sleep(Duration::MAX));
///     (first, second)
/// });
/// assert_eq!(both, (Ok(()), Err(Elapsed)));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn timeout_at<R>(until: Instant, f: impl FnOnce() -> R) -> Result<R, Elapsed> {
    abort::until(until, f).map_err(|_| Elapsed)
}
