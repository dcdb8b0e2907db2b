//! A set of tasks that are joined in the order in which they end: what it has, and how tasks come into it. How they are
//! joined is in `join_set/next.rs`, how they are aborted or let go in `join_set/end.rs`.

mod end;
mod next;

use super::{Builder, Id};
use crate::runtime::outside;
use crate::{Handle, JoinHandle};
use sortie_scheduler::TaskSet;
use std::fmt;
use std::sync::Arc;

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
    ///
    /// ```
    /// assert!(sortie::task::JoinSet::<u32>::new().is_empty());
    /// ```
    pub fn new() -> JoinSet<T> {
        let tasks = Arc::new(TaskSet::new().ordered());
        JoinSet { tasks, handles: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// How many tasks have not been joined, ended or not.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_on(&runtime.handle(), || 1);
    /// assert_eq!(tasks.len(), 1);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if all tasks have been joined.
    ///
    /// ```
    /// assert!(sortie::task::JoinSet::<u32>::new().is_empty());
    /// ```
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

    /// Who knows of its tasks' ends.
    pub(crate) fn tasks(&self) -> &Arc<TaskSet> {
        &self.tasks
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
