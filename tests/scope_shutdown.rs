//! The end of a runtime waits for the tasks of its scopes, and whoever holds a scope does so beyond it.

use sortie::native::{self, Target};
use sortie::task::scope;
use sortie_natives::{Gate, with_callback};
use sortie_test::drops::Drops;
use sortie_test::{each_setting, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

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
                        let value = drops.borrower(&ended);
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
                let value = drops.borrower(&sleeping);
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
                    let value = drops.borrower(&ended);
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
