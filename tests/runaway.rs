//! A task that computes without a switch keeps its worker, and stalls nobody: after 10 ms others run
//! beside it, and it is asked to let them.

use sortie::native::{self, Class, Policy, Target};
use sortie_natives::{Gate, with_callback};
use sortie_test::busy::Busy;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{MODES, Running, WORKERS, each, each_of, events, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static GATE: Target = Target::named("natives_gate_wait");
static CALL_BACK: Target = Target::named("natives_call_back");

const KEEP: Policy = Policy::new().class(Class::Keep);

/// How long others may wait behind tasks that do not switch.
const PROMISE: Duration = Duration::from_millis(30);

/// The extra workers are back.
fn until_none_compensates(runtime: &Running<'_>) {
    until("the extra workers are back", || runtime.snapshot().compensating == 0);
    let snapshot = runtime.snapshot();
    assert!(snapshot.compensations > 0, "{snapshot:?}");
    assert!(snapshot.yield_requests > 0, "{snapshot:?}");
}

#[test]
fn others_run_within_thirty_milliseconds() {
    each(|runtime| {
        within("a task behind runaways runs", bound(PROMISE), || {
            let runaways = Busy::start(runtime, runtime.case.workers);
            let delays: Delays = (0..short_or_soak(5, 200))
                .map(|_| {
                    let start = Instant::now();
                    runtime.spawn(|| ()).join().unwrap();
                    start.elapsed()
                })
                .collect();
            runaways.end();
            delays.max()
        });
        until_none_compensates(runtime);
    });
}

#[test]
fn it_sees_at_a_checkpoint_that_it_is_to_yield() {
    each(|runtime| {
        let workers = runtime.case.workers;
        let computing = Busy::start_with(runtime, workers, sortie::task::checkpoint);
        let stop = computing.stop_flag();
        let before = runtime.snapshot().yield_requests;
        // More than extra workers alone could run: each of them keeps what it runs on.
        let waiting: Vec<_> = (0..4 * workers)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        sortie::task::checkpoint();
                    }
                })
            })
            .collect();
        let last = runtime.spawn(|| 7);
        assert_eq!(last.join().unwrap(), 7);
        computing.end();
        waiting.into_iter().for_each(|task| task.join().unwrap());
        assert!(runtime.snapshot().yield_requests > before);
        until("the extra workers are back", || runtime.snapshot().compensating == 0);
    });
}

/// Only the task itself can let those run that are pinned to its thread. It does at its checkpoints.
#[test]
fn those_that_are_pinned_beside_it_run_at_its_checkpoints() {
    each_of(&WORKERS, &MODES[..1], |runtime| {
        let turns = runtime.run(|| {
            let done = Arc::new(AtomicBool::new(false));
            let set = done.clone();
            let (started, go) =
                (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (say, see) = (started.clone(), go.clone());
            // On whatever carrier it started: it waits, and computes with another beside it.
            let pair = sortie::spawn(move || {
                let other = sortie::spawn(move || {
                    say.store(true, Ordering::SeqCst);
                    while !see.load(Ordering::SeqCst) {
                        sortie::yield_now();
                    }
                    set.store(true, Ordering::SeqCst);
                });
                while !started.load(Ordering::SeqCst) {
                    sortie::yield_now();
                }
                go.store(true, Ordering::SeqCst);
                let mut turns = 0u64;
                while !done.load(Ordering::SeqCst) {
                    sortie::task::checkpoint();
                    turns += 1;
                }
                other.join().unwrap();
                turns
            });
            pair.join().unwrap()
        });
        println!("  {turns} checkpoints");
    });
}

/// The extra worker does not run them: they may run on the runaway's thread only.
#[test]
fn those_that_are_pinned_beside_it_wait_for_it() {
    each_of(&[1], &MODES[..1], |runtime| {
        let asked = Arc::new(AtomicBool::new(false));
        let (beside, waits) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
        let waiting = waits.clone();
        let pinned = runtime.spawn(move || {
            waiting.store(1, Ordering::SeqCst);
            while !beside.load(Ordering::SeqCst) {
                sortie::yield_now();
            }
            waiting.store(2, Ordering::SeqCst);
        });
        until("it has started", || waits.load(Ordering::SeqCst) == 1);
        let runaways = Busy::start(runtime, 1);
        asked.store(true, Ordering::SeqCst);
        // Work that is not pinned is done meanwhile, time and again.
        for _ in 0..5 {
            runtime.spawn(|| ()).join().unwrap();
        }
        assert!(runtime.snapshot().compensations > 0);
        assert_eq!(waits.load(Ordering::SeqCst), 1, "a pinned task ran on another thread");
        runaways.end();
        pinned.join().unwrap();
        until_none_compensates(runtime);
    });
}

/// What runs on an extra worker does all that tasks do, and the runaways come and go.
#[test]
fn tasks_on_an_extra_worker_do_what_tasks_do() {
    each(|runtime| {
        for round in 0..short_or_soak(2, 100) {
            let runaways = Busy::start(runtime, runtime.case.workers);
            let gate = Arc::new(Gate::new());
            let inside: Vec<_> = (0..3)
                .map(|_| {
                    let gate = gate.clone();
                    runtime.spawn(move || native::call(&GATE, || gate.wait()))
                })
                .collect();
            until("they are in native code", || gate.inside() == 3);
            let sums: Vec<_> = (0..8)
                .map(|n| {
                    runtime.spawn(move || {
                        let children: Vec<_> = (0..4)
                            .map(|child| {
                                sortie::spawn(move || {
                                    sortie::yield_now();
                                    native::call_here(&CALL_BACK, || {
                                        with_callback(2, |turn| {
                                            native::callback(-1, || {
                                                sortie::spawn(move || turn).join().unwrap()
                                            })
                                        })
                                    }) + child
                                })
                            })
                            .collect();
                        sortie::sleep(Duration::from_millis(1));
                        let sum: i32 = children.into_iter().map(|it| it.join().unwrap()).sum();
                        sum + n
                    })
                })
                .collect();
            if round % 2 == 0 {
                for (n, sum) in sums.into_iter().enumerate() {
                    assert_eq!(sum.join().unwrap(), 4 + 6 + n as i32);
                }
                runaways.end();
            } else {
                runaways.end();
                for (n, sum) in sums.into_iter().enumerate() {
                    assert_eq!(sum.join().unwrap(), 4 + 6 + n as i32);
                }
            }
            gate.open();
            inside.into_iter().for_each(|task| task.join().unwrap());
        }
        until_none_compensates(runtime);
    });
}

/// A runaway on the extra worker, too: another stands in, and in the end none is left out.
#[test]
fn runaways_behind_runaways() {
    each(|runtime| {
        let workers = runtime.case.workers;
        let first = Busy::start(runtime, runtime.case.workers);
        let more = Busy::start(runtime, workers.div_ceil(2));
        if workers > 1 {
            assert_eq!(runtime.spawn(|| 7).join().unwrap(), 7);
        }
        let snapshot = runtime.snapshot();
        assert!(snapshot.compensating >= workers.div_ceil(2), "{snapshot:?}");
        assert!(snapshot.compensating <= workers, "{snapshot:?}");
        first.end();
        more.end();
        until_none_compensates(runtime);
    });
}

/// What runs on an extra worker when it is not wanted any more goes on elsewhere, also if it is there to
/// stay: many that take turns, and one that is alone.
#[test]
fn the_extra_worker_goes_back_though_there_is_work() {
    each(|runtime| {
        for count in [1, 8 * runtime.case.workers] {
            let runaways = Busy::start(runtime, runtime.case.workers);
            let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let spinners: Vec<_> = (0..count)
                .map(|_| {
                    let (stop, turns) = (stop.clone(), turns.clone());
                    runtime.spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            turns.fetch_add(1, Ordering::Relaxed);
                            sortie::yield_now();
                        }
                    })
                })
                .collect();
            until("they take turns", || turns.load(Ordering::Relaxed) > 100);
            assert!(runtime.snapshot().compensating > 0);
            runaways.end();
            until_none_compensates(runtime);
            let before = turns.load(Ordering::Relaxed);
            until("they still take turns", || turns.load(Ordering::Relaxed) > before + 100);
            stop.store(true, Ordering::Relaxed);
            spinners.into_iter().for_each(|task| task.join().unwrap());
        }
    });
}

/// A runtime is shut down while extra workers are out: suspended tasks that they ran are unwound.
#[test]
fn shutdown_with_extra_workers_out() {
    each(|runtime| {
        let runaways = Busy::start(runtime, runtime.case.workers);
        let waits = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let waits = waits.clone();
            drop(runtime.spawn(move || {
                waits.fetch_add(1, Ordering::SeqCst);
                sortie::sleep(Duration::from_secs(3_600));
            }));
        }
        until("they wait", || waits.load(Ordering::SeqCst) == 5);
        runaways.stop_flag().store(true, Ordering::SeqCst);
        // The fixture ends the runtime.
    });
}

/// The deadline comes while the runaways and what is on extra workers compute: they are named, and
/// what is left ends with them.
#[test]
fn a_deadline_with_extra_workers_out() {
    sortie_test::each_setting(|case| {
        let runtime = case.runtime();
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let all = case.workers + 1;
        for _ in 0..all {
            let (stop, begun) = (stop.clone(), begun.clone());
            drop(runtime.spawn(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }));
        }
        until("all compute", || begun.load(Ordering::SeqCst) == all);
        let report = runtime.shutdown(Duration::from_millis(20));
        assert_eq!(report.stragglers().len(), all, "{report}");
        stop.store(true, Ordering::SeqCst);
    });
}

/// Managed code that blocks its thread without having announced it is named, once, and stalls nobody.
#[test]
fn a_block_that_was_not_announced_is_named() {
    each_of(&[1], &MODES, |runtime| {
        events::record();
        let gate = Arc::new(Gate::new());
        let inside = gate.clone();
        let blocked = sortie::task::Builder::new()
            .name("blocker")
            .spawn_on(&runtime.handle(), move || inside.wait());
        until("it blocks", || gate.inside() == 1);
        let said = || {
            let stall =
                |seen: &events::Seen| seen.text.contains("stall") && seen.text.contains("blocker");
            events::seen().into_iter().filter(stall).count()
        };
        until("it is named", || {
            runtime.spawn(|| ()).join().unwrap();
            said() > 0
        });
        let end = Instant::now() + Duration::from_millis(150);
        while Instant::now() < end {
            runtime.spawn(|| ()).join().unwrap();
        }
        gate.open();
        blocked.join().unwrap();
        assert_eq!(said(), 1, "{:?}", events::seen());
        until_none_compensates(runtime);
    });
}

/// A native call that keeps its worker by policy is named if it lasts, and stalls nobody either.
#[test]
fn a_kept_call_that_lasts_is_named() {
    static KEPT: Target = Target::named("kept_gate").with_policy(KEEP);
    each_of(&[1, 2], &MODES, |runtime| {
        events::record();
        let workers = runtime.case.workers;
        let gate = Arc::new(Gate::new());
        let calls: Vec<_> = (0..workers)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(move || native::call_here(&KEPT, || gate.wait()))
            })
            .collect();
        until("they are in native code", || gate.inside() == workers);
        let said = || {
            let kept = |seen: &events::Seen| {
                seen.text.contains("stall") && seen.text.contains("kept_gate")
            };
            events::seen().into_iter().filter(kept).count()
        };
        until("each is named", || {
            runtime.spawn(|| ()).join().unwrap();
            said() == workers
        });
        gate.open();
        calls.into_iter().for_each(|call| call.join().unwrap());
        until_none_compensates(runtime);
    });
}
