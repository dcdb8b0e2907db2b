//! Who is kept aside goes on when it is woken, by whomever, and is suspended before anybody asks who is ready.

use crate::affinity::keep_carrier;
use crate::crossing::{self, Below, Exit};
use crate::wait::tests::waiter;
use crate::wait::{self, WaitList};
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
        before.enter(&waiter()).wait();
        then(wait::managed().is_some_and(|(carrier, _)| carrier.keeps_aside()), goes_on);
    });
    while before.waiting() == 0 {
        std::thread::yield_now();
    }
    let first = scheduler.spawn(move || {
        let waiter = waiter();
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
