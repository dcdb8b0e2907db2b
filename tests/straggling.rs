//! A shutdown always returns by its deadline, names who is stuck where, and keeps what they stand on
//! until they return; then they unwind, and nothing is left.

use sortie::native::{self, Target};
use sortie::task::Builder;
use sortie::transition::{self, TransitionError};
use sortie::{Place, Runtime, ShutdownReport};
use sortie_natives::Gate;
use sortie_test::drops::{Counted, Drops};
use sortie_test::{each_setting, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Long enough for the others to unwind, beside other load too.
const LIMIT: Duration = Duration::from_millis(250);

/// Shuts down with one straggler, checks its name and that the deadline was kept.
fn shut_down(runtime: Runtime, name: &str) -> (ShutdownReport, Place) {
    let start = Instant::now();
    let report = runtime.shutdown(LIMIT);
    assert!(start.elapsed() >= LIMIT);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(!report.is_clean());
    assert_eq!(report.stragglers().len(), 1, "{report}");
    let straggler = &report.stragglers()[0];
    assert_eq!(straggler.name.as_deref(), Some(name));
    let text = report.to_string();
    assert!(text.contains("1 tasks were left"), "{text}");
    assert!(text.contains(&format!("{name:?} (id {})", straggler.id)), "{text}");
    let place = straggler.place;
    (report, place)
}

/// Suspends 20 other tasks, with what they hold. To be called when the straggler is where it stays, so
/// that none of them is pinned to its thread; where a worker is left for them.
fn suspend_others(runtime: &Runtime, drops: &Drops) {
    let (send, started) = channel();
    for _ in 0..20 {
        let (value, send) = (drops.value(), send.clone());
        drop(runtime.spawn(move || {
            let _value = value;
            send.send(()).unwrap();
            sortie::sleep(Duration::MAX);
        }));
    }
    started.iter().take(20).for_each(drop);
}

/// What a straggler that came back says of each function of ours.
fn every_function_says_shut_down() {
    assert!(sortie::spawn(|| ()).join().is_err_and(|error| error.is_shut_down()));
    assert!(sortie::task::current().is_some());
    assert!(!transition::layers().is_empty());
}

#[test]
fn in_native_code() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let gate = Arc::new(Gate::new());
        let (at, value) = (gate.clone(), drops.value());
        let task = Builder::new().name("stuck").spawn_on(&runtime.handle(), move || {
            let _value = value;
            let target = Target::new(Gate::address());
            native::call_here(&target, || at.wait());
            unreachable!("a runtime that is gone does not run managed code");
        });
        until("it is inside", || gate.inside() == 1);
        suspend_others(&runtime, &drops);
        let (report, place) = shut_down(runtime, "stuck");
        let target = Gate::address();
        assert_eq!(place, Place::Native { target });
        assert!(report.to_string().contains("in native code"), "{report}");
        assert_eq!(drops.dropped(), 20, "what was suspended is unwound, the straggler is not");
        gate.open();
        let error: sortie::JoinError = task.join().unwrap_err();
        assert!(error.is_aborted(), "{error}");
        drops.check();
    });
}

#[test]
fn in_native_code_by_raw_transitions() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let gate = Arc::new(Gate::new());
        let (at, value) = (gate.clone(), drops.value());
        let task = Builder::new().name("raw").spawn_on(&runtime.handle(), move || {
            let _value = value;
            transition::leave(Gate::address()).unwrap();
            at.wait();
            // Native code that has returned is told, as often as it asks.
            let enter = transition::enter();
            (enter, transition::enter(), transition::layers().len())
        });
        until("it is inside", || gate.inside() == 1);
        suspend_others(&runtime, &drops);
        let (_report, place) = shut_down(runtime, "raw");
        let target = Gate::address();
        assert_eq!(place, Place::Native { target });
        gate.open();
        let (first, second, layers) = task.join().unwrap();
        assert_eq!(first, Err(TransitionError::ShutDown));
        assert_eq!(second, Err(TransitionError::ShutDown));
        assert_eq!(layers, 2);
        drops.check();
    });
}

#[test]
fn in_managed_code() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let (at, value) = (Arc::new(AtomicBool::new(false)), drops.value());
        let stop = at.clone();
        let (send, inside) = channel();
        let task = Builder::new().name("looping").spawn_on(&runtime.handle(), move || {
            let _value = value;
            send.send(()).unwrap();
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            every_function_says_shut_down();
            sortie::yield_now();
            unreachable!("a suspension point unwinds");
        });
        inside.recv().unwrap();
        if case.workers > 1 {
            suspend_others(&runtime, &drops);
        }
        let (report, place) = shut_down(runtime, "looping");
        assert_eq!(place, Place::Managed);
        assert!(report.to_string().contains("reaches no suspension point"), "{report}");
        at.store(true, Ordering::Relaxed);
        let error: sortie::JoinError = task.join().unwrap_err();
        assert!(error.is_aborted(), "{error}");
        drops.check();
    });
}

/// It is asked a hundred times, and then the deadline is not waited for.
#[test]
fn swallowing_the_abort() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let (stop, value) = (Arc::new(AtomicBool::new(false)), drops.value());
        let stopped = stop.clone();
        let (send, inside) = channel();
        let task = Builder::new().name("stubborn").spawn_on(&runtime.handle(), move || {
            let _value: Counted = value;
            send.send(()).unwrap();
            let mut caught = 0u64;
            while !stopped.load(Ordering::Relaxed) {
                let swallowed = catch_unwind(AssertUnwindSafe(|| {
                    sortie::sleep(Duration::from_secs(3600));
                }));
                assert!(swallowed.is_err());
                caught += 1;
            }
            caught
        });
        inside.recv().unwrap();
        suspend_others(&runtime, &drops);
        let report = runtime.shutdown(Duration::from_secs(60));
        assert!(report.elapsed() < Duration::from_secs(20), "{report}");
        assert_eq!(drops.dropped(), 20, "what was suspended is unwound");
        assert_eq!(report.stragglers().len(), 1, "{report}");
        let straggler = &report.stragglers()[0];
        assert_eq!(straggler.name.as_deref(), Some("stubborn"));
        assert_eq!(straggler.place, Place::Swallowing);
        assert!(report.to_string().contains("catching each abort, and going on"), "{report}");
        stop.store(true, Ordering::Relaxed);
        // It ends by itself, and its output is its own.
        assert!(task.join().unwrap() > u64::from(sortie_scheduler::abort::SWALLOWED_LIMIT));
        drops.check();
    });
}

/// A callback's frames lie over foreign ones, so its abort stops at the callback.
#[test]
fn waiting_in_a_callback() {
    each_setting(|case| {
        let (runtime, drops) = (case.runtime(), Drops::new());
        let value = drops.value();
        let (send, inside) = channel();
        let task = runtime.spawn(move || {
            let _value = value;
            native::call_here(&CALL_BACK, || {
                sortie_natives::with_callback(3, |_| {
                    native::callback(-1, || {
                        send.send(()).unwrap();
                        sortie::sleep(Duration::MAX);
                        1
                    })
                })
            })
        });
        inside.recv().unwrap();
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        let error = task.join().unwrap_err();
        assert!(error.is_aborted(), "{error}");
        drops.check();
    });
}

static CALL_BACK: Target = Target::named("natives_call_back");

/// The native code of a straggler calls back after the end: refused, with its fallback.
#[test]
fn a_callback_after_the_end_returns_its_fallback() {
    each_setting(|case| {
        let runtime = case.runtime();
        let gate = Arc::new(Gate::new());
        let at = gate.clone();
        let (send, answers): (_, Receiver<_>) = channel();
        let task = Builder::new().name("late").spawn_on(&runtime.handle(), move || {
            native::call_here(&CALL_BACK, || {
                at.wait();
                let sum = sortie_natives::with_callback(3, |_| native::callback(-1, || 1));
                send.send((sum, native::try_callback(|| ()))).unwrap();
            });
        });
        until("it is inside", || gate.inside() == 1);
        let (_report, place) = shut_down(runtime, "late");
        assert!(matches!(place, Place::Native { .. }));
        gate.open();
        assert_eq!(answers.recv().unwrap(), (-3, Err(TransitionError::ShutDown)));
        assert!(task.join().unwrap_err().is_aborted());
    });
}

/// Abuse test 38.
#[test]
fn fifty_in_native_code_keep_nobody_beyond_the_deadline() {
    each_setting(|case| {
        let runtime = case.runtime();
        let gate = Arc::new(Gate::new());
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let at = gate.clone();
                let task = Builder::new().name(format!("sleeper {n}"));
                task.spawn_on(&runtime.handle(), move || {
                    native::call_here(&Target::new(Gate::address()), || at.wait());
                })
            })
            .collect();
        until("all are inside", || gate.inside() == 50);
        let start = Instant::now();
        let report = runtime.shutdown(LIMIT);
        let late = start.elapsed().saturating_sub(LIMIT);
        println!("{late:?} after the deadline");
        assert!(start.elapsed() >= LIMIT);
        assert!(late < Duration::from_secs(5), "{late:?}");
        assert_eq!(report.stragglers().len(), 50, "{report}");
        let target = Gate::address();
        assert!(report.stragglers().iter().all(|it| it.place == Place::Native { target }));
        assert!((0..50).all(|n| report.to_string().contains(&format!("\"sleeper {n}\""))));
        gate.open();
        for task in tasks {
            assert!(task.join().unwrap_err().is_aborted());
        }
    });
}
