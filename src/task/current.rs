//! The task that runs here: who it is, how soon it gets its turns, and where it lets the runtime in.

use sortie_scheduler::{Id, Priority};
use std::sync::Arc;

/// The task that this code belongs to; `None` on a thread that runs none.
///
/// Answers in managed code and in native code that a task has called.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let name = runtime.run(|| {
///     let task = sortie::task::Builder::new().name("loader").spawn(|| {
///         sortie::task::current().and_then(|task| task.name().map(str::to_owned))
///     });
///     task.join().unwrap()
/// });
/// assert_eq!(name.as_deref(), Some("loader"));
/// assert!(sortie::task::current().is_none());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn current() -> Option<Current> {
    sortie_scheduler::current_task().map(|(id, name)| Current { id, name })
}

/// A task, as it is to be named: see [`current`].
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(|| sortie::task::current().unwrap());
/// let id = task.id();
/// assert_eq!(task.join().unwrap().id(), id);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    pub(super) id: Id,
    pub(super) name: Option<Arc<str>>,
}

impl Current {
    /// The task's number in its runtime.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let id = || sortie::task::current().unwrap().id();
    /// assert_ne!(runtime.run(id), runtime.run(id));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was given one.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let current = runtime.spawn(|| sortie::task::current().unwrap()).join().unwrap();
    /// assert_eq!(current.name(), None);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl std::fmt::Display for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name:?} (id {})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// A point where a long computation lets the runtime in: takes an abort, and lets others run if the
/// runtime has asked for it.
///
/// It asks when a task has not switched for 10 ms while others wait. Until then this costs a few loads, so
/// it may stand in an inner loop. Who means to let others run each time calls
/// [`yield_now`](crate::yield_now).
///
/// A task that was asked lets those run that are ready, and then for 10 ms whoever else is ready; for twice as long each
/// further time, up to 80 ms, as long as it lets others run only when it is asked. While nobody else is ready it goes on.
///
/// A suspension point. Outside of a task, and in native code, it does nothing. Keeps `errno`.
///
/// # Panics
/// In debug builds, under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let sum = runtime.run(|| {
///     (0..1_000_000u64).inspect(|n| if n % 10_000 == 0 { sortie::task::checkpoint() }).sum::<u64>()
/// });
/// assert_eq!(sum, 499_999_500_000);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn checkpoint() {
    sortie_scheduler::check_suspension("a checkpoint");
    sortie_scheduler::checkpoint();
}

/// The current task's priority; `None` on a thread that runs none.
///
/// In managed code and in native code.
///
/// ```
/// use sortie::task::{self, Priority};
///
/// let runtime = sortie::Runtime::new()?;
/// assert_eq!(runtime.run(task::priority), Some(Priority::Normal));
/// assert_eq!(task::priority(), None);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn priority() -> Option<Priority> {
    sortie_scheduler::priority()
}

/// Changes the current task's priority, from the next time on that it becomes ready. False: no task runs here.
///
/// In managed code and in native code; does not block.
/// [`JoinHandle::set_priority`](crate::JoinHandle::set_priority) changes another's.
///
/// ```
/// use sortie::task::{self, Priority};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     assert!(task::set_priority(Priority::Idle));
///     // What nobody waits for.
///     sortie::yield_now();
/// });
/// assert!(!task::set_priority(Priority::Idle));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn set_priority(priority: Priority) -> bool {
    sortie_scheduler::set_priority(priority)
}
