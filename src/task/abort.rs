//! Aborts, as a task's own code sees them: regions that delay them, what is caught in their place, and its own.

pub use sortie_scheduler::abort::{AbortError, AbortHandle, DelayError};

use std::any::Any;

/// Runs `f`, and raises no abort in the current task meanwhile: one that comes is raised when `f` is over.
///
/// For steps that belong together, of which the first is in vain, or harmful, without the last. Neither
/// [`JoinHandle::abort`](crate::JoinHandle::abort), nor a rude one, nor a time limit from outside of the region
/// goes into it; native calls in it are not cancelled; a shutdown waits, until its deadline. What waits in `f`
/// waits to its end, so `f` should be short. A time limit inside of the region works as ever.
///
/// Inside of another region it is part of that one. Outside of a task `f` just runs.
///
/// # Panics
/// With the panic of `f`.
///
/// ```
/// use sortie::task;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
/// use std::time::Duration;
///
/// let runtime = sortie::Runtime::new()?;
/// let (debit, credit) = (Arc::new(AtomicU32::new(100)), Arc::new(AtomicU32::new(0)));
/// let task = {
///     let (debit, credit) = (debit.clone(), credit.clone());
///     runtime.spawn(move || {
///         loop {
///             task::delay_abort(|| {
///                 debit.fetch_sub(1, SeqCst);
///                 sortie::yield_now();
///                 credit.fetch_add(1, SeqCst);
///             });
///         }
///     })
/// };
/// task.abort();
/// assert!(task.join().unwrap_err().is_aborted());
/// assert_eq!(debit.load(SeqCst).wrapping_add(credit.load(SeqCst)), 100);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn delay_abort<R>(f: impl FnOnce() -> R) -> R {
    sortie_scheduler::abort::delay(f)
}

/// From here on no abort is raised in the current task, until [`end_delay_abort`]. For code that cannot use
/// [`delay_abort`], as a host's. In managed code and in native code; does not block.
///
/// A flag, and not counted: who finds it set does not end it. A region that is open when its task ends, ends
/// with it.
///
/// # Errors
/// [`DelayError`]: a region is open already, or no task runs here; nothing was done.
///
/// ```
/// use sortie::task::{self, DelayError};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     assert_eq!(task::begin_delay_abort(), Ok(()));
///     assert_eq!(task::begin_delay_abort(), Err(DelayError::Open));
///     assert_eq!(task::end_delay_abort(), Ok(()));
///     assert_eq!(task::end_delay_abort(), Err(DelayError::NotOpen));
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn begin_delay_abort() -> Result<(), DelayError> {
    sortie_scheduler::abort::begin_delay()
}

/// Ends the region that [`begin_delay_abort`] opened, and raises the abort that came meanwhile. A suspension
/// point in so far; in native code it is raised on return.
///
/// # Errors
/// [`DelayError`]: no region is open, or no task runs here; nothing was done.
pub fn end_delay_abort() -> Result<(), DelayError> {
    sortie_scheduler::abort::end_delay()
}

/// Is this what an abort, or a time limit, unwinds a task with?
///
/// Code that catches panics lets it pass by [`resume_unwind`](std::panic::resume_unwind). If it does not, the
/// task goes on, and is asked again at its next suspension point, and at each one after that.
///
/// ```
/// use sortie::task;
/// use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
/// use std::time::Duration;
///
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(|| {
///     loop {
///         let request = catch_unwind(AssertUnwindSafe(|| sortie::sleep(Duration::from_secs(1))));
///         match request {
///             Err(payload) if task::is_abort(&*payload) => resume_unwind(payload),
///             Err(_) => eprintln!("a request has panicked"),
///             Ok(()) => {}
///         }
///     }
/// });
/// task.abort();
/// assert!(task.join().unwrap_err().is_aborted());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn is_abort(payload: &(dyn Any + Send)) -> bool {
    sortie_scheduler::abort::is_abort(payload)
}

/// Aborts the current task: unwinds it from here, and its join says that it was aborted.
///
/// Returns only where that cannot be: in [`delay_abort`], at the end of which it is raised; while the thread
/// panics, in native code, and in a callback that does not catch, until the next suspension point where it may be.
///
/// # Errors
/// [`AbortError`]: no task runs here, or the program is built with `panic = "abort"`; nothing was done.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(|| {
///     sortie::task::abort_current().unwrap();
///     unreachable!("it was unwound");
/// });
/// assert!(task.join().unwrap_err().is_aborted());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn abort_current() -> Result<(), AbortError> {
    sortie_scheduler::abort::abort_current()
}
