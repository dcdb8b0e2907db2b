//! A scope ends when all its tasks have ended, whatever happens, so they may borrow.

use sortie::native::{self, Target};
use sortie::task::{self, Builder, scope};
use sortie_test::drops::Drops;
use sortie_test::{Running, each, each_of, panic_text, text_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

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
                    let value = drops.borrower(&ended);
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
                        let value = drops.borrower(&ended);
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
                            assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "a task's");
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
            let payload = task.join().unwrap_err().into_panic();
            assert_eq!(*payload.downcast::<usize>().unwrap(), culprit);
            assert_eq!(ended.load(SeqCst), 2);
        }
    });
}
