//! A task that waits, and was switched away just now: its suspension is put off, because the next one here is likely to wake it.
//!
//! Two tasks on one carrier that talk to each other wake each other, turn by turn: each time the one is suspended by an
//! exchange of its state word, and woken by another, which nobody else has looked at in between. So the last one that was
//! switched away is kept *aside* in a cell of its carrier, with its reference, and its state word says `ACTIVE`. If a task on
//! this thread notifies it, it is taken from there and queued, and no exchange is made. Else it is suspended after all, a
//! little later.
//!
//! | it is kept aside, and | then |
//! |---|---|
//! | a task on this thread notifies it in its seat | [`take`]: it is queued |
//! | whoever else wakes it, or asks it to unwind | its word says `WOKEN`, and its suspension comes to nothing: it is queued there |
//! | another is switched away | that one takes its place, and it is suspended |
//! | somebody on this thread is to know who is ready | it is suspended |
//!
//! - INVARIANT(aside.own): it is pinned to this carrier, so nobody could run it meanwhile: its thread is busy with another
//!   task. It sits in a list's seat ([`crate::wait::seat`]), which finds it without a lock or a count: nobody else has
//!   anything to spare by this.
//! - INVARIANT(aside.soon): whoever wakes it elsewhere tells nobody. So it is [suspended](Carrier::suspend_aside) wherever a
//!   task in the ring would be found: before a pick that looks further, or finds nobody who was woken here; before a turn is
//!   passed to one that yielded; before anybody on this thread asks whether others are ready; and before the thread stops for
//!   something else than a native call. What is left are picks of those that were woken here, fifteen in a row at most, and
//!   turns that are lent.
//!
//! Must not: be touched by another thread.

use super::current;
use crate::carrier::Carrier;
use crate::task::state::Suspend;
use crate::task::{Header, TaskRef};
use std::ptr::NonNull;

impl Carrier {
    /// Suspends a task that was switched away, now or, if it [may be kept](may_be_kept) aside, a little later. In the loop, or
    /// by one that may be kept, has a worker, and is switched away next.
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
    use crate::crossing::{self, Below, Exit};
    use crate::wait::{self, WaitList, Waiter};
    use crate::{Config, JoinHandle, Scheduler, checkpoint, yield_now};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    const ROUNDS: usize = 64;

    /// The first of two tasks wakes the other and waits in `list` itself. The other then does this, and is told whether the
    /// first is kept aside, which it is not at a pick that looks further, and where that says that it goes on.
    fn beside_one_aside(
        scheduler: &Scheduler,
        list: &'static WaitList,
        then: impl FnOnce(bool, &'static AtomicBool) + Send + 'static,
    ) -> (JoinHandle<()>, JoinHandle<()>) {
        let before: &'static WaitList = Box::leak(Box::default());
        let goes_on: &'static AtomicBool = Box::leak(Box::default());
        let second = scheduler.spawn(move || {
            before.enter(&Waiter::new("a test")).wait();
            then(wait::managed().is_some_and(|(carrier, _)| carrier.keeps_aside()), goes_on);
        });
        while before.waiting() == 0 {
            std::thread::yield_now();
        }
        let first = scheduler.spawn(move || {
            let waiter = Waiter::new("a test");
            let place = list.enter(&waiter);
            assert!(before.notify_one(), "it waits");
            place.wait();
            goes_on.store(true, Ordering::Relaxed);
        });
        (first, second)
    }

    /// By a thread that is none of the scheduler's.
    fn notify_elsewhere(list: &'static WaitList) {
        let elsewhere = std::thread::spawn(|| list.notify_one());
        assert!(elsewhere.join().unwrap(), "it waits");
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
            let (first, second) = beside_one_aside(scheduler, list, |is_kept, _| {
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
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, _| {
                was_kept.store(is_kept, Ordering::Relaxed);
                notify_elsewhere(list);
                assert!(yield_now(), "another is ready");
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_aside_is_suspended_when_the_other_yields_in_place() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept, _| {
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
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, _| {
                was_kept.store(is_kept, Ordering::Relaxed);
                notify_elsewhere(list);
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_not_woken_is_suspended_when_the_other_has_ended() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, |is_kept, _| {
                was_kept.store(is_kept, Ordering::Relaxed);
            });
            second.join().unwrap();
            assert!(list.notify_one(), "it waits");
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_woken_elsewhere_goes_before_those_that_yield() {
        let (turns, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (turns, is_over): (&'static AtomicUsize, &'static AtomicBool) =
            (Box::leak(Box::new(turns)), Box::leak(Box::new(is_over)));
        let waited: &'static AtomicUsize = Box::leak(Box::default());
        in_rounds(|scheduler, list, was_kept| {
            is_over.store(false, Ordering::Relaxed);
            let others = [(); 2].map(|()| {
                scheduler.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        turns.fetch_add(1, Ordering::Relaxed);
                        yield_now();
                    }
                })
            });
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, goes_on| {
                was_kept.store(is_kept, Ordering::Relaxed);
                notify_elsewhere(list);
                let before = turns.load(Ordering::Relaxed);
                while !goes_on.load(Ordering::Relaxed) {
                    yield_now();
                }
                waited.fetch_add(turns.load(Ordering::Relaxed) - before, Ordering::Relaxed);
            });
            second.join().unwrap();
            first.join().unwrap();
            is_over.store(true, Ordering::Relaxed);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
        let waited = waited.load(Ordering::Relaxed);
        assert!(waited <= 3 * ROUNDS, "in {ROUNDS} rounds {waited} turns went before it");
    }

    #[test]
    fn who_is_woken_elsewhere_is_found_at_a_checkpoint() {
        in_rounds(|scheduler, list, was_kept| {
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, goes_on| {
                was_kept.store(is_kept, Ordering::Relaxed);
                notify_elsewhere(list);
                let until = Instant::now() + Duration::from_secs(20);
                while !goes_on.load(Ordering::Relaxed) {
                    assert!(Instant::now() < until, "it goes on while this computes");
                    checkpoint();
                }
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    #[test]
    fn who_is_woken_elsewhere_has_a_turn_beside_a_hold() {
        in_rounds(|scheduler, list, was_kept| {
            let shared = scheduler.shared.clone();
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, goes_on| {
                was_kept.store(is_kept, Ordering::Relaxed);
                assert!(shared.begin_hold());
                notify_elsewhere(list);
                assert!(wait::let_pinned_run(), "it is ready");
                // A fair pick serves the oldest first, which is the keeper; not twice in a row.
                let goes_on = || goes_on.load(Ordering::Relaxed);
                assert!(goes_on() || wait::let_pinned_run() && goes_on());
                assert!(shared.end_hold());
            });
            second.join().unwrap();
            first.join().unwrap();
        });
    }

    /// Its carrier gives the worker to a thread that stands in line, and sleeps.
    #[test]
    fn who_is_not_woken_is_suspended_before_the_worker_goes_to_the_line() {
        in_rounds(|scheduler, list, was_kept| {
            let shared = scheduler.shared.clone();
            let (enter, enters) = channel();
            let (first, second) = beside_one_aside(scheduler, list, move |is_kept, _| {
                was_kept.store(is_kept, Ordering::Relaxed);
                enter.send(()).unwrap();
                while shared.lobby.in_line() == 0 {
                    std::hint::spin_loop();
                }
                let carrier = wait::managed().expect("in a task").0;
                // SAFETY: this is the carrier's thread, and the word says `RUN`.
                unsafe { carrier.with_worker(|worker| worker.tenure = u32::MAX) };
            });
            enters.recv().unwrap();
            let is_told = std::thread::scope(|threads| {
                let visit = || {
                    scheduler.attach(|| (Box::new(()), std::ptr::null())).unwrap();
                    crossing::call_back(Below::THREAD).unwrap();
                    let is_told = list.notify_one();
                    let _ = crossing::leave_again(1, Exit::HandOver, Below::THREAD);
                    is_told
                };
                threads.spawn(visit).join().unwrap()
            });
            assert!(is_told, "it waits");
            second.join().unwrap();
            first.join().unwrap();
        });
    }
}
