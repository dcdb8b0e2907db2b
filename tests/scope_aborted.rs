//! An abort, a time limit and a panic end the tasks of a scope, and then the scope; nothing that they borrow ends before.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::task::{self, scope};
use sortie_natives::{Gate, with_callback};
use sortie_test::drops::Drops;
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

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
                let borrower = || drops.borrower(&ended);
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
                            let value = drops.borrower(&field);
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
                                        let value = drops.borrower(&ended);
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
