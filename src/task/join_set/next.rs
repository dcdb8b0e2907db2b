//! How the tasks of a join set are joined, in the order in which they end.

use super::JoinSet;
use crate::task::Id;
use crate::task::scope::raise;
use crate::{JoinError, JoinHandle};
use sortie_scheduler::Next;
use sortie_scheduler::wait::deadline;
use std::time::{Duration, Instant};

impl<T> JoinSet<T> {
    /// Waits for the next task to end, and joins it; `None` if the set is empty.
    ///
    /// In the order in which tasks end. A suspension point: a task is suspended; inside a callback it waits in
    /// place; any other thread, and a task in native code, sleeps. If the waiting task is aborted, this is left by
    /// unwinding, and the set is as before.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the waiting task is alive.
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, was aborted or refused; or, inside a callback, if this would wait in vain:
    /// all that is left is pinned to the carrier which the callback holds. Then one of these is detached.
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_on(&runtime.handle(), || 1);
    /// assert_eq!(tasks.join_next().unwrap().unwrap(), 1);
    /// assert!(tasks.join_next().is_none());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
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
    ///
    /// ```
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks = JoinSet::new();
    /// let id = tasks.spawn_on(&runtime.handle(), || 1);
    /// let (ended, output) = tasks.join_next_with_id().unwrap();
    /// assert_eq!((ended, output.unwrap()), (id, 1));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
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

    /// As [`JoinSet::join_next_timeout`], with the task's number, which its spawn has returned.
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
    /// let mut tasks = JoinSet::new();
    /// let id = tasks.spawn_on(&runtime.handle(), || 1);
    /// let (ended, output) = tasks.join_next_with_id_timeout(Duration::MAX).expect("it ends");
    /// assert_eq!((ended, output.unwrap()), (id, 1));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn join_next_with_id_timeout(
        &mut self,
        timeout: Duration,
    ) -> Option<(Id, Result<T, JoinError>)> {
        self.join_next_with_id_until(deadline(timeout))
    }

    /// As [`JoinSet::join_next_with_id_timeout`], until this time at the latest.
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
    /// assert!(nobody.join_next_with_id_until(Instant::now()).is_none());
    /// ```
    #[must_use]
    pub fn join_next_with_id_until(
        &mut self,
        until: Instant,
    ) -> Option<(Id, Result<T, JoinError>)> {
        self.next(Some(until))
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

    /// The handle of a task that has ended; `None` if it was given up.
    fn take(&mut self, key: u32) -> Option<JoinHandle<T>> {
        self.free.push(key);
        self.handles[key as usize].take()
    }
}
