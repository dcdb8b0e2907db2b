//! Every task ends, whatever mixture of waits, native calls and callbacks it and the others do, and
//! nobody waits behind those that go in and out of native code without end.

use sortie::native::{self, Target};
use sortie::task::Builder;
use sortie_test::{MODES, WORKERS, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

static NANOSLEEP: Target = Target::named("natives_nanosleep");
static CALL_BACK: Target = Target::named("natives_call_back");

/// Steele, Lea and Flood's SplitMix64: a number for each step, the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn nanosleep(microseconds: u64) {
    native::call(&NANOSLEEP, || sortie_natives::nanosleep(microseconds * 1_000));
}

/// A callback that waits in place for a task that it has just spawned, and lets others run.
fn call_back() {
    let sum = native::call_here(&CALL_BACK, || {
        sortie_natives::with_callback(1, |_| {
            native::callback(-1, || {
                sortie::yield_now();
                // The child may have been started here and be pinned here: then it is a deadlock,
                // and said so.
                match sortie::spawn(|| 7).join() {
                    Ok(seven) => assert_eq!(seven, 7),
                    Err(error) => assert!(error.is_deadlock(), "{error}"),
                }
                1
            })
        })
    });
    assert_eq!(sum, 1);
}

fn steps(seed: u64) {
    let mut state = seed;
    for _ in 0..60 {
        match next(&mut state) % 7 {
            0 => sortie::yield_now(),
            1 => nanosleep(0),
            2 => nanosleep(next(&mut state) % 200),
            3 => sortie::sleep(Duration::from_micros(next(&mut state) % 200)),
            4 => {
                let child = sortie::spawn(|| {
                    sortie::yield_now();
                    7
                });
                assert_eq!(child.join().unwrap(), 7);
            }
            5 => call_back(),
            _ => {
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(20) {}
            }
        }
    }
}

#[test]
fn every_task_ends() {
    each(|runtime| {
        for round in 0..3 {
            let tasks: Vec<_> = (0..48u64)
                .map(|n| {
                    let mut task = Builder::new();
                    if n % 2 == 0 {
                        // SAFETY: the steps hold nothing of the thread over their waits.
                        task = unsafe { task.migrating() };
                    }
                    task.spawn_on(&runtime.handle(), move || {
                        steps(round * 1_000 + n);
                        n
                    })
                })
                .collect();
            for (n, task) in (0..).zip(tasks) {
                assert_eq!(task.join().unwrap(), n);
            }
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
