//! Scopes: tasks that borrow from the frames of who spawns them.
//!
//! # Why it is sound
//!
//! A task of a scope may use what lives for `'env`, which ends after the call of [`scope`], and `'scope`, the
//! life of the [`Scope`] itself. So nothing of the task may be used once that call is left.
//!
//! 1. *The call is left only when all tasks have ended.* The closure's panic, or its abort, is caught; then
//!    comes [`TaskSet::wait_out`], which neither returns nor unwinds while the set has a member, whatever
//!    happens to the waiting task; then the panic goes on. Between the catch and the wait there is nothing that
//!    could unwind. Frames that never go on (a task that is kept at the end of its runtime, a thread that
//!    is parked for good) end no borrow.
//! 2. *A member uses its closure and output before it leaves the set only.* The scheduler drops the closure, or
//!    runs it, then stores the output, or drops it if the handle is gone, and leaves the set as the last
//!    thing; also for a task that is refused or aborted before it runs.
//! 3. *An output that waits for its handle is the handle's.* [`ScopedJoinHandle`] cannot outlive `'scope`, for
//!    it names it: the closure for which every `'scope` must do can put it nowhere that is there later. It may be
//!    leaked, and the output with it: that is not used then. It may be captured or returned by another
//!    task of the scope, and ends with that.
//! 4. *Nothing else has the types.* References to a task that others keep (wakers, the list of the living)
//!    know no closure and no output, and freeing a task whose stage is empty touches neither.
//! 5. *The count cannot miss a member.* A task enters the set before it can run. It can be spawned by the
//!    closure, before the wait, or by a member, which itself has not left.
//!
//! The lifetimes are invariant, so that none of this can be stretched or shrunk from outside.

use super::local::with_permits;
use super::{Builder, Id};
use crate::runtime::outside;
use crate::{JoinError, JoinHandle};
use sortie_scheduler::wait::deadline;
use sortie_scheduler::{Scheduler, TaskSet};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Opens a scope: its tasks may borrow what lives longer than the scope, and the scope ends when they all have
/// ended.
///
/// As [`std::thread::scope`], with tasks of the current task's runtime.
/// [`Runtime::scope`](crate::Runtime::scope) and [`Handle::scope`](crate::Handle::scope) open one from any thread.
///
/// A suspension point: behind `f` it waits for the tasks that have not been joined. In native code, and
/// on a thread without a task, the thread sleeps meanwhile; inside a callback the task waits in place.
///
/// # Abort
/// If the task is aborted while it waits here, or `f` is left by an abort, the abort is passed on to the tasks
/// of the scope, also to those that are spawned later; when the last of them has ended, it is raised
/// here. The same when the runtime is shut down. A task that cannot be unwound keeps the scope waiting.
///
/// # Panics
/// With the panic of `f`, once all tasks have ended. Else, if a task has panicked and nobody has been told by
/// [`ScopedJoinHandle::join`]. On a thread that runs no task. In debug builds, under a
/// [`NoSuspend`](super::NoSuspend) guard.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let text = "to be or not to be".to_owned();
/// let (words, letters) = runtime.run(move || {
///     sortie::task::scope(|s| {
///         let words = s.spawn(|| text.split(' ').count());
///         let letters = s.spawn(|| text.chars().filter(|c| *c != ' ').count());
///         (words.join().unwrap(), letters.join().unwrap())
///     })
/// });
/// assert_eq!((words, letters), (6, 13));
/// # Ok::<(), sortie::BuildError>(())
/// ```
///
/// What the tasks borrow must outlive the scope, so nothing that is made inside will do:
///
/// ```compile_fail,E0373
/// sortie::task::scope(|s| {
///     let inside = String::new();
///     s.spawn(|| inside.len());
/// });
/// ```
///
/// and a handle cannot leave it:
///
/// ```compile_fail
/// let handle = sortie::task::scope(|s| s.spawn(|| 1));
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    match Scheduler::current() {
        Some(scheduler) => scope_on(scheduler, f),
        None => outside("task::scope", "Runtime::scope or Handle::scope"),
    }
}

/// As [`scope`], on a runtime.
#[track_caller]
pub(crate) fn scope_on<'env, F, T>(scheduler: Scheduler, f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    sortie_scheduler::check_suspension("a scope");
    let scope =
        Scope { scheduler, tasks: Arc::new(TaskSet::new()), scope: PhantomData, env: PhantomData };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.tasks.wait_out();
    // From here on nobody borrows.
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(value) => {
            sortie_scheduler::checkpoint();
            assert!(
                scope.tasks.panics() == 0,
                "a task of a scope has panicked, and was not joined before the end of the scope"
            );
            value
        }
    }
}

/// Where tasks that borrow are spawned: see [`scope`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    scheduler: Scheduler,
    tasks: Arc<TaskSet>,
    /// Both invariant, as std's are: a shorter or longer `'scope` would let tasks borrow what ends too early.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task that ends before the scope does, and may borrow what outlives that.
    ///
    /// As [`sortie::spawn`](crate::spawn): neither suspends nor blocks; dropping the handle detaches the task,
    /// which the scope still waits for. Tasks of the scope may spawn further ones.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let mut halves = [1, 2, 3, 4];
    /// let (left, right) = halves.split_at_mut(2);
    /// runtime.scope(|s| {
    ///     s.spawn(|| left.iter_mut().for_each(|n| *n *= 10));
    ///     s.spawn(|| right.iter_mut().for_each(|n| *n += 1));
    /// });
    /// assert_eq!(halves, [10, 20, 4, 5]);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new().spawn_scoped(self, f)
    }

    /// Aborts the tasks of the scope that have not ended. Does not wait for them; those that are spawned later
    /// run. The scope does not panic for aborted tasks.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let found = AtomicBool::new(false);
    /// runtime.scope(|s| {
    ///     s.spawn(|| sortie::sleep(std::time::Duration::MAX));
    ///     s.spawn(|| {
    ///         found.store(true, Ordering::Relaxed);
    ///         s.abort(); // Nobody else need look.
    ///     });
    /// });
    /// assert!(found.into_inner());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn abort(&self) {
        self.tasks.abort_all();
    }
}

impl Builder {
    /// Spawns the task in a scope, as [`Scope::spawn`] does, with these options.
    ///
    /// ```
    /// use sortie::task::Builder;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.scope(|s| {
    ///     let task = Builder::new().name("worker").spawn_scoped(s, sortie::task::current);
    ///     assert_eq!(task.join().unwrap().unwrap().name(), Some("worker"));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let options = self.options.owner(scope.tasks.clone(), 0);
        // SAFETY: `'scope` ends after `scope_on` has waited out its set, and the handle names it: see the module.
        let handle =
            unsafe { scope.scheduler.spawn_borrowing(options, with_permits(self.permits, f)) };
        ScopedJoinHandle { handle, tasks: scope.tasks.clone(), scope: PhantomData }
    }
}

/// The right to the output of a task of a [`scope`]. Dropping it detaches the task; the scope still waits for it.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    tasks: Arc<TaskSet>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the task to end and returns its output: as [`JoinHandle::join`]. Who is told here of a panic has
    /// it to deal with; the scope does not panic for it any more.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// As [`JoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        let ScopedJoinHandle { handle, tasks, .. } = self;
        told(&tasks, handle.join())
    }

    /// As [`ScopedJoinHandle::join`], but waits no longer than `timeout`.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// The handle, if the task has not ended in time. What [`ScopedJoinHandle::join`] would return is inside the `Ok`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.scope(|s| {
    ///     let task = s.spawn(|| sortie::sleep(Duration::MAX));
    ///     let task = task.join_timeout(Duration::from_millis(1)).unwrap_err();
    ///     task.abort();
    ///     assert!(task.join().unwrap_err().is_aborted());
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        self.join_until(deadline(timeout))
    }

    /// As [`ScopedJoinHandle::join_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// As [`ScopedJoinHandle::join_timeout`].
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.scope(|s| {
    ///     let task = s.spawn(|| sortie::sleep(Duration::MAX));
    ///     let task = task.join_until(Instant::now()).unwrap_err();
    ///     task.abort();
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn join_until(self, until: Instant) -> Result<Result<T, JoinError>, Self> {
        let ScopedJoinHandle { handle, tasks, scope } = self;
        match handle.join_until(until) {
            Ok(result) => Ok(told(&tasks, result)),
            Err(handle) => Err(ScopedJoinHandle { handle, tasks, scope }),
        }
    }

    /// As [`ScopedJoinHandle::join`], and goes on with what ended the task: returns its output, or raises its panic
    /// here.
    ///
    /// # Panics
    /// With the task's panic. With the [`JoinError`], if the task was aborted, and the joining one is not.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let one = runtime.scope(|s| s.spawn(|| 1).join_or_raise());
    /// assert_eq!(one, 1);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn join_or_raise(self) -> T {
        match self.join() {
            Ok(output) => output,
            Err(error) => raise(error),
        }
    }

    /// Asks the task to end: as [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.handle.id()
    }

    /// True once the task has ended, and [`ScopedJoinHandle::join`] would not wait.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// What ended a task of these, for somebody who has to deal with it.
fn told<T>(tasks: &TaskSet, result: Result<T, JoinError>) -> Result<T, JoinError> {
    if result.as_ref().is_err_and(JoinError::is_panic) {
        tasks.forgive_panic();
    }
    result
}

/// Goes on with what ended a task of ours.
#[cold]
#[track_caller]
pub(super) fn raise(error: JoinError) -> ! {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(error) => {
            // Mostly it was aborted because this task is.
            sortie_scheduler::checkpoint();
            panic!("{error}")
        }
    }
}
