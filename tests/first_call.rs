//! The first call of a function that nobody knows anything about blocks: the others' work, queued
//! before, goes on within microseconds.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, MODES, exclusively, stop, threads, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PROMISE: Duration = Duration::from_micros(200);

/// A target of its own for each call: its first.
fn unknown() -> &'static Target {
    Box::leak(Box::new(Target::named("natives_gate_wait")))
}

fn calls() -> usize {
    short_or_soak(200, 5_000)
}

#[test]
fn work_that_was_queued_before_runs() {
    for mode in MODES {
        for workers in [1, 2] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                within("queued before, p99", bound(PROMISE), || {
                    let delays: Delays = (0..calls()).map(|_| before(&runtime, workers)).collect();
                    println!("  {delays}");
                    delays.percentile(99)
                });
            });
        }
    }
}

/// Every worker's task queues one more and blocks. The delay of the last of these.
fn before(runtime: &sortie::Runtime, workers: usize) -> Duration {
    let gate = Arc::new(Gate::new());
    let running = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..workers)
        .map(|_| {
            let (gate, running, done) = (gate.clone(), running.clone(), done.clone());
            runtime.spawn(move || {
                // All at once, so that none finds a worker that does nothing.
                running.fetch_add(1, Ordering::SeqCst);
                let end = Instant::now() + Duration::from_millis(1);
                while running.load(Ordering::SeqCst) < workers && Instant::now() < end {}
                let start = Instant::now();
                let waits = sortie::spawn(move || {
                    let delay = start.elapsed();
                    done.fetch_add(1, Ordering::SeqCst);
                    delay
                });
                native::call_here(unknown(), || gate.wait());
                waits
            })
        })
        .collect();
    // The work does not need the callers, so it is done before they return. A look at the runtime
    // itself would disturb it.
    until("the work is done", || done.load(Ordering::SeqCst) == workers);
    assert!(!callers.iter().any(sortie::JoinHandle::is_finished), "the gate is closed");
    gate.open();
    callers.into_iter().map(|caller| caller.join().unwrap().join().unwrap()).max().unwrap()
}

/// The other one has the benefit of the doubt, and the monitor, which would see that it waits, stands still.
#[test]
fn also_behind_one_of_two_functions_that_nobody_knows() {
    for mode in MODES {
        exclusively(&Case::new(1, mode), |case| {
            let runtime = case.watched(case.runtime());
            let (first, second) = (Arc::new(Gate::new()), Arc::new(Gate::new()));
            let waits = first.clone();
            let waits = runtime.spawn(move || native::call_here(unknown(), || waits.wait()));
            until("the first call waits", || {
                let carriers = threads::named(&case.thread_name);
                let asleep = |thread: &threads::Thread| thread.state == 'S';
                first.inside() == 1 && carriers.iter().all(asleep)
            });
            let monitor = threads::named(&format!("{}-mon", case.thread_name))[0].id;
            let stopped = stop::stop(monitor).expect("a monitor");
            let opens = second.clone();
            let caller = runtime.spawn(move || {
                let behind = sortie::spawn(move || opens.open());
                native::call_here(unknown(), || second.wait());
                behind.join().unwrap();
            });
            caller.join().unwrap();
            drop(stopped);
            first.open();
            waits.join().unwrap();
        });
    }
}
