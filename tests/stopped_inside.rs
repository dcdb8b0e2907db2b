//! A carrier that stands still loses at most its worker: what it was in the middle of ends rightly
//! when it goes on, without a worker if that was taken meanwhile.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::figures::short_or_soak;
use sortie_test::gauge::Gauge;
use sortie_test::mixture::{nanosleep, next};
use sortie_test::stop;
use sortie_test::{MODES, each_of, threads, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

static GATE: Target = Target::named("natives_gate_wait");
static BURN: Target = Target::named("natives_burn");

/// Every worker's carrier stands still inside native code. Others get all the work done; the stopped
/// ones find their workers gone.
#[test]
fn in_native_code_it_returns_without_its_worker() {
    each_of(&[1, 2, 4], &MODES, |runtime| {
        for _ in 0..short_or_soak(10, 1_000) {
            let before = runtime.snapshot();
            let gate = Arc::new(Gate::new());
            let callers: Vec<_> = (0..runtime.case.workers)
                .map(|n| {
                    let (gate, thread) = (gate.clone(), Arc::new(AtomicI32::new(0)));
                    let (at, returned) = (thread.clone(), Arc::new(AtomicBool::new(false)));
                    let done = returned.clone();
                    let task = runtime.spawn(move || {
                        let value = native::call_here(&GATE, || {
                            at.store(threads::current(), Ordering::SeqCst);
                            gate.wait();
                            n
                        });
                        done.store(true, Ordering::SeqCst);
                        value
                    });
                    until("it is inside", || thread.load(Ordering::SeqCst) != 0);
                    let stopped = stop::stop(thread.load(Ordering::SeqCst)).expect("a carrier");
                    (task, stopped, returned)
                })
                .collect();
            // They would return now, if they could.
            gate.open();
            let work: Vec<_> = (0..20).map(|n| runtime.spawn(move || n)).collect();
            for (n, work) in work.into_iter().enumerate() {
                assert_eq!(work.join().unwrap(), n);
            }
            let went_on = callers.iter().filter(|caller| caller.2.load(Ordering::SeqCst)).count();
            assert_eq!(went_on, 0, "a carrier that stands still returns nowhere");
            let workers = runtime.case.workers;
            for (n, (task, stopped, _)) in callers.into_iter().enumerate() {
                drop(stopped);
                assert_eq!(task.join().unwrap(), n);
            }
            let now = runtime.snapshot();
            let away = now.retakes + now.hand_offs - before.retakes - before.hand_offs;
            let lost = now.reentries - before.reentries;
            assert!(away >= 1, "the work was done without a worker: {now:?}");
            assert!(lost >= 1 && lost <= away, "{lost} of {away} found their workers gone");
            if workers == 1 {
                assert_eq!(lost, 1);
            }
        }
    });
}

/// Carriers stand still at random, for a millisecond or less: before a leave, after it, in native
/// code, at their return, in the loop.
#[test]
fn anywhere_nothing_is_lost() {
    each_of(&[1, 2, 4], &MODES, |runtime| {
        let gauge = Arc::new(Gauge::new());
        let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let workers = runtime.case.workers;
        let callers: Vec<_> = (0..4 * workers)
            .map(|n| {
                let (gauge, stop, turns) = (gauge.clone(), stop.clone(), turns.clone());
                runtime.spawn(move || {
                    let mut done = 0u64;
                    while !stop.load(Ordering::Relaxed) {
                        gauge.inside(|| done += 1);
                        native::call_here(&BURN, || sortie_natives::burn(500));
                        if done.is_multiple_of(50) {
                            nanosleep(20);
                            sortie::yield_now();
                        }
                        turns.fetch_add(1, Ordering::Relaxed);
                    }
                    (n, done)
                })
            })
            .collect();
        let end = Instant::now() + Duration::from_millis(short_or_soak(400, 60_000));
        let (mut random, mut stops) = (workers as u64, 0);
        while Instant::now() < end {
            // Only those that do something: the spares among many would be met most.
            let mut carriers = threads::named(&runtime.case.thread_name);
            carriers.retain(|thread| thread.state == 'R' && !thread.name.ends_with("-mon"));
            if carriers.is_empty() {
                continue;
            }
            let chosen = next(&mut random) as usize % carriers.len();
            let Some(stopped) = stop::stop(carriers[chosen].id) else { continue };
            std::thread::sleep(Duration::from_micros(next(&mut random) % 1_000));
            drop(stopped);
            stops += 1;
        }
        stop.store(true, Ordering::Relaxed);
        let done: u64 = (0..)
            .zip(callers)
            .map(|(n, caller)| {
                let (number, done) = caller.join().unwrap();
                assert_eq!(number, n);
                done
            })
            .sum();
        assert_eq!(done, turns.load(Ordering::Relaxed));
        let snapshot = runtime.snapshot();
        println!("  {stops} stops, {done} turns, {} retakes", snapshot.retakes);
        let most = gauge.most();
        assert!(most <= workers, "{most} at once with {workers} workers");
    });
}
