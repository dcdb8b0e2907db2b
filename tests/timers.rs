//! Many timers at once: each is in time, none wakes too early, and those that are taken back leave nothing.

use sortie_test::figures::{bound, short_or_soak, within};
use sortie_test::{Case, MODES, Mode, each, each_of, each_setting, exclusively, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

/// By how much each of some sleeps of 1 to `longest_ms` milliseconds is too late, sorted.
fn lateness(runtime: &sortie::Runtime, sleeps: u64, longest_ms: u64) -> Vec<Duration> {
    runtime.run(move || {
        let tasks: Vec<_> = (0..sleeps)
            .map(|n| {
                sortie::spawn(move || {
                    let duration = Duration::from_millis(1 + n * 7919 % longest_ms);
                    let start = Instant::now();
                    sortie::sleep(duration);
                    start.elapsed().checked_sub(duration).expect("a sleep is not too short")
                })
            })
            .collect();
        let mut late: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        late.sort_unstable();
        late
    })
}

/// As many as there are stacks for in a small part of the memory; a soak has a hundred thousand.
#[test]
fn many_sleep_at_once_and_all_wake() {
    let many = short_or_soak(10_000, 100_000);
    each(|runtime| {
        let late = lateness(runtime, many, 200);
        println!("  {} sleeps, half are late by {:?}", late.len(), late[late.len() / 2]);
        assert_eq!(late.len() as u64, many);
    });
}

#[test]
fn a_sleep_is_late_by_a_tenth_of_a_millisecond() {
    for (workers, mode) in [(1, Mode::Pinned), (2, Mode::Pinned), (2, Mode::Migrating)] {
        exclusively(&Case::new(workers, mode), |case| {
            let runtime = case.runtime();
            // One after the other, and several at once.
            within("one sleep", bound(Duration::from_micros(100)), || {
                let mut late: Vec<_> = (0..50).map(|_| lateness(&runtime, 1, 3)[0]).collect();
                late.sort_unstable();
                late[late.len() / 2]
            });
            within("half of 2,000", bound(Duration::from_micros(200)), || {
                lateness(&runtime, 2_000, 200)[1000]
            });
            drop(runtime);
        });
    }
}

/// Every worker computes, and looks at the timers only now and then; what they wake has its turns.
#[test]
fn timers_are_served_beside_tasks_that_compute() {
    each(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..runtime.case.workers)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(move || {
                    while !stop.load(SeqCst) {
                        std::hint::spin_loop();
                        sortie::task::checkpoint();
                    }
                })
            })
            .collect();
        let late = lateness(runtime, 20, 10);
        println!("  beside tasks that compute: late by {:?}", late[10]);
        stop.store(true, SeqCst);
        busy.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn sleeps_that_are_aborted_leave_nothing() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for _ in 0..3 {
            let asleep = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..500u64)
                .map(|n| {
                    let asleep = asleep.clone();
                    runtime.spawn(move || {
                        asleep.fetch_add(1, SeqCst);
                        sortie::sleep(LONG + Duration::from_millis(n));
                    })
                })
                .collect();
            until("all sleep", || runtime.snapshot().timers == 500);
            assert_eq!(asleep.load(SeqCst), 500);
            tasks.iter().for_each(sortie::JoinHandle::abort);
            tasks.into_iter().for_each(|task| assert!(task.join().unwrap_err().is_aborted()));
            assert_eq!(runtime.snapshot().timers, 0);
        }
    });
}

#[test]
fn a_runtime_ends_with_timers_set() {
    each_setting(|case| {
        let runtime = case.runtime();
        let started = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..200u64)
            .map(|n| {
                let started = started.clone();
                runtime.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    // Some are about to fire.
                    sortie::sleep(if n % 2 == 0 { LONG } else { Duration::from_micros(n * 50) });
                })
            })
            .collect();
        until("all have started", || started.load(SeqCst) == 200);
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        for task in tasks {
            if let Err(error) = task.join() {
                assert!(error.is_aborted(), "{error}");
            }
        }
    });
}
