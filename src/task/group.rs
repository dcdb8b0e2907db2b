//! Groups: tasks under one name, with a limit, that are aborted and waited for together.

use super::{Builder, Current, Id};
use crate::JoinHandle;
use sortie_scheduler::wait::deadline;
use sortie_scheduler::{Semaphore, TaskSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tasks under one name, of one runtime or of several, wherever they are spawned: by [`Builder::group`].
///
/// A task is a member from its spawn to its end, whether or not it is joined. Clones are the same group. Dropping the
/// last one leaves the tasks alone.
///
/// ```
/// use sortie::task::Group;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     let connections = Group::new("connections");
///     for _ in 0..3 {
///         drop(connections.spawn(|| sortie::sleep(std::time::Duration::MAX)));
///     }
///     assert_eq!(connections.len(), 3);
///     connections.abort();
///     connections.wait().unwrap();
///     assert!(connections.is_empty());
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone)]
#[doc(alias = "TaskTracker")]
pub struct Group {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    tasks: Arc<TaskSet>,
    /// How many may be at work; `None`: all.
    permits: Option<Arc<Semaphore>>,
}

impl Group {
    /// A group without a limit.
    ///
    /// ```
    /// assert!(sortie::task::Group::new("import").is_empty());
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Group {
        Group::from_parts(name.into(), TaskSet::new(), None)
    }

    /// A group of which at most `limit` tasks are at work at once. The others are members, and wait for their turn
    /// when they are picked, first come first served, before they begin: each has a stack by then. 0: all wait.
    ///
    /// ```
    /// use sortie::task::Group;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let downloads = Group::queueing("downloads", 2);
    /// for _ in 0..10 {
    ///     let task = sortie::task::Builder::new().group(&downloads);
    ///     drop(task.spawn_on(&runtime.handle(), sortie::yield_now));
    /// }
    /// downloads.wait().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn queueing(name: impl Into<Arc<str>>, limit: usize) -> Group {
        // There is no memory for so many tasks.
        let permits = u32::try_from(limit).unwrap_or(u32::MAX);
        Group::from_parts(name.into(), TaskSet::new(), Some(Semaphore::new(permits)))
    }

    /// A group of at most `limit` tasks. What is spawned beyond is refused: it does not run, and its join says so
    /// ([`JoinError::is_over_limit`](crate::JoinError::is_over_limit)).
    ///
    /// ```
    /// use sortie::task::Group;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let sessions = Group::refusing("sessions", 1);
    ///     let first = sessions.spawn(|| sortie::sleep(std::time::Duration::MAX));
    ///     let second = sessions.spawn(|| ());
    ///     assert!(second.join().unwrap_err().is_over_limit());
    ///     first.abort();
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn refusing(name: impl Into<Arc<str>>, limit: usize) -> Group {
        Group::from_parts(name.into(), TaskSet::new().limited(limit), None)
    }

    fn from_parts(name: Arc<str>, tasks: TaskSet, permits: Option<Semaphore>) -> Group {
        let inner = Inner { name, tasks: Arc::new(tasks), permits: permits.map(Arc::new) };
        Group { inner: Arc::new(inner) }
    }

    /// The name, which is also that of members that have none of their own.
    ///
    /// ```
    /// assert_eq!(sortie::task::Group::new("import").name(), "import");
    /// ```
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How many tasks have not ended.
    ///
    /// ```
    /// assert_eq!(sortie::task::Group::new("nobody").len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.inner.tasks.len()
    }

    /// True if all tasks have ended.
    ///
    /// ```
    /// assert!(sortie::task::Group::new("nobody").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.inner.tasks.is_empty()
    }

    /// How many tasks wait for their turn, in a group that queues.
    pub fn queued(&self) -> usize {
        self.inner.permits.as_ref().map_or(0, |permits| permits.waiting())
    }

    /// The tasks that have not ended, by number.
    pub fn members(&self) -> Vec<Current> {
        let members = self.inner.tasks.members().into_iter();
        members.map(|(id, name)| Current { id, name }).collect()
    }

    /// Spawns a task of the group on the current task's runtime: as [`sortie::spawn`](crate::spawn).
    ///
    /// # Panics
    /// On a thread that runs no task: there [`Builder::group`] and [`Builder::spawn_on`] serve.
    ///
    /// ```
    /// use sortie::task::Group;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let output = runtime.run(|| Group::new("import").spawn(|| 7).join());
    /// assert_eq!(output.unwrap(), 7);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new().group(self).spawn(f)
    }

    /// Aborts the tasks that have not ended, as [`JoinHandle::abort`]; those that come later run. Does not wait.
    ///
    /// ```
    /// use sortie::task::{Builder, Group};
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let group = Group::new("import");
    /// let task = Builder::new().group(&group);
    /// let task = task.spawn_on(&runtime.handle(), || sortie::sleep(Duration::MAX));
    /// group.abort();
    /// assert!(task.join().unwrap_err().is_aborted());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn abort(&self) {
        self.inner.tasks.abort_all();
    }

    /// Waits until no task is left: at one moment, for others may be spawned meanwhile.
    ///
    /// A suspension point: a task is suspended; inside a callback it waits in place; any other thread, and a task in
    /// native code, sleeps. If the waiting task is aborted, this is left by unwinding. A member that waits for its own
    /// group waits for ever.
    ///
    /// # Errors
    /// [`GroupStuck`] if that would never come: inside a callback, a task of the group is pinned to the carrier which
    /// the callback holds.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](super::NoSuspend) of the waiting task is alive.
    ///
    /// ```
    /// use sortie::task::{Builder, Group};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let group = Group::new("import");
    /// drop(Builder::new().group(&group).spawn_on(&runtime.handle(), sortie::yield_now));
    /// group.wait().unwrap();
    /// assert!(group.is_empty());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Result<(), GroupStuck> {
        self.inner.tasks.wait_until_empty(None).map(drop).map_err(|task| GroupStuck { task })
    }

    /// As [`Group::wait`], for so long at most. False: some are left.
    ///
    /// # Errors
    /// As [`Group::wait`].
    ///
    /// # Panics
    /// As [`Group::wait`].
    ///
    /// ```
    /// use sortie::task::Group;
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let group = Group::new("import");
    ///     drop(group.spawn(|| sortie::sleep(Duration::MAX)));
    ///     assert_eq!(group.wait_timeout(Duration::from_millis(1)), Ok(false));
    ///     group.abort();
    ///     assert_eq!(group.wait_timeout(Duration::from_secs(60)), Ok(true));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool, GroupStuck> {
        self.wait_until(deadline(timeout))
    }

    /// As [`Group::wait_timeout`], until this time at the latest.
    ///
    /// # Errors
    /// As [`Group::wait`].
    ///
    /// # Panics
    /// As [`Group::wait`].
    ///
    /// ```
    /// assert_eq!(sortie::task::Group::new("nobody").wait_until(std::time::Instant::now()), Ok(true));
    /// ```
    pub fn wait_until(&self, until: Instant) -> Result<bool, GroupStuck> {
        self.inner.tasks.wait_until_empty(Some(until)).map_err(|task| GroupStuck { task })
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name())
            .field("len", &self.len())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Makes the task a member of a group. Without a name of its own it has the group's.
    ///
    /// ```
    /// use sortie::task::{Builder, Group};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let group = Group::new("import");
    /// let task = Builder::new().group(&group).spawn_on(&runtime.handle(), sortie::task::current);
    /// assert_eq!(task.join().unwrap().unwrap().name(), Some("import"));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn group(self, group: &Group) -> Builder {
        let inner = &group.inner;
        let options = self.options.group(inner.tasks.clone(), &inner.name);
        Builder { options, permits: inner.permits.clone() }
    }
}

/// A wait for a group would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStuck {
    /// The task that keeps it from its end.
    pub task: Id,
}

impl fmt::Display for GroupStuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task {} of the group is pinned to the carrier that this callback holds, or to one that is held by a \
             callback which waits for this one's in turn, so a wait here never ends; wait after the native call, or \
             spawn it with `migrating`",
            self.task
        )
    }
}

impl std::error::Error for GroupStuck {}
