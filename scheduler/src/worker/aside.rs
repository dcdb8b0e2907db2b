//! A task that was switched away just now, and has not been suspended yet, because the next one here is likely to wake it.
//!
//! Two tasks on one carrier that talk to each other wake each other, turn by turn: each time the one is suspended by an
//! exchange of its state word, and woken by another, which nobody else has looked at in between. So the loop keeps the last
//! one aside, with its reference. If a task on this thread notifies it, it is queued, and that is all; else it is suspended a
//! little later.
//!
//! - INVARIANT(aside.own): it is pinned to this carrier, so nobody could run it meanwhile: its thread is busy with another
//!   task. It sits in a list's seat ([`crate::wait::seat`]), so it is woken by those who know it best.
//! - Its state word says `ACTIVE`. Whoever else wakes it, or asks it to unwind, leaves `WOKEN`, which turns its suspension
//!   into nothing, as with a task that is on its way to it.
//! - INVARIANT(aside.soon): it is [suspended](Carrier::suspend_aside) before a pick that looks further, or finds nobody who
//!   was woken here; before the thread stops for something else than a native call; and before anybody on this thread asks
//!   whether others are ready. So nobody waits for it longer than for a task in the ring.
//!
//! Must not: be touched by another thread.

use super::current;
use crate::carrier::Carrier;
use crate::task::state::Suspend;
use crate::task::{Header, TaskRef};
use std::ptr::NonNull;

impl Carrier {
    /// Suspends a task that was switched away, now or a little later: in the loop; or one that is about to be, and
    /// [may be kept](may_be_kept) aside, with a worker.
    #[inline]
    pub(super) fn suspend(&self, task: TaskRef) {
        let is_kept = may_be_kept(&task) && self.word.is_run();
        let raw = task.into_raw();
        let due = if is_kept { self.aside.replace(Some(raw)) } else { Some(raw) };
        if let Some(task) = due {
            self.suspend_now(task);
        }
    }

    /// Suspends the task that is kept aside. On this carrier's thread.
    #[inline]
    pub(crate) fn suspend_aside(&self) {
        if let Some(task) = self.aside.take() {
            self.suspend_now(task);
        }
    }

    /// Is a task kept aside? On this carrier's thread.
    #[inline]
    pub(super) fn keeps_aside(&self) -> bool {
        self.aside.get().is_some()
    }

    #[inline(never)]
    fn suspend_now(&self, task: NonNull<Header>) {
        // While the task is suspended its scheduler's reference belongs to nobody; the winner of a wake takes it over.
        // SAFETY: the reference was not given up before the task is suspended.
        match unsafe { task.as_ref() }.state.transition_to_suspended() {
            // After this line the task may be gone.
            Suspend::Suspended => {}
            // SAFETY: nobody else took the reference over.
            Suspend::Woken => self.shared().submit(unsafe { TaskRef::from_raw(task) }),
        }
    }
}

/// May the task be kept aside on the carrier that it runs on? See INVARIANT(aside.own).
#[inline]
pub(super) fn may_be_kept(task: &Header) -> bool {
    task.sits() && !task.migrating
}

/// The task, with its scheduler's reference, if it is kept aside on this thread, and may be queued there.
#[inline]
pub(crate) fn take(task: &Header) -> Option<(&'static Carrier, TaskRef)> {
    // SAFETY: the arena outlives this thread's stay in its runtime; the caller does not switch.
    let carrier = unsafe { current::carrier().as_ref() }?;
    if carrier.aside.get() != Some(NonNull::from(task)) || !carrier.word.is_run() {
        return None;
    }
    let raw = carrier.aside.take()?;
    // SAFETY: the reference was kept with it, and is kept there no more.
    Some((carrier, unsafe { TaskRef::from_raw(raw) }))
}

#[cfg(test)]
mod tests {
    use crate::affinity::keep_carrier;
    use crate::wait::{self, WaitList, Waiter};
    use crate::{Config, JoinHandle, Scheduler, yield_now};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const ROUNDS: usize = 64;

    /// The first of two tasks wakes the other and waits in `list` itself. The other then does this, and is told whether the
    /// first is kept aside: not at a pick that looks further.
    fn beside_one_aside(
        scheduler: &Scheduler,
        list: &'static WaitList,
        then: impl FnOnce(bool) + Send + 'static,
    ) -> (JoinHandle<()>, JoinHandle<()>) {
        let before: &'static WaitList = Box::leak(Box::default());
        let second = scheduler.spawn(move || {
            before.enter(&Waiter::new("a test")).wait();
            then(wait::managed().is_some_and(|(carrier, _)| carrier.keeps_aside()));
        });
        while before.waiting() == 0 {
            std::thread::yield_now();
        }
        let first = scheduler.spawn(move || {
            let waiter = Waiter::new("a test");
            let place = list.enter(&waiter);
            assert!(before.notify_one(), "it waits");
            place.wait();
        });
        (first, second)
    }

    /// So many rounds of that, in most of which the first is kept aside.
    fn in_rounds(round: impl Fn(&Scheduler, &'static WaitList, &'static AtomicBool)) {
        let scheduler = Config::new().workers(1).start().unwrap();
        let mut kept = 0;
        for _ in 0..ROUNDS {
            let was_kept: &'static AtomicBool = Box::leak(Box::default());
            round(&scheduler, Box::leak(Box::default()), was_kept);
            kept += usize::from(was_kept.load(Ordering::Relaxed));
        }
        assert!(kept > ROUNDS / 2, "it is kept aside: {kept}");
        let report = scheduler.shutdown(Duration::from_secs(20)).unwrap();
        assert!(report.is_clean(), "{report}");
    }

    #[test]
    fn who_is_notified_here_goes_on() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept| {
                was_kept.store(is_kept, Ordering::Relaxed);
                assert!(list.notify_one(), "it waits");
                let aside = wait::managed().is_some_and(|(carrier, _)| carrier.keeps_aside());
                assert!(!aside, "it is queued");
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_woken_elsewhere_is_ready_for_a_yield() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept| {
                was_kept.store(is_kept, Ordering::Relaxed);
                let elsewhere = std::thread::spawn(|| list.notify_one());
                assert!(elsewhere.join().unwrap(), "it waits");
                assert!(yield_now(), "another is ready");
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_aside_is_suspended_when_the_other_yields_in_place() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept| {
                was_kept.store(is_kept, Ordering::Relaxed);
                assert!(keep_carrier());
                yield_now();
                let aside = wait::managed().is_some_and(|(carrier, _)| carrier.keeps_aside());
                assert!(!aside, "the thread may have stopped");
            });
            second.join().unwrap();
            assert!(list.notify_one(), "it waits");
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_woken_elsewhere_goes_on_when_the_other_has_ended() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept| {
                was_kept.store(is_kept, Ordering::Relaxed);
                let elsewhere = std::thread::spawn(|| list.notify_one());
                assert!(elsewhere.join().unwrap(), "it waits");
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_not_woken_is_suspended_when_the_other_has_ended() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept| {
                was_kept.store(is_kept, Ordering::Relaxed);
            });
            second.join().unwrap();
            assert!(list.notify_one(), "it waits");
            first.join().unwrap();
        });
    }
}
