//! A shutdown unwinds what is suspended, refuses what has not started, and leaves nothing.

use sortie::native::{self, Target};
use sortie::transition::TransitionError;
use sortie_natives::Gate;
use sortie_test::drops::Drops;
use sortie_test::{each_setting, until};
use std::sync::Arc;
use std::time::Duration;

static NATIVE: Target = Target::named("native code");
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn suspended_tasks_are_unwound_and_drop_all_they_hold_once() {
    each_setting(|case| {
        let runtime = case.runtime();
        let drops = Drops::new();
        let (send, started) = std::sync::mpsc::channel();
        let tasks: Vec<_> = (0..60)
            .map(|n| {
                let (held, returned, send) = (drops.value(), drops.value(), send.clone());
                let inner_held = drops.value();
                runtime.spawn(move || {
                    let _held = held;
                    let inner = sortie::spawn(move || {
                        let _held = inner_held;
                        sortie::sleep(Duration::MAX);
                    });
                    send.send(()).unwrap();
                    match n % 3 {
                        0 => sortie::sleep(Duration::MAX),
                        1 => {
                            // The other may have been unwound first.
                            let _ = inner.join();
                            sortie::sleep(Duration::MAX);
                        }
                        _ => loop {
                            sortie::yield_now();
                        },
                    }
                    returned
                })
            })
            .collect();
        started.iter().take(60).for_each(drop);
        let report = runtime.shutdown(LIMIT);
        assert!(report.is_clean(), "{report}");
        assert!(!report.is_pending());
        assert!(report.stragglers().is_empty());
        assert!(report.to_string().ends_with("nothing is left"), "{report}");
        for task in tasks {
            let error = task.join().map(drop).unwrap_err();
            assert!(error.is_aborted() && !error.is_panic(), "{error}");
            assert!(error.to_string().ends_with("was aborted by the shutdown of its runtime"));
        }
        assert_eq!(drops.made(), 180);
        drops.check();
    });
}

#[test]
fn tasks_that_never_started_are_refused() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let drops = Drops::new();
        let gate = Arc::new(Gate::new());
        let blockers: Vec<_> = (0..case.workers)
            .map(|_| {
                let gate = gate.clone();
                // Managed code: nothing takes the worker.
                runtime.spawn(move || gate.wait())
            })
            .collect();
        until("all workers are busy", || gate.inside() == case.workers);
        let queued: Vec<_> = (0..30)
            .map(|_| {
                let value = drops.value();
                runtime.spawn(move || drop(value))
            })
            .collect();
        let opener = {
            let handle = handle.clone();
            let gate = gate.clone();
            std::thread::spawn(move || {
                // Not before the shutdown has begun: it refuses spawns.
                until("the shutdown has begun", || {
                    handle.spawn(|| ()).join().is_err_and(|error| error.is_shut_down())
                });
                gate.open();
            })
        };
        let report = runtime.shutdown(LIMIT);
        opener.join().unwrap();
        assert!(report.is_clean(), "{report}");
        blockers.into_iter().for_each(|task| task.join().unwrap());
        for task in queued {
            let error = task.join().unwrap_err();
            assert!(error.is_shut_down() && !error.is_aborted() && !error.is_panic());
            assert!(error.to_string().contains("never ran: its runtime was shut down"), "{error}");
        }
        drops.check();
    });
}

#[test]
fn after_the_end_handles_say_so() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        assert!(runtime.shutdown(LIMIT).is_clean());
        let drops = Drops::new();
        let value = drops.value();
        assert!(handle.spawn(move || drop(value)).join().unwrap_err().is_shut_down());
        drops.check();
        assert_eq!(handle.reverse_enter(), Err(TransitionError::ShutDown));
        assert_eq!(handle.snapshot().tasks_live(), 0);
        assert_eq!(handle.snapshot().carriers, 0);
    });
}

/// No promise needs a mapping once nothing runs, whoever still has a handle.
#[test]
fn a_handle_keeps_no_stack_mapped() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        runtime.run(sortie::yield_now);
        assert!(handle.snapshot().stacks_mapped_bytes > 0);
        assert!(runtime.shutdown(LIMIT).is_clean());
        assert_eq!(handle.snapshot().stacks_out, 0);
        assert_eq!(handle.snapshot().stacks_mapped_bytes, 0);
    });
}

#[test]
fn a_call_that_returns_before_the_deadline_is_no_straggler() {
    each_setting(|case| {
        let runtime = case.runtime();
        let drops = Drops::new();
        let gate = Arc::new(Gate::new());
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (value, gate) = (drops.value(), gate.clone());
                runtime.spawn(move || {
                    let _value = value;
                    native::call_here(&NATIVE, || {
                        gate.wait();
                        if n % 2 == 0 {
                            // The runtime closes: a callback still ends by itself.
                            native::callback((), || ());
                        }
                    });
                })
            })
            .collect();
        until("all are inside", || gate.inside() == 8);
        let handle = runtime.handle();
        let opener = std::thread::spawn(move || {
            until("the shutdown has begun", || handle.spawn(|| ()).join().is_err());
            gate.open();
        });
        let report = runtime.shutdown(LIMIT);
        opener.join().unwrap();
        assert!(report.is_clean(), "{report}");
        drops.check();
        for task in tasks {
            // Aborted at the suspension point after the call, or ended before that.
            if let Err(error) = task.join() {
                assert!(error.is_aborted(), "{error}");
            }
        }
    });
}

#[test]
fn dropping_the_runtime_waits_for_its_tasks() {
    each_setting(|case| {
        let drops = Drops::new();
        let runtime = case.runtime();
        let (send, started) = std::sync::mpsc::channel();
        for _ in 0..10 {
            let (value, send) = (drops.value(), send.clone());
            drop(runtime.spawn(move || {
                let _value = value;
                send.send(()).unwrap();
                sortie::sleep(Duration::MAX);
            }));
        }
        started.iter().take(10).for_each(drop);
        drop(runtime);
        drops.check();
    });
}

#[test]
fn an_abort_stays_inside_its_task_when_joined_by_a_thread() {
    each_setting(|case| {
        let runtime = case.runtime();
        let task = runtime.spawn(|| sortie::sleep(Duration::MAX));
        let joiner = std::thread::spawn(move || task.join());
        assert!(runtime.shutdown(LIMIT).is_clean());
        let error = joiner.join().unwrap().unwrap_err();
        assert!(error.is_aborted() || error.is_shut_down(), "{error}");
    });
}
