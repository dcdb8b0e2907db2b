//! How the tasks of a join set are aborted, waited for so long at most, or let go.

use super::JoinSet;
use crate::task::Id;
use sortie_scheduler::TaskSet;
use sortie_scheduler::wait::deadline;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl<T> JoinSet<T> {
    /// Aborts the task of this number, which stays in the set, to be joined. False: the set has none, or it was joined.
    /// Does not wait. Looks through the set.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let mut tasks = JoinSet::new();
    ///     let endless = tasks.spawn(|| sortie::sleep(std::time::Duration::MAX));
    ///     assert!(tasks.abort(endless));
    ///     assert!(tasks.join_next().unwrap().unwrap_err().is_aborted());
    ///     assert!(!tasks.abort(endless));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn abort(&self, task: Id) -> bool {
        let handle = self.handles.iter().flatten().find(|handle| handle.id() == task);
        handle.inspect(|handle| handle.abort()).is_some()
    }

    /// Aborts all tasks that have not ended. They stay in the set, to be joined. Does not wait.
    pub fn abort_all(&self) {
        self.tasks.abort_all();
    }

    /// Aborts all tasks and waits for their ends. A suspension point, as [`JoinSet::join_next`].
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let mut tasks = JoinSet::new();
    ///     tasks.spawn(|| sortie::sleep(std::time::Duration::MAX));
    ///     tasks.shutdown();
    ///     assert!(tasks.is_empty());
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().is_some() {}
    }

    /// As [`JoinSet::shutdown`], but waits for so long at most. False: some have not ended, and stay in the set.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_on(&runtime.handle(), || sortie::sleep(Duration::MAX));
    /// assert!(tasks.shutdown_timeout(Duration::from_secs(60)));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn shutdown_timeout(&mut self, timeout: Duration) -> bool {
        self.shutdown_until(deadline(timeout))
    }

    /// As [`JoinSet::shutdown_timeout`], until this time at the latest.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    /// use std::time::Instant;
    ///
    /// assert!(JoinSet::<u32>::new().shutdown_until(Instant::now()), "nobody is there");
    /// ```
    pub fn shutdown_until(&mut self, until: Instant) -> bool {
        self.abort_all();
        while self.join_next_until(until).is_some() {}
        self.is_empty()
    }

    /// Lets all tasks run on without the set, which is empty then.
    pub fn detach_all(&mut self) {
        self.handles.clear();
        self.free.clear();
        self.len = 0;
        // What those tasks say of their ends is for nobody.
        self.tasks = Arc::new(TaskSet::new().ordered());
    }
}
