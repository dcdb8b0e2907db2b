//! The right to a task's output, and the wait for it.

use super::Id;
use super::abort::{self, AbortError, AbortHandle};
use super::header::Header;
use super::join_error::{JoinError, Kind};
use super::reference::TaskRef;
use crate::fiber::Reason;
use crate::wait;
use crate::wait::circle::{self, Awaited};
use crate::wait::joining::blocked_in_join;
use crate::worker::lend;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::time::{Duration, Instant};

/// The right to a task's output. Dropping it detaches the task, which runs on.
#[must_use = "dropping a join handle detaches the task; call `join` to wait for it"]
pub struct JoinHandle<T> {
    task: Option<TaskRef>,
    output: PhantomData<fn() -> T>,
}

impl<T> JoinHandle<T> {
    /// # Safety
    /// `task` is the handle's reference of a task whose output is a `T`.
    pub(crate) unsafe fn new(task: TaskRef) -> Self {
        JoinHandle { task: Some(task), output: PhantomData }
    }

    pub(crate) fn header(&self) -> &Header {
        self.task()
    }

    pub(crate) fn task(&self) -> &TaskRef {
        self.task.as_ref().expect("present until `join` or the drop")
    }

    /// The task's number.
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| ());
    /// println!("{}", task.id());
    /// # task.join().unwrap();
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    pub fn id(&self) -> Id {
        self.task().id
    }

    /// True once the task has ended, and [`JoinHandle::join`] would not wait.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.task().state.load().is_done()
    }

    /// Asks the task to end: it unwinds at its next suspension point, and its join says that it was aborted.
    ///
    /// Its frames are unwound as by a panic, without the panic hook's message; a task that catches that
    /// ([`is_abort`](crate::abort::is_abort) tells) is asked again at each further suspension point. Regions
    /// ([`abort::delay`]) hold it back. One that has not started does not run. In managed code
    /// that never suspends, and in a native call, it goes on until that is over; a native call that can
    /// be cancelled is told to come to an end, by its hook, which runs on this thread before this returns.
    /// Frames of native code that has called back are not unwound: the abort ends the callback, and is
    /// raised again when the native code returns.
    ///
    /// Does not wait for the task. From any thread; on a task that has ended nothing happens. In a program that
    /// is built with `panic = "abort"` it is refused, and an error event says so
    /// ([`JoinHandle::try_abort`] returns it).
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| sortie_scheduler::sleep(std::time::Duration::MAX));
    /// task.abort();
    /// assert!(task.join().unwrap_err().is_aborted());
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    pub fn abort(&self) {
        abort::ask_or_report(self.task(), false);
    }

    /// As [`JoinHandle::abort`], and says so if the program cannot abort tasks.
    ///
    /// # Errors
    /// [`AbortError`]: the program is built with `panic = "abort"`; nothing was done.
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| sortie_scheduler::sleep(std::time::Duration::MAX));
    /// task.try_abort()?;
    /// assert!(task.join().unwrap_err().is_aborted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_abort(&self) -> Result<(), AbortError> {
        abort::ask(self.task(), false)
    }

    /// As [`JoinHandle::abort`], for a task whose cleaning up takes too long, after an abort or in place of it.
    ///
    /// Critical regions do not hold it back, and while the task unwinds its sleeps and yields return at once, and
    /// its native calls that can be cancelled are. Each destructor runs all the same; in a region that delays
    /// aborts the task goes on to its end; foreign frames are not unwound.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// struct Slow;
    /// impl Drop for Slow {
    ///     fn drop(&mut self) {
    ///         sortie_scheduler::sleep(Duration::from_secs(3600));
    ///     }
    /// }
    ///
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| {
    ///     let _slow = Slow;
    ///     sortie_scheduler::sleep(Duration::MAX);
    /// });
    /// task.abort_rudely();
    /// assert!(task.join().unwrap_err().is_aborted());
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    pub fn abort_rudely(&self) {
        abort::ask_or_report(self.task(), true);
    }

    /// What aborts the task without the right to its output. Can be cloned, and kept longer than the task.
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| sortie_scheduler::sleep(std::time::Duration::MAX));
    /// let aborter = task.abort_handle();
    /// std::thread::spawn(move || aborter.abort());
    /// assert!(task.join().unwrap_err().is_aborted());
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.task().clone())
    }

    /// Waits for the task to end and returns its output.
    ///
    /// In a task, the task is suspended; inside a callback, where it cannot be, its carrier waits
    /// and the worker goes to somebody else. On any other thread, and in native code, the thread
    /// sleeps. If the waiting task is aborted, the wait ends by unwinding and the task that was
    /// waited for is detached.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a `NoSuspend` of the waiting task is alive; the task that
    /// was to be waited for is detached.
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, was aborted, was refused by a shutdown or for want of a
    /// stack, or if the wait could never end.
    #[inline]
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        if !self.is_finished() {
            lend_turn(self.task(), Location::caller());
            if !self.is_finished() {
                wait_for(self.task(), None)?;
            }
        }
        self.take_output()
    }

    /// As [`JoinHandle::join`], but waits no longer than `timeout`.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// The handle, if the task has not ended in time. What [`JoinHandle::join`] would return is inside the
    /// `Ok`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| sortie_scheduler::sleep(Duration::from_millis(20)));
    /// let task = task.join_timeout(Duration::ZERO).unwrap_err();
    /// task.join_timeout(Duration::from_secs(60)).expect("in a minute")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        self.join_until(wait::deadline(timeout))
    }

    /// As [`JoinHandle::join`], but waits no longer than until this time.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// As [`JoinHandle::join_timeout`].
    pub fn join_until(self, until: Instant) -> Result<Result<T, JoinError>, Self> {
        let task = self.task();
        if !task.state.load().is_done() {
            match wait_for(task, Some(until)) {
                Ok(true) => {}
                Ok(false) => return Err(self),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(self.take_output())
    }

    /// The output of a task that is done. What is left of the handle is not dropped, for there is nothing to ask it.
    #[inline(always)]
    fn take_output(self) -> Result<T, JoinError> {
        let task = ManuallyDrop::new(self).task.take().expect("present until here");
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: the task is done, as the callers saw, and this handle, which is now spent, takes its
        // output once.
        unsafe { (task.vtable.take_output)(task.as_raw(), output.as_mut_ptr().cast()) };
        task.give_up_done();
        // SAFETY: written by the table's function.
        unsafe { output.assume_init() }
    }
}

/// The shortest join: `task` is still to run here, and does so now. Inlined, see [`wait::switch_here`].
#[inline(always)]
fn lend_turn(task: &TaskRef, place: &'static Location<'static>) {
    if let Some(lender) = lend::lend_to(task, place) {
        wait::switch_here(lender, Reason::Lending);
    }
}

/// Waits until `task` is done. False: the time came first.
#[inline(never)]
#[track_caller]
fn wait_for(task: &TaskRef, until: Option<Instant>) -> Result<bool, JoinError> {
    if task.shared.is_forked() {
        return Err(JoinError::new(task, Kind::Forked));
    }
    if wait::would_deadlock(task) {
        return Err(JoinError::new(task, Kind::Deadlock));
    }
    match until {
        Some(_) => wait_in_join(task, until),
        None => {
            let in_place = circle::enter(|| Awaited::End(task.clone()));
            let Ok(_in_place) = in_place else { return Err(JoinError::new(task, Kind::Deadlock)) };
            blocked_in_join(task, Location::caller(), || wait_in_join(task, None))
        }
    }
}

/// The wait itself.
fn wait_in_join(task: &TaskRef, until: Option<Instant>) -> Result<bool, JoinError> {
    /// Takes the waker back if the wait is left by unwinding, or because its time has come.
    struct Registered<'a>(&'a TaskRef);
    impl Drop for Registered<'_> {
        fn drop(&mut self) {
            // SAFETY: registered below.
            unsafe { take_back(self.0) };
        }
    }
    // SAFETY: it stays in this frame.
    let waiter = unsafe { wait::Waiter::new("a join") };
    // SAFETY: a task has one handle, which this wait has to itself.
    if !unsafe { register(task, &waiter) } {
        return Ok(true);
    }
    let registered = Registered(task);
    while !task.state.load().is_done() {
        match until {
            None => waiter.pause(),
            Some(until) if waiter.pause_until(until) => {}
            Some(_) => {
                drop(registered);
                return Ok(task.state.load().is_done());
            }
        }
    }
    // Done: the waker is the completer's, who may be about to use it.
    std::mem::forget(registered);
    Ok(true)
}

/// Lets the task's end wake the waiter. False: it has ended.
///
/// # Safety
/// Nobody else is registered, nor registers meanwhile.
pub(super) unsafe fn register(task: &TaskRef, waiter: &wait::Waiter) -> bool {
    // SAFETY: `JOINER` is not set: the field is the joiner's, and the caller is the only one.
    unsafe { *task.joiner.get() = Some(waiter.waker()) };
    let is_registered = task.state.transition_to_joined();
    if !is_registered {
        // SAFETY: the task was done before `JOINER` was set: the field is still the joiner's.
        drop(unsafe { (*task.joiner.get()).take() });
    }
    is_registered
}

/// Takes back what [`register`] has done, unless the task has ended.
///
/// # Safety
/// The caller is registered.
pub(super) unsafe fn take_back(task: &TaskRef) {
    if task.state.transition_to_unjoined() {
        // SAFETY: the task is not done and `JOINER` is clear: the waker is the joiner's.
        drop(unsafe { (*task.joiner.get()).take() });
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take()
            && task.state.transition_to_detached()
        {
            // SAFETY: the task is done and this handle was not joined: the output is the handle's.
            unsafe { (task.vtable.drop_output)(task.as_raw()) };
            task.give_up_done();
        }
    }
}

impl<T> std::fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.task).finish()
    }
}
