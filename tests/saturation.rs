//! At the cap of carriers nothing is lost: what is ready waits, and all complete.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::{Case, MODES, each_setting, events, exclusively, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("natives_gate_wait");
static NANOSLEEP: Target = Target::named("natives_nanosleep");

#[test]
fn more_calls_than_carriers_all_complete() {
    each_setting(|case| {
        let cap = case.workers + 3;
        let runtime = case.builder().max_carriers(cap).build().unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..60)
            .map(|n| {
                let done = done.clone();
                runtime.spawn(move || {
                    sortie::yield_now();
                    native::call(&NANOSLEEP, || sortie_natives::nanosleep(2_000_000));
                    done.fetch_add(1, Ordering::SeqCst);
                    n
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), n);
        }
        assert_eq!(done.load(Ordering::SeqCst), 60);
        let snapshot = runtime.snapshot();
        assert_eq!(snapshot.max_carriers, cap);
        assert!(snapshot.carriers <= cap, "{snapshot:?}");
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn what_waits_at_the_cap_runs_when_a_call_returns() {
    each_setting(|case| {
        let cap = case.workers + 1;
        let runtime = case.builder().max_carriers(cap).build().unwrap();
        let gate = Arc::new(Gate::new());
        let calls: Vec<_> = (0..2 * cap)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(move || native::call(&NATIVE, || gate.wait()))
            })
            .collect();
        until("every carrier is in native code", || gate.inside() >= cap);
        let waits = runtime.spawn(|| sortie::spawn(|| 5).join().unwrap());
        until("it is reported", || runtime.snapshot().saturations > 0);
        gate.open();
        assert_eq!(waits.join().unwrap(), 5);
        calls.into_iter().for_each(|task| task.join().unwrap());
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// Of ten thousand calls three hundred block at a time; the event names the cap, none is lost.
#[test]
fn ten_thousand_blocked_calls_drain_through_three_hundred_carriers() {
    const CAP: usize = 300;
    for mode in MODES {
        exclusively(&Case::new(2, mode), |case| {
            events::record();
            let runtime = case.watched(case.builder().max_carriers(CAP).build().unwrap());
            let gate = Arc::new(Gate::new());
            let calls: Vec<_> = (0..10_000)
                .map(|n| {
                    let gate = gate.clone();
                    runtime.spawn(move || {
                        native::call(&NATIVE, || gate.wait());
                        n
                    })
                })
                .collect();
            until("every carrier is in native code", || gate.inside() >= CAP);
            until("it is reported", || runtime.snapshot().saturations > 0);
            let said = events::seen();
            let named = |seen: &events::Seen| {
                seen.target == "sortie::carrier"
                    && seen.text.contains("saturated")
                    && seen.text.contains("cap=300")
                    && seen.text.contains("natives_gate_wait (")
            };
            assert!(said.iter().any(named), "{said:?}");
            let snapshot = runtime.snapshot();
            // A burst beyond the cap is a small one.
            assert!(snapshot.carriers <= CAP + CAP / 8, "{snapshot:?}");
            let start = Instant::now();
            gate.open();
            for (n, call) in calls.into_iter().enumerate() {
                assert_eq!(call.join().unwrap(), n);
            }
            println!("  drained in {:?}, {} events", start.elapsed(), said.len());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

#[test]
fn callbacks_and_joins_at_the_cap_complete() {
    each_setting(|case| {
        let runtime = case.builder().max_carriers(case.workers + 1).build().unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                runtime.spawn(|| {
                    native::call_here(&NATIVE, || {
                        sortie_natives::with_callback_between(100_000, |_| {
                            native::callback(-1, || {
                                sortie::yield_now();
                                1
                            })
                        })
                    })
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 1);
        }
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn values_that_cannot_be_are_refused_with_a_reason() {
    let text = |builder: sortie::Builder| builder.build().unwrap_err().to_string();
    let builder = sortie::Runtime::builder;
    assert!(text(builder().workers(0)).contains("`workers` is 0, but must be 1 to 1024"));
    assert!(text(builder().workers(4).max_carriers(3)).contains("at least as many as workers"));
    for bytes in [0, (1 << 30) + 1, usize::MAX] {
        assert!(text(builder().stack_bytes(bytes)).contains("but must be 1 byte to 1 GiB"));
    }
    assert!(text(builder().native_stack_bytes(1)).contains("`native_stack_bytes` is 1"));
    // SAFETY: no native code is called.
    let guarded = unsafe { builder().callback_guard_bytes(usize::MAX) };
    assert!(text(guarded).contains("but must be at most 1 GiB"));
    assert!(text(builder().thread_name("a\0b")).contains("without NUL"));
}
