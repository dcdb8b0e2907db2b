//! A task whose maker goes on and computes runs on a worker that has nothing to do: it does not wait for a slice of the
//! processor to end that the maker is on.
//!
//! Half of them are judged, on a busy machine too: two others that compute make the slowest later, and to wait for the
//! slice makes most of them late.

use sortie_test::figures::{Delays, bound, short_or_soak, within_beside_plain};
use sortie_test::{Case, MODES, exclusively};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PROMISE: Duration = Duration::from_micros(300);

/// Nothing happens before: then the kernel may put the thread that is called on the processor of its caller.
const REST: Duration = Duration::from_millis(6);

/// As a worker that has been called leaves its processor to its caller.
const ASIDE: Duration = Duration::from_micros(10);

#[test]
fn it_runs_beside_its_maker() {
    for mode in MODES {
        for workers in [2, 8] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                let tasks = || {
                    let delays = rested(short_or_soak(60, 2_000), || runtime.run(make_and_compute));
                    println!("  {delays}");
                    delays.percentile(50)
                };
                within_beside_plain("beside its maker, p50", bound(PROMISE), tasks, || {
                    plain_threads().percentile(50)
                });
            });
        }
    }
}

/// One after the other, each after a rest.
fn rested(count: usize, one: impl Fn() -> Duration) -> Delays {
    let rest_and_do = |_| {
        std::thread::sleep(REST);
        one()
    };
    (0..count).map(rest_and_do).collect()
}

/// The delay of the task, beside which its maker computes until it has run.
fn make_and_compute() -> Duration {
    let done = Arc::new(AtomicBool::new(false));
    let says = done.clone();
    let start = Instant::now();
    let made = sortie::spawn(move || {
        let delay = start.elapsed();
        // ORDERING: Relaxed, a flag that stands for itself.
        says.store(true, Ordering::Relaxed);
        delay
    });
    compute_until(&done);
    made.join().unwrap()
}

/// The same by two threads: one wakes the other, and computes until it has run. That sleeps for a moment before, as a
/// worker does: it is as late by a load as the task is.
fn plain_threads() -> Delays {
    let done = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (ask, asked) = mpsc::channel::<()>();
        let (pass, passed) = mpsc::channel::<Instant>();
        let (answer, answers) = mpsc::channel();
        scope.spawn(move || {
            for () in asked {
                pass.send(Instant::now()).expect("a thread that runs");
                compute_until(done);
                // ORDERING: Relaxed, the channel hands it on.
                done.store(false, Ordering::Relaxed);
                answer.send(()).expect("one that asks");
            }
        });
        let (told, delays) = mpsc::channel();
        scope.spawn(move || {
            for start in passed {
                std::thread::sleep(ASIDE);
                told.send(start.elapsed()).expect("one that asks");
                // ORDERING: Relaxed, a flag that stands for itself.
                done.store(true, Ordering::Relaxed);
            }
        });
        let delays = rested(60, || {
            ask.send(()).expect("a thread that makes");
            answers.recv().expect("an answer");
            delays.recv().expect("a delay")
        });
        drop(ask);
        delays
    })
}

fn compute_until(done: &AtomicBool) {
    // ORDERING: Relaxed, a flag that stands for itself.
    while !done.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}
