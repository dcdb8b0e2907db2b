//! Workers that are held back, where there are far more than processors, are there when they are of use: as many tasks
//! run at once as there are workers. And they are held back again when they are of none, though no work waits.

use sortie_test::figures::cores;
use sortie_test::{Case, MODES, exclusively, until};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Four times as many as are at work at first.
fn workers() -> usize {
    16 * cores()
}

/// One task for each worker does this with the number of tasks that have begun, at once with all others.
fn at_once(wait: impl Fn(&AtomicUsize) + Clone + Send + 'static) {
    for mode in MODES {
        let wait = wait.clone();
        exclusively(&Case::new(workers(), mode), move |case| {
            let runtime = case.watched(case.runtime());
            // Again, once all of them are held back anew.
            for _ in 0..3 {
                let begun = Arc::new(AtomicUsize::new(0));
                let tasks: Vec<_> = (0..workers())
                    .map(|_| {
                        let (begun, wait) = (begun.clone(), wait.clone());
                        runtime.spawn(move || wait(&begun))
                    })
                    .collect();
                tasks.into_iter().for_each(|task| task.join().unwrap());
            }
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

#[test]
fn tasks_that_compute_until_all_have_begun() {
    at_once(|begun| {
        begun.fetch_add(1, Ordering::Relaxed);
        while begun.load(Ordering::Relaxed) < workers() {
            std::hint::spin_loop();
        }
    });
}

#[test]
fn tasks_that_block_their_threads_until_all_have_begun() {
    let all = Arc::new(Barrier::new(workers()));
    at_once(move |_| {
        all.wait();
    });
}

#[test]
fn tasks_that_keep_to_their_workers_and_leave_no_processor_free() {
    for mode in MODES {
        exclusively(&Case::new(workers(), mode), |case| {
            let runtime = case.watched(case.runtime());
            let all = Arc::new(Barrier::new(workers()));
            let stop = Arc::new(AtomicBool::new(false));
            let tasks: Vec<_> = (0..workers())
                .map(|_| {
                    let (all, stop) = (all.clone(), stop.clone());
                    runtime.spawn(move || {
                        // With all of them let out each has one of its own.
                        all.wait();
                        while !stop.load(Ordering::Relaxed) {
                            sortie::yield_now();
                        }
                    })
                })
                .collect();
            let most = workers() - 4 * cores();
            until("those of no use are held back", || runtime.snapshot().idle_workers >= most);
            stop.store(true, Ordering::Relaxed);
            tasks.into_iter().for_each(|task| task.join().unwrap());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}
