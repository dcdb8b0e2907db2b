//! A set of tasks that are joined in the order in which they end.

mod end;

use super::scope::raise;
use super::{Builder, Id};
use crate::runtime::outside;
use crate::{Handle, JoinError, JoinHandle};
use sortie_scheduler::wait::deadline;
use sortie_scheduler::{Next, TaskSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tasks with one type of output, joined in the order in which they end.
///
/// Dropping the set aborts its tasks, and does not wait for them.
///
/// ```
/// use sortie::task::JoinSet;
/// use std::time::Duration;
///
/// let runtime = sortie::Runtime::new()?;
/// let order = runtime.run(|| {
///     let mut tasks = JoinSet::new();
///     for pause in [20, 0, 10] {
///         tasks.spawn(move || {
///             sortie::sleep(Duration::from_millis(pause));
///             pause
///         });
///     }
///     let mut order = Vec::new();
///     while let Some(pause) = tasks.join_next() {
///         order.push(pause.unwrap());
///     }
///     order
/// });
/// assert_eq!(order, [0, 10, 20]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[must_use = "dropping a set aborts its tasks"]
pub struct JoinSet<T> {
    tasks: Arc<TaskSet>,
    /// By key. `None`: free, or given up while its task runs on.
    handles: Vec<Option<JoinHandle<T>>>,
    free: Vec<u32>,
    /// How many handles there are.
    len: usize,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> JoinSet<T> {
        let tasks = Arc::new(TaskSet::new().ordered());
        JoinSet { tasks, handles: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// How many tasks have not been joined, ended or not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if all tasks have been joined.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Spawns a task on the current task's runtime, and gives its number, by which the set [aborts](JoinSet::abort) it.
    /// Neither suspends nor blocks.
    ///
    /// # Panics
    /// On a thread that runs no task: there [`JoinSet::spawn_on`] says which runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, f: F) -> Id
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new().spawn_in(self, f)
    }

    /// As [`JoinSet::spawn`], on a runtime, from anywhere.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// for n in 0..10 {
    ///     tasks.spawn_on(&runtime.handle(), move || n);
    /// }
    /// assert_eq!(tasks.join_all().iter().sum::<i32>(), 45);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn spawn_on<F>(&mut self, runtime: &Handle, f: F) -> Id
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let added = self.add(Builder::new(), |builder| Some(builder.spawn_on(runtime, f)));
        added.expect("a runtime's handle spawns in any case")
    }

    /// Spawns by `spawn`, with options that say whose the task is.
    fn add(
        &mut self,
        mut builder: Builder,
        spawn: impl FnOnce(Builder) -> Option<JoinHandle<T>>,
    ) -> Option<Id> {
        let key = self.free.last().copied().unwrap_or(self.handles.len() as u32);
        builder.options = builder.options.owner(self.tasks.clone(), key);
        let handle = spawn(builder)?;
        let id = handle.id();
        match self.free.pop() {
            Some(key) => self.handles[key as usize] = Some(handle),
            None => self.handles.push(Some(handle)),
        }
        self.len += 1;
        Some(id)
    }

    /// Waits for the next task to end, and joins it; `None` if the set is empty.
    ///
    /// In the order in which tasks end. A suspension point: a task is suspended; inside a callback it waits in
    /// place; any other thread, and a task in native code, sleeps. If the waiting task is aborted, this is left by
    /// unwinding, and the set is as before.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](super::NoSuspend) of the waiting task is alive.
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, was aborted or refused; or, inside a callback, if this would wait in vain:
    /// all that is left is pinned to the carrier which the callback holds. Then one of these is detached.
    #[must_use]
    #[track_caller]
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.join_next_with_id().map(|(_, result)| result)
    }

    /// As [`JoinSet::join_next`], with the task's number, which its spawn has returned.
    ///
    /// # Panics
    /// As [`JoinSet::join_next`].
    ///
    /// # Errors
    /// As [`JoinSet::join_next`].
    #[must_use]
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        self.next(None)
    }

    /// As [`JoinSet::join_next`], for so long at most; `None` also if nobody has ended in time.
    ///
    /// # Panics
    /// As [`JoinSet::join_next`].
    ///
    /// # Errors
    /// As [`JoinSet::join_next`].
    ///
    /// ```
    /// use sortie::task::JoinSet;
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let mut tasks = JoinSet::new();
    ///     tasks.spawn(|| sortie::sleep(Duration::MAX));
    ///     assert!(tasks.join_next_timeout(Duration::from_millis(1)).is_none());
    ///     tasks.spawn(|| sortie::sleep(Duration::from_millis(1)));
    ///     assert!(tasks.join_next_timeout(Duration::from_secs(60)).is_some());
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn join_next_timeout(&mut self, timeout: Duration) -> Option<Result<T, JoinError>> {
        self.join_next_until(deadline(timeout))
    }

    /// As [`JoinSet::join_next_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`JoinSet::join_next`].
    ///
    /// # Errors
    /// As [`JoinSet::join_next`].
    ///
    /// ```
    /// use sortie::task::JoinSet;
    /// use std::time::Instant;
    ///
    /// let mut nobody = JoinSet::<u32>::new();
    /// assert!(nobody.join_next_until(Instant::now()).is_none());
    /// ```
    #[must_use]
    pub fn join_next_until(&mut self, until: Instant) -> Option<Result<T, JoinError>> {
        self.next(Some(until)).map(|(_, result)| result)
    }

    #[track_caller]
    fn next(&mut self, until: Option<Instant>) -> Option<(Id, Result<T, JoinError>)> {
        while self.len > 0 {
            match self.tasks.wait_for_next(until) {
                Next::Late => return None,
                next => {
                    if let Some(joined) = self.join(next) {
                        return Some(joined);
                    }
                }
            }
        }
        None
    }

    /// As [`JoinSet::join_next`], if that needs no wait.
    pub(crate) fn join_next_at_once(&mut self) -> Option<Result<T, JoinError>> {
        while self.len > 0 {
            let next = self.tasks.look_for_next()?;
            if let Some((_, joined)) = self.join(next) {
                return Some(joined);
            }
        }
        None
    }

    /// `None`: it is none of its tasks, or none any more.
    fn join(&mut self, next: Next) -> Option<(Id, Result<T, JoinError>)> {
        let handle = match next {
            Next::Ended(key) => self.take(key),
            // It will end, and its key come then.
            Next::Stuck(_) => self.handles.iter_mut().find_map(Option::take),
            Next::Empty | Next::Late => None,
        }?;
        self.len -= 1;
        Some((handle.id(), handle.join()))
    }

    /// Who knows of its tasks' ends.
    pub(crate) fn tasks(&self) -> &Arc<TaskSet> {
        &self.tasks
    }

    /// Joins a task that has ended, if there is one; `None` also if the others have not ended yet. Does not wait.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_on(&runtime.handle(), || sortie::sleep(std::time::Duration::MAX));
    /// assert!(tasks.try_join_next().is_none());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, was aborted or refused.
    #[must_use]
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        while let Some(key) = self.tasks.next_ended() {
            if let Some(handle) = self.take(key) {
                self.len -= 1;
                return Some(handle.join());
            }
        }
        None
    }

    /// The handle of a task that has ended; `None` if it was given up.
    fn take(&mut self, key: u32) -> Option<JoinHandle<T>> {
        self.free.push(key);
        self.handles[key as usize].take()
    }

    /// Waits for all tasks and returns their outputs, in the order in which they ended. A suspension point, as
    /// [`JoinSet::join_next`].
    ///
    /// Under a [`time::timeout`](crate::time::timeout) those that have not ended in time are aborted, as the set is
    /// dropped. Who wants the outputs of the others then joins by [`JoinSet::join_next_until`].
    ///
    /// # Panics
    /// With the panic of the first task that has one, or the error of the first that has no output for another
    /// reason; the rest are aborted. As [`JoinSet::join_next`].
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut outputs = runtime.run(|| {
    ///     let mut tasks = JoinSet::new();
    ///     for n in 0..4 {
    ///         tasks.spawn(move || n * n);
    ///     }
    ///     tasks.join_all()
    /// });
    /// outputs.sort();
    /// assert_eq!(outputs, [0, 1, 4, 9]);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len);
        while let Some(result) = self.join_next() {
            outputs.push(result.unwrap_or_else(|error| raise(error)));
        }
        outputs
    }
}

impl Builder {
    /// Spawns the task on the current task's runtime, as a member of a join set.
    ///
    /// # Panics
    /// On a thread that runs no task: there [`JoinSet::spawn_on`] says which runtime.
    ///
    /// ```
    /// use sortie::task::{Builder, JoinSet};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let mut tasks = JoinSet::new();
    ///     Builder::new().name("reader").spawn_in(&mut tasks, || panic!("no such file"));
    ///     let error: sortie::JoinError = tasks.join_next().unwrap().map(|()| ()).unwrap_err();
    ///     assert!(error.to_string().contains("\"reader\""));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn_in<F, T>(self, set: &mut JoinSet<T>, f: F) -> Id
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        set.add(self, |builder| builder.spawn_here(f).ok())
            .unwrap_or_else(|| outside("JoinSet::spawn", "JoinSet::spawn_on"))
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len).finish_non_exhaustive()
    }
}
