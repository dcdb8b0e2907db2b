//! A task-local's value is the task's: it stays with it over suspensions and threads, and nobody else finds it.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::task::{self, Builder, Group, par};
use sortie_natives::with_callback;
use sortie_test::drops::{Counted, Drops};
use sortie_test::{each, panic_text, until};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

sortie::task_local! {
    static NUMBER: u64;
    static COUNTER: Cell<u64>;
    /// Passed on.
    inherited static NAME: Arc<str>;
    inherited static PASSED: Arc<Counted>;
}

/// Many tasks with values of their own, on few threads, switched in between.
#[test]
fn each_task_has_its_own() {
    each(|runtime| {
        let tasks: Vec<_> = (0..200u64)
            .map(|n| {
                runtime.spawn(move || {
                    assert!(NUMBER.try_with(|_| ()).is_err());
                    NUMBER.scope(n, || {
                        COUNTER.scope(Cell::new(0), || {
                            for turn in 0..10 {
                                NUMBER.with(|number| {
                                    sortie::yield_now();
                                    assert_eq!(*number, n);
                                });
                                COUNTER.with(|counter| counter.set(counter.get() + turn));
                                let inner = NUMBER.scope(n + 1000, || {
                                    sortie::yield_now();
                                    NUMBER.get()
                                });
                                assert_eq!((inner, NUMBER.get()), (n + 1000, n));
                            }
                            COUNTER.with(Cell::get)
                        })
                    })
                })
            })
            .collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap() == 45));
    });
}

#[test]
fn it_is_taken_back_however_the_scope_ends() {
    each(|runtime| {
        let drops = Drops::new();
        let value = Arc::new(drops.value());
        let task = runtime.spawn(move || {
            NUMBER.scope(1, || {
                let panics =
                    || NUMBER.scope(2, || std::panic::resume_unwind(Box::new(NUMBER.get())));
                let payload = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
                assert_eq!((*payload.downcast::<u64>().unwrap(), NUMBER.get()), (2, 1));
            });
            PASSED.scope(value, || sortie::sleep(std::time::Duration::MAX));
        });
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
        drops.check();
    });
}

fn found() -> (String, Option<u64>) {
    (NAME.get().to_string(), NUMBER.try_with(|n| *n).ok())
}

#[test]
fn inherited_by_every_kind_of_task() {
    each(|runtime| {
        let drops = Drops::new();
        let value = Arc::new(drops.value());
        let handle = runtime.handle();
        runtime.run(move || {
            NAME.scope("outer".into(), || {
                NUMBER.scope(1, || {
                    NAME.scope("inner".into(), || {
                        let expected = ("inner".to_owned(), None);
                        assert_eq!(sortie::spawn(found).join().unwrap(), expected);
                        assert_eq!(handle.spawn(found).join().unwrap(), expected);
                        task::scope(|s| assert_eq!(s.spawn(found).join().unwrap(), expected));
                        let mut set = task::JoinSet::new();
                        set.spawn(found);
                        assert_eq!(set.join_all(), [expected]);
                        // The current task takes part.
                        let names = par::tasks(4).map(0..50, |_| NAME.get());
                        assert!(names.iter().all(|name| &**name == "inner"));
                        // Over two generations, and with a value of one's own.
                        let grandchild =
                            || NAME.scope("third".into(), || sortie::spawn(found).join());
                        let name = sortie::spawn(grandchild).join().unwrap().unwrap().0;
                        assert_eq!(name, "third");
                    });
                    assert_eq!(found(), ("outer".to_owned(), Some(1)));
                });
            });
            PASSED.scope(value, || {
                sortie::spawn(|| assert_eq!(Arc::strong_count(&PASSED.get()), 3)).join().unwrap();
            });
        });
        drops.check();
    });
}

#[test]
fn native_code_and_callbacks_find_it() {
    static NATIVE: Target = Target::named("native code");
    // SAFETY: `callback.c` keeps everything on its stack.
    const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
    static MIGRATES: Target = Target::named("call_back, migrates").with_policy(MIGRATE);
    each(|runtime| {
        let sum = runtime.run(|| {
            NUMBER.scope(20, || {
                let here = native::call_here(&NATIVE, || NUMBER.get());
                // On another thread.
                let there =
                    native::offload(&NATIVE, || NUMBER.scope(NUMBER.get() + 1, || NUMBER.get()));
                let inside = native::call_here(&MIGRATES, || {
                    with_callback(1, |_| {
                        native::callback(-1, || {
                            NUMBER.with(|number| (sortie::yield_now(), *number as i32).1)
                        })
                    })
                });
                here + there + inside as u64
            })
        });
        assert_eq!(sum, 61);
    });
}

/// On a thread, and in the destructors of a closure that never ran and of an output that nobody wants.
#[test]
fn where_there_is_no_task_or_no_body() {
    struct Binds(Arc<AtomicUsize>);
    impl Drop for Binds {
        fn drop(&mut self) {
            assert!(NUMBER.try_with(|_| ()).is_err());
            let number = NUMBER.scope(5, || {
                if self.0.load(SeqCst) == 0 {
                    sortie::yield_now();
                }
                NUMBER.get()
            });
            self.0.fetch_add(number as usize, SeqCst);
        }
    }
    each(|runtime| {
        let name = NUMBER.scope(3, || {
            NAME.scope("thread".into(), || runtime.spawn(|| NAME.get())).join().unwrap()
        });
        assert_eq!(&*name, "thread");
        let sum = Arc::new(AtomicUsize::new(0));
        let unwanted = Binds(sum.clone());
        drop(runtime.spawn(move || unwanted));
        until("the output is dropped", || sum.load(SeqCst) == 5);
        let never_runs = Binds(sum.clone());
        let none = Group::refusing("none", 0);
        let task =
            Builder::new().group(&none).spawn_on(&runtime.handle(), move || drop(never_runs));
        assert!(task.join().is_err());
        assert_eq!(sum.load(SeqCst), 10);
        let text = panic_text(|| NUMBER.get());
        assert!(text.contains("no value in this task"), "{text}");
    });
}
