//! Brackets of thread affinity.

use std::fmt;
use std::marker::PhantomData;

/// From here on the current task stays on this thread, however often it is suspended, until as many
/// [`end_thread_affinity`] have followed. Brackets nest, and are counted.
///
/// For whoever calls native code that ties something to its thread between calls: a lock that is taken in
/// one and released in another, a context that is current, a message loop. In managed code and in native
/// code. A task that is pinned by its spawn stays anyhow; a thread without a task cannot leave itself, and
/// only counts. Does not block.
///
/// The brackets that a task has open when it ends are closed, with a warning.
///
/// ```
/// use sortie::task;
///
/// // SAFETY: the task holds nothing of its thread while it is suspended, but for the bracket.
/// let runtime = unsafe { sortie::Runtime::builder().migrating() }.build()?;
/// runtime.run(|| {
///     task::begin_thread_affinity();
///     let thread = std::thread::current().id();
///     sortie::yield_now();
///     assert_eq!(thread, std::thread::current().id());
///     task::end_thread_affinity()
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn begin_thread_affinity() {
    sortie_scheduler::affinity::begin();
}

/// Closes a bracket that [`begin_thread_affinity`] opened. Does not block.
///
/// # Errors
/// [`AffinityError`]: none is open on this task, or this thread, if it runs none; nothing was done.
pub fn end_thread_affinity() -> Result<(), AffinityError> {
    if sortie_scheduler::affinity::end() { Ok(()) } else { Err(AffinityError) }
}

/// From here to its end the current task has its thread for itself: it is not switched away any more, but waits in
/// place, and its worker serves others meanwhile, on other threads. False: no task runs here.
///
/// For code that cannot stand that another task runs on its thread between two of its steps, as a VM that keeps
/// what belongs to a task in thread-locals. It costs a thread for each such task, of those that
/// [`Builder::max_carriers`](crate::Builder::max_carriers) allows. In managed code and in native code; does not block.
///
/// ```
/// use sortie::task;
///
/// let runtime = sortie::Runtime::builder().workers(1).build()?;
/// let threads = [0, 1].map(|_| {
///     runtime.spawn(|| {
///         assert!(task::keep_thread());
///         let before = std::thread::current().id();
///         sortie::sleep(std::time::Duration::from_millis(5));
///         assert_eq!(before, std::thread::current().id());
///         before
///     })
/// });
/// let [one, other] = threads.map(|task| task.join().unwrap());
/// assert_ne!(one, other);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn keep_thread() -> bool {
    sortie_scheduler::affinity::keep_carrier()
}

/// A bracket of thread affinity was closed that nobody had opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AffinityError;

impl fmt::Display for AffinityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no bracket of thread affinity is open here: begin_thread_affinity comes first, and is \
             ended once, by the same task",
        )
    }
}

impl std::error::Error for AffinityError {}

/// [`begin_thread_affinity`] as a scope: closed when it is dropped. Stays on its thread, which is where
/// the task stays.
///
/// ```
/// use sortie::task::ThreadAffinity;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     let _here = ThreadAffinity::begin();
///     sortie::yield_now();
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use = "the bracket is closed when the value is dropped"]
pub struct ThreadAffinity {
    thread: PhantomData<*mut ()>,
}

impl ThreadAffinity {
    /// Opens a bracket.
    pub fn begin() -> ThreadAffinity {
        begin_thread_affinity();
        ThreadAffinity { thread: PhantomData }
    }
}

impl Drop for ThreadAffinity {
    fn drop(&mut self) {
        if let Err(error) = end_thread_affinity() {
            tracing::error!(target: "sortie::task", %error, "a bracket was closed twice");
        }
    }
}
