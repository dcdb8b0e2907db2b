//! A scope ends when all its tasks have ended, whatever happens, so they may borrow.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::task::{self, Builder, scope};
use sortie_natives::{Gate, with_callback};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{Running, each, each_of, each_setting, panic_text, text_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// Counts how often it is let go, and fails if that is after the end of what it borrows.
struct Borrower<'a> {
    ended: &'a AtomicUsize,
    _counted: Counted,
}

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        self.ended.fetch_add(1, SeqCst);
    }
}

/// Runs `test` on a task and on a thread without one, with the runtime's handle.
fn on_both(runtime: &Running<'_>, test: impl Fn(&sortie::Handle) + Send + Sync + 'static) {
    let handle = runtime.handle();
    test(&handle);
    let test = Arc::new(test);
    runtime.run(move || test(&handle));
}

#[test]
fn tasks_borrow_and_change_what_outlives_the_scope() {
    each(|runtime| {
        on_both(runtime, |handle| {
            let mut numbers: Vec<u64> = (0..100).collect();
            let (total, calls) = (AtomicUsize::new(0), &AtomicUsize::new(0));
            let outputs: Vec<u64> = handle.scope(|s| {
                let tasks: Vec<_> = numbers
                    .iter_mut()
                    .map(|number| {
                        s.spawn(|| {
                            *number += 1;
                            sortie::yield_now();
                            calls.fetch_add(1, SeqCst);
                            total.fetch_add(*number as usize, SeqCst);
                            &*number
                        })
                    })
                    .collect();
                tasks.into_iter().map(|task| *task.join().unwrap()).collect()
            });
            assert_eq!(outputs, numbers);
            assert_eq!(calls.load(SeqCst), 100);
            assert_eq!(total.into_inner(), 5050);
        });
    });
}

#[test]
fn the_end_waits_for_tasks_that_nobody_joins() {
    each(|runtime| {
        on_both(runtime, |handle| {
            let drops = Drops::new();
            let ended = AtomicUsize::new(0);
            handle.scope(|s| {
                for n in 0..50 {
                    let value = Borrower { ended: &ended, _counted: drops.value() };
                    let task = s.spawn(move || {
                        (0..n % 5).for_each(|_| sortie::yield_now());
                        value // an output that borrows
                    });
                    match n % 3 {
                        0 => drop(task),
                        1 => std::mem::forget(task), // the output is leaked with it
                        _ => {
                            let waits_for_it = s.spawn(move || drop(task));
                            drop(waits_for_it);
                        }
                    }
                }
            });
            let leaked = 50 / 3 + 1;
            assert_eq!(ended.load(SeqCst), 50 - leaked);
            assert_eq!(drops.dropped(), 50 - leaked);
        });
    });
}

#[test]
fn tasks_spawn_tasks_and_hand_on_handles() {
    fn grow<'scope>(s: &'scope task::Scope<'scope, '_>, depth: u32, leaves: &'scope AtomicUsize) {
        if depth == 0 {
            leaves.fetch_add(1, SeqCst);
            return;
        }
        s.spawn(move || grow(s, depth - 1, leaves));
        s.spawn(move || grow(s, depth - 1, leaves));
    }
    each(|runtime| {
        on_both(runtime, |handle| {
            let leaves = AtomicUsize::new(0);
            let sum = handle.scope(|s| {
                s.spawn(|| grow(s, 6, &leaves));
                let outer = s.spawn(|| s.spawn(|| 40));
                outer.join().unwrap().join().unwrap() + scope_inside(handle)
            });
            assert_eq!(leaves.into_inner(), 64);
            assert_eq!(sum, 42);
        });
    });
    fn scope_inside(handle: &sortie::Handle) -> i32 {
        let one = 1;
        handle.scope(|s| {
            let inner = s.spawn(|| scope(|s| s.spawn(|| one).join().unwrap()));
            inner.join().unwrap() + one
        })
    }
}

#[test]
fn a_panic_of_the_closure_waits_for_the_tasks() {
    each(|runtime| {
        on_both(runtime, |handle| {
            let (drops, ended) = (Drops::new(), AtomicUsize::new(0));
            let result: std::thread::Result<()> = catch_unwind(AssertUnwindSafe(|| {
                handle.scope(|s| {
                    for _ in 0..10 {
                        let value = Borrower { ended: &ended, _counted: drops.value() };
                        s.spawn(move || {
                            sortie::sleep(Duration::from_millis(1));
                            drop(value);
                        });
                    }
                    panic!("the closure's own");
                })
            }));
            assert_eq!(text_of(result.unwrap_err()), "the closure's own");
            assert_eq!(ended.load(SeqCst), 10);
            drops.check();
        });
    });
}

#[test]
fn a_panic_of_a_task_is_the_scopes_unless_it_was_joined() {
    each(|runtime| {
        on_both(runtime, |handle| {
            let ended = &AtomicUsize::new(0);
            let scope = |joined: bool, finished: bool| {
                catch_unwind(AssertUnwindSafe(|| {
                    handle.scope(|s| {
                        let task = s.spawn(|| std::panic::resume_unwind(Box::new("a task's")));
                        s.spawn(|| {
                            sortie::yield_now();
                            ended.fetch_add(1, SeqCst);
                        });
                        while finished && !task.is_finished() {
                            sortie::sleep(Duration::from_micros(50));
                        }
                        if joined {
                            let error: sortie::JoinError = task.join().unwrap_err();
                            assert_eq!(
                                *error.into_panic().unwrap().downcast::<&str>().unwrap(),
                                "a task's"
                            );
                        }
                    })
                }))
            };
            for finished in [false, true] {
                scope(true, finished).unwrap();
                let text = text_of(scope(false, finished).unwrap_err());
                assert!(text.contains("a task of a scope has panicked"), "{text}");
            }
            assert_eq!(ended.load(SeqCst), 4);
        });
    });
}

/// The parent is aborted where it waits: its tasks are, wherever they are, and it goes on only behind them.
#[test]
fn an_abort_is_passed_on_and_waits_for_all() {
    each(|runtime| {
        let (drops, gate) = (Drops::new(), Arc::new(Gate::new()));
        let (sleeping, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let wrong = Arc::new(AtomicBool::new(false));
        let task = {
            let (drops, gate, sleeping) = (drops.clone(), gate.clone(), sleeping.clone());
            let (after, wrong) = (after.clone(), wrong.clone());
            runtime.spawn(move || {
                let ended = AtomicUsize::new(0);
                let borrower = || Borrower { ended: &ended, _counted: drops.value() };
                let _last = Last(&ended, &wrong);
                scope(|s| {
                    for _ in 0..5 {
                        let (value, sleeping) = (borrower(), &sleeping);
                        s.spawn(move || {
                            let _value = value;
                            sleeping.fetch_add(1, SeqCst);
                            sortie::sleep(Duration::MAX);
                        });
                    }
                    let (value, gate, sleeping) = (borrower(), &gate, &sleeping);
                    s.spawn(move || {
                        let value = value;
                        sleeping.fetch_add(1, SeqCst);
                        native::call_here(&NATIVE, || gate.wait());
                        drop(value);
                    });
                    s.spawn(|| {
                        let _late = s.spawn(|| sortie::sleep(Duration::MAX));
                        sortie::sleep(Duration::MAX)
                    });
                });
                after.store(true, SeqCst);
            })
        };
        until("all are where they wait", || sleeping.load(SeqCst) == 6);
        task.abort();
        if runtime.case.is_migrating() {
            // Else some may be pinned to the carrier that is in native code.
            until("the others have ended", || drops.dropped() == 5);
        }
        assert!(!task.is_finished());
        gate.open();
        let error = task.join().unwrap_err();
        assert!(error.is_aborted(), "{error}");
        assert!(!after.load(SeqCst), "the abort was raised at the end of the scope");
        assert!(!wrong.load(SeqCst));
        drops.check();
    });

    /// Dropped behind the scope.
    struct Last<'a>(&'a AtomicUsize, &'a AtomicBool);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            if self.0.load(SeqCst) != 6 {
                self.1.store(true, SeqCst);
            }
        }
    }
}

/// The abort is raised in the closure.
#[test]
fn an_abort_of_the_closure_is_passed_on() {
    each(|runtime| {
        let ready = Arc::new(AtomicBool::new(false));
        let task = {
            let ready = ready.clone();
            runtime.spawn(move || {
                scope(|s| {
                    let task = s.spawn(|| {
                        ready.store(true, SeqCst);
                        sortie::sleep(Duration::MAX);
                    });
                    task.join()
                })
                .unwrap()
            })
        };
        until("it sleeps", || ready.load(SeqCst));
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
    });
}

/// A time limit outside of a scope ends its tasks first, and then the scope; the task itself goes on.
#[test]
fn a_time_limit_is_passed_on() {
    each(|runtime| {
        let (drops, ended) = (Drops::new(), Arc::new(AtomicUsize::new(0)));
        let task = {
            let (drops, ended) = (drops.clone(), ended.clone());
            runtime.spawn(move || {
                let field = AtomicUsize::new(0);
                let limited = sortie::time::timeout(Duration::from_millis(3), || {
                    scope(|s| {
                        for _ in 0..3 {
                            let value = Borrower { ended: &field, _counted: drops.value() };
                            s.spawn(|| {
                                let _value = value;
                                sortie::sleep(Duration::MAX);
                            });
                        }
                    });
                    ended.fetch_add(1, SeqCst);
                });
                assert!(limited.is_err());
                assert_eq!(field.into_inner(), 3);
                scope(|s| s.spawn(|| (sortie::yield_now(), 7).1).join().unwrap())
            })
        };
        assert_eq!(task.join().unwrap(), 7);
        assert_eq!(ended.load(SeqCst), 0);
        drops.check();
    });
}

/// What a destructor does while its task unwinds by an abort is not cut short.
#[test]
fn a_scope_of_a_destructor_is_left_alone() {
    struct CleansUp(Arc<AtomicUsize>);
    impl Drop for CleansUp {
        fn drop(&mut self) {
            let done = &self.0;
            scope(|s| {
                for _ in 0..5 {
                    s.spawn(|| {
                        sortie::sleep(Duration::from_millis(1));
                        done.fetch_add(1, SeqCst);
                    });
                }
            });
        }
    }
    each(|runtime| {
        for panics in [false, true] {
            let (ready, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let task = {
                let (ready, done) = (ready.clone(), done.clone());
                runtime.spawn(move || {
                    let _cleans_up = CleansUp(done);
                    ready.store(true, SeqCst);
                    if panics {
                        std::panic::resume_unwind(Box::new(()));
                    }
                    sortie::sleep(Duration::MAX)
                })
            };
            until("it runs", || ready.load(SeqCst));
            task.abort();
            assert!(task.join().is_err());
            assert_eq!(done.load(SeqCst), 5);
        }
    });
}

/// Nor what a region that delays aborts has begun.
#[test]
fn a_scope_in_a_region_is_left_alone() {
    each(|runtime| {
        let (ready, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let asked = Arc::new(AtomicBool::new(false));
        let task = {
            let (ready, done, asked) = (ready.clone(), done.clone(), asked.clone());
            runtime.spawn(move || {
                task::delay_abort(|| {
                    scope(|s| {
                        for _ in 0..3 {
                            s.spawn(|| {
                                ready.fetch_add(1, SeqCst);
                                while !asked.load(SeqCst) {
                                    sortie::sleep(Duration::from_micros(100));
                                }
                                done.fetch_add(1, SeqCst);
                            });
                        }
                    });
                    done.fetch_add(10, SeqCst);
                });
                done.fetch_add(100, SeqCst);
            })
        };
        until("they run", || ready.load(SeqCst) == 3);
        task.abort();
        asked.store(true, SeqCst);
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!(done.load(SeqCst), 13);
    });
}

/// Of any kind of callback: in place, on a stack of the task's, and on another carrier.
#[test]
fn inside_callbacks() {
    // SAFETY: `callback.c` keeps everything on its stack.
    const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
    // SAFETY: as above.
    const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
    static SUSPENDS: Target = Target::named("call_back, suspends").with_policy(SUSPEND);
    static MIGRATES: Target = Target::named("call_back, migrates").with_policy(MIGRATE);
    for target in [&NATIVE, &SUSPENDS, &MIGRATES] {
        each(|runtime| {
            let sum = runtime.run(|| {
                let numbers = [1, 2, 3];
                native::call_here(target, || {
                    with_callback(2, |_| {
                        native::callback(-100, || {
                            scope(|s| {
                                let tasks = numbers
                                    .each_ref()
                                    .map(|n| s.spawn(move || (sortie::yield_now(), *n).1));
                                let [first, ..] = tasks;
                                first.join().unwrap() + 5
                            })
                        })
                    })
                })
            });
            assert_eq!(sum, 12);
            // An abort that comes while it waits there.
            let ready = Arc::new(AtomicUsize::new(0));
            let task = {
                let ready = ready.clone();
                runtime.spawn(move || {
                    let ended = AtomicUsize::new(0);
                    let drops = Drops::new();
                    native::call_here(target, || {
                        with_callback(1, |_| {
                            native::callback(0, || {
                                scope(|s| {
                                    for _ in 0..3 {
                                        let value =
                                            Borrower { ended: &ended, _counted: drops.value() };
                                        s.spawn(|| {
                                            let _value = value;
                                            ready.fetch_add(1, SeqCst);
                                            sortie::sleep(Duration::MAX)
                                        });
                                    }
                                });
                                0
                            })
                        });
                        assert_eq!(ended.load(SeqCst), 3);
                    });
                })
            };
            until("all sleep", || ready.load(SeqCst) == 3);
            task.abort();
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
        });
    }
}

#[test]
fn in_native_code() {
    each(|runtime| {
        let total = runtime.run(|| {
            let numbers: Vec<u64> = (0..20).collect();
            native::call_here(&NATIVE, || {
                scope(|s| {
                    let tasks: Vec<_> = numbers.iter().map(|n| s.spawn(move || n * 2)).collect();
                    tasks.into_iter().map(|task| task.join().unwrap()).sum::<u64>()
                })
            })
        });
        assert_eq!(total, 380);
    });
}

/// The runtime ends around scopes: of tasks, of callbacks, of threads.
#[test]
fn a_shutdown_ends_scopes_behind_their_tasks() {
    each_setting(|case| {
        let runtime = case.runtime();
        let (drops, sleeping) = (Drops::new(), AtomicUsize::new(0));
        let ready = Arc::new(AtomicUsize::new(0));
        let scoped = {
            let (ready, drops) = (ready.clone(), drops.clone());
            move || {
                let ended = AtomicUsize::new(0);
                scope(|s| {
                    for _ in 0..3 {
                        let value = Borrower { ended: &ended, _counted: drops.value() };
                        s.spawn(|| {
                            let _value = value;
                            ready.fetch_add(1, SeqCst);
                            sortie::sleep(Duration::MAX)
                        });
                    }
                })
            }
        };
        let tasks = [
            runtime.spawn(scoped.clone()),
            runtime.spawn(move || {
                native::call_here(&NATIVE, || {
                    with_callback(1, |_| native::callback(0, || (scoped(), 0).1))
                });
            }),
        ];
        until("the tasks sleep", || ready.load(SeqCst) == 6);
        let handle = runtime.handle();
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| {
                let results = handle.scope(|s| {
                    let tasks: Vec<_> = (0..3)
                        .map(|_| {
                            s.spawn(|| {
                                sleeping.fetch_add(1, SeqCst);
                                sortie::sleep(Duration::MAX);
                            })
                        })
                        .collect();
                    tasks.into_iter().map(|task| task.join()).collect::<Vec<_>>()
                });
                assert!(
                    results.iter().all(|result| result.as_ref().is_err_and(|it| it.is_aborted()))
                );
                // It is over: what is spawned now is refused, and its closure dropped.
                let value = Borrower { ended: &sleeping, _counted: drops.value() };
                handle.scope(|s| drop(s.spawn(|| drop(value))));
                assert_eq!(sleeping.load(SeqCst), 4);
            });
            until("the thread's sleep", || sleeping.load(SeqCst) == 3);
            let report = runtime.shutdown(Duration::from_secs(10));
            assert!(report.is_clean(), "{report}");
            thread.join().unwrap();
        });
        for task in tasks {
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
        }
        drops.check();
    });
}

/// A task is in native code over the end of its runtime. Whoever scopes it waits for it still, in whatever way.
#[test]
fn stragglers_keep_their_scope() {
    each_setting(|case| {
        let runtime = case.runtime();
        let (drops, gates) = (Drops::new(), [(); 3].map(|()| Arc::new(Gate::new())));
        let left = Arc::new(AtomicUsize::new(0));
        let scoped = |gate: &Arc<Gate>| {
            let (gate, drops, left) = (gate.clone(), drops.clone(), left.clone());
            move |handle: &sortie::Handle| {
                let ended = AtomicUsize::new(0);
                let _left = Left(&left);
                handle.scope(|s| {
                    let value = Borrower { ended: &ended, _counted: drops.value() };
                    s.spawn(|| {
                        let _value = value;
                        native::call_here(&NATIVE, || gate.wait());
                    });
                });
                // Also of those that go on without a runtime.
                assert_eq!(ended.load(SeqCst), 1);
            }
        };
        let in_callback = {
            let (handle, scoped) = (runtime.handle(), scoped(&gates[0]));
            runtime.spawn(move || {
                native::call_here(&NATIVE, || {
                    with_callback(1, |_| native::callback(0, || (scoped(&handle), 0).1))
                });
            })
        };
        let in_native = {
            let (handle, scoped) = (runtime.handle(), scoped(&gates[1]));
            runtime.spawn(move || native::call_here(&NATIVE, || scoped(&handle)))
        };
        let (handle, thread_scoped) = (runtime.handle(), scoped(&gates[2]));
        let thread = std::thread::spawn(move || thread_scoped(&handle));
        until("all are in native code", || gates.iter().all(|gate| gate.inside() == 1));
        let report = runtime.shutdown(Duration::from_millis(20));
        assert!(report.stragglers().len() >= 5, "{report}");
        assert_eq!((left.load(SeqCst), drops.dropped()), (0, 0));
        gates.iter().for_each(|gate| gate.open());
        thread.join().unwrap();
        for task in [in_callback, in_native] {
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
        }
        assert_eq!(left.load(SeqCst), 3);
        drops.check();
    });

    struct Left<'a>(&'a AtomicUsize);
    impl Drop for Left<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn an_abort_of_the_scope_spares_its_owner() {
    each(|runtime| {
        on_both(runtime, |handle| {
            let aborted = handle.scope(|s| {
                let sleeper =
                    Builder::new().name("sleeper").spawn_scoped(s, || sortie::sleep(Duration::MAX));
                s.spawn(|| sortie::sleep(Duration::MAX)).abort();
                s.abort();
                let later = s.spawn(|| 1);
                (sleeper.join().unwrap_err(), later.join().unwrap())
            });
            assert!(aborted.0.is_aborted());
            assert_eq!(aborted.1, 1);
        });
    });
}

#[test]
fn without_a_runtime_it_says_what_to_do() {
    let text = panic_text(|| scope(|_| ()));
    assert!(text.contains("Runtime::scope"), "{text}");
}

/// The guard is found where the scope begins; one that is leaked inside, behind its end.
#[test]
fn under_a_guard_against_suspensions() {
    each_of(&[1, 4], &sortie_test::MODES, |runtime| {
        let before = runtime.spawn(|| {
            let _guard = task::NoSuspend::new();
            scope(|_| ());
        });
        let ended = Arc::new(AtomicUsize::new(0));
        let behind = {
            let ended = ended.clone();
            runtime.spawn(move || {
                scope(|s| {
                    s.spawn(|| {
                        sortie::yield_now();
                        ended.fetch_add(1, SeqCst);
                    });
                    std::mem::forget(task::NoSuspend::new());
                });
            })
        };
        for task in [before, behind] {
            match task.join() {
                Err(error) => assert!(error.to_string().contains("NoSuspend"), "{error}"),
                Ok(()) if cfg!(debug_assertions) => panic!("it was not found"),
                Ok(()) => {}
            }
        }
        assert_eq!(ended.load(SeqCst), 1);
    });
}

#[test]
fn joined_closures_run_side_by_side_and_keep_their_order() {
    each(|runtime| {
        let (a, b, c, calls) = runtime.run(|| {
            let (met, mut calls) = (AtomicUsize::new(0), 0);
            let meet = |n: usize| {
                met.fetch_add(1, SeqCst);
                while met.load(SeqCst) < 3 {
                    sortie::yield_now();
                }
                n
            };
            let (a, b, c) = sortie::join!(|| meet(1), || meet(2), || {
                calls += 1;
                meet(3)
            });
            assert_eq!(sortie::join!(|| 4), (4,));
            (a, b, c, calls)
        });
        assert_eq!((a, b, c, calls), (1, 2, 3, 1));
        // A panic of any is raised with its payload, behind the others' ends.
        for culprit in 0..3 {
            let ended = Arc::new(AtomicUsize::new(0));
            let task = {
                let ended = ended.clone();
                runtime.spawn(move || {
                    let part = |n: usize| {
                        if n == culprit {
                            std::panic::resume_unwind(Box::new(n));
                        }
                        sortie::sleep(Duration::from_millis(1));
                        ended.fetch_add(1, SeqCst);
                    };
                    sortie::join!(|| part(0), || part(1), || part(2))
                })
            };
            let payload = task.join().unwrap_err().into_panic().unwrap();
            assert_eq!(*payload.downcast::<usize>().unwrap(), culprit);
            assert_eq!(ended.load(SeqCst), 2);
        }
    });
}
