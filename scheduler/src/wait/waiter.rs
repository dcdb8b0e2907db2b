//! Somebody about to wait: a task or a thread, what wakes it, and its pauses.
//!
//! A waiter owns the timer that ends its wait at a time: it is set at the first such pause, and taken back
//! with the waiter.

use super::pause::{pause, pause_undisturbed, pause_unraised};
use super::switchable::is_said_to_be_over;
use super::{announce, checkpoint, is_switchable, managed, reference};
use crate::park::Parker;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::{Header, Waker};
use crate::timer::TimerKey;
use crate::worker::current;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// Somebody about to wait. Stays in the frames that made it: see [`Waiter::new`].
pub struct Waiter {
    pub(crate) who: Who,
}

/// Who waits.
pub(crate) enum Who {
    Task(TaskWaiter),
    Thread(Arc<Parker>),
}

/// The current task, about to wait.
pub(crate) struct TaskWaiter {
    /// Its own frames keep it. Not counted: that would cost each wait two locked instructions.
    task: NonNull<Header>,
    /// The timer that ends the wait, and when.
    timer: Cell<Option<(Instant, TimerKey)>>,
}

impl TaskWaiter {
    pub(super) fn task(&self) -> &Header {
        // SAFETY: a waiter stays in the frames of the task that made it, by the contract of `Waiter::new`.
        unsafe { self.task.as_ref() }
    }

    /// Sees to it that the task is woken at this time.
    fn set_timer(&self, until: Instant) {
        match self.timer.get() {
            Some((at, _)) if at == until => return,
            _ => self.take_timer_back(),
        }
        let task = self.task();
        let key = task.shared.set_timer(until, Waker::Task(reference(task)));
        self.timer.set(key.map(|key| (until, key)));
    }

    /// Has the timer fired? Then its time has come, and it is not there any more.
    #[inline(never)]
    fn has_rung(&self) -> bool {
        // ORDERING: Relaxed, the fired timer's wake publishes it (task.state).
        let rung = self.task().rung.load(Ordering::Relaxed);
        let has_rung = self.timer.get().is_some_and(|(_, key)| key.number() == rung);
        if has_rung {
            self.timer.set(None);
        }
        has_rung
    }

    #[inline(never)]
    fn take_timer_back(&self) {
        if let Some((_, key)) = self.timer.take() {
            self.task().shared.timers.remove(key);
        }
    }
}

impl Drop for TaskWaiter {
    #[inline]
    fn drop(&mut self) {
        if self.timer.get_mut().is_some() {
            self.take_timer_back();
        }
    }
}

impl Waiter {
    /// The beginning of a wait of the current task or thread, which `what` names.
    ///
    /// # Panics
    /// In debug builds, if a [`NoSuspend`](crate::NoSuspend) of the task is alive: before anybody knows of
    /// the wait.
    ///
    /// # Safety
    /// The waiter stays in frames of the task that makes it here, and is used by that task's code only: what it knows of the task
    /// is not counted. So it is not kept where code finds it that runs for another task on the same thread, or later.
    /// [Leaking](std::mem::forget) it is no harm.
    ///
    /// ```
    /// use sortie_scheduler::wait::Waiter;
    ///
    /// // SAFETY: it stays in this frame.
    /// let waiter = unsafe { Waiter::new("an example") };
    /// let soon = std::time::Instant::now() + std::time::Duration::from_millis(1);
    /// while waiter.pause_until(soon) {}
    /// ```
    pub unsafe fn new(what: &'static str) -> Waiter {
        let who = match managed() {
            Some((_, task)) => {
                task.no_suspend.check(what);
                announce(task);
                Who::Task(TaskWaiter { task: NonNull::from(task), timer: Cell::new(None) })
            }
            None => Who::Thread(current::thread_parker()),
        };
        Waiter { who }
    }

    /// As [`Waiter::new`], for a wait that nothing must unwind, and that a [`NoSuspend`](crate::NoSuspend) has let begin.
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn undisturbed() -> Waiter {
        let Some((_, task)) = managed() else { return Waiter::of_thread() };
        // What a subscriber does must not end the wait.
        let _ = catch_unwind(AssertUnwindSafe(|| announce(task)));
        Waiter { who: Who::Task(TaskWaiter { task: NonNull::from(task), timer: Cell::new(None) }) }
    }

    /// The current thread, which sleeps as one that runs no task.
    pub(crate) fn of_thread() -> Waiter {
        Waiter { who: Who::Thread(current::thread_parker()) }
    }

    /// The task, if it can be switched away while it sits in a list's seat, and sits in none.
    #[inline]
    pub(crate) fn sitter(&self) -> Option<&Header> {
        match &self.who {
            Who::Task(waiter) => Some(waiter.task()).filter(|task| is_switchable(task)),
            Who::Thread(_) => None,
        }
    }

    /// What ends the wait.
    pub(crate) fn waker(&self) -> Waker {
        match &self.who {
            Who::Task(waiter) => Waker::Task(reference(waiter.task())),
            Who::Thread(parker) => Waker::Thread(parker.clone()),
        }
    }

    /// Waits for a wake, or for no reason. Unwinds if the task is aborted. May change `errno`.
    #[inline(always)]
    pub fn pause(&self) {
        match &self.who {
            Who::Thread(parker) => parker.park(),
            Who::Task(_) => pause(None),
        }
    }

    /// As [`Waiter::pause`], but raises no abort. True: it never ends for want of time.
    pub(crate) fn pause_undisturbed(&self) -> bool {
        match &self.who {
            Who::Thread(parker) => parker.park(),
            Who::Task(_) => pause_undisturbed(),
        }
        true
    }

    /// As [`Waiter::pause`], but for a wait that ends at `until`: false once that time has come.
    ///
    /// The timer behind it is set at the first call, and taken back with the waiter. False, too, once the embedder says
    /// that the wait is over, if it is [asked](super::ask_whether_over).
    #[must_use = "a wait whose time has come ends"]
    pub fn pause_until(&self, until: Instant) -> bool {
        self.pause_left(until, until.saturating_duration_since(Instant::now()))
    }

    /// [`Waiter::pause_until`], by one who knows how much is left until then.
    pub(super) fn pause_left(&self, until: Instant, left: Duration) -> bool {
        if left.is_zero() {
            // A suspension point all the same.
            checkpoint();
            return false;
        }
        self.pause_limited(until, left, pause)
    }

    /// A pause that ends at `until`, which is not past. False once that time has come.
    #[inline(always)]
    fn pause_limited(
        &self,
        until: Instant,
        left: Duration,
        pause: impl FnOnce(Option<Instant>),
    ) -> bool {
        match &self.who {
            Who::Thread(parker) => {
                parker.park_timeout(left);
            }
            Who::Task(waiter) => {
                if is_switchable(waiter.task()) {
                    waiter.set_timer(until);
                }
                pause(Some(until));
                if waiter.has_rung() {
                    return false;
                }
            }
        }
        Instant::now() < until && !is_said_to_be_over()
    }

    /// As [`Waiter::pause_for`], but an abort is not raised here: it ends the pause, or keeps it from beginning. For waits
    /// that may have come to something by then: who waits looks for that, and raises the abort by a
    /// [`checkpoint`](crate::checkpoint) if it has not.
    #[must_use = "a wait whose time has come ends"]
    pub fn pause_unraised(&self, until: Option<Instant>) -> bool {
        match (until, &self.who) {
            (None, Who::Thread(parker)) => parker.park(),
            (None, Who::Task(_)) => pause_unraised(None),
            (Some(until), _) => {
                let left = until.saturating_duration_since(Instant::now());
                return !left.is_zero() && self.pause_limited(until, left, pause_unraised);
            }
        }
        true
    }

    /// [`Waiter::pause_until`] where there is a limit, [`Waiter::pause`] where there is none, and then true.
    #[must_use = "a wait whose time has come ends"]
    #[inline(always)]
    pub fn pause_for(&self, until: Option<Instant>) -> bool {
        match until {
            Some(until) => self.pause_until(until),
            None => {
                self.pause();
                true
            }
        }
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = match self.who {
            Who::Task(_) => "a task",
            Who::Thread(_) => "a thread",
        };
        f.debug_tuple("Waiter").field(&who).finish()
    }
}

/// When a wait of this length ends that begins now. Past the end of the clock: so late that nobody sees it.
pub fn deadline(duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(1 << 36);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + FAR)
}
