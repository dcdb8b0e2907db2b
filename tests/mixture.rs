//! Every task ends, whatever mixture of waits, native calls and callbacks it and the others do, and
//! nobody waits behind those that go in and out of native code without end.

use sortie_test::mixture::{self, nanosleep};
use sortie_test::{MODES, WORKERS, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn every_task_ends() {
    each(|runtime| {
        for round in 0..3 {
            mixture::join(mixture::spawn(&runtime.handle(), round, 48));
        }
    });
}

/// Tasks that do nothing but native calls, each long enough to be taken back, keep the line for workers
/// full. What is spawned beside them, and what is pinned to their carriers, runs all the same.
#[test]
fn nobody_waits_behind_an_endless_stream_of_native_calls() {
    each_of(&WORKERS, &MODES, |runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let calls = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..8 * runtime.case.workers)
            .map(|_| {
                let (stop, calls) = (stop.clone(), calls.clone());
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        nanosleep(200);
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let mut worst = Duration::ZERO;
        for _ in 0..50 {
            let start = Instant::now();
            runtime.spawn(sortie::yield_now).join().unwrap();
            worst = worst.max(start.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        // It was seconds, until the callers ended, before the queues had their turn.
        assert!(worst < Duration::from_secs(1), "a task waited {worst:?}");
    });
}
