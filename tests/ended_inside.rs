//! A runtime that is dropped or shut down by one of its own tasks ends without that task waiting.

use sortie::native::{self, Target};
use sortie_test::drops::Drops;
use sortie_test::{each_setting, leaks, until};
use std::sync::mpsc::channel;
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// Where the task ends its runtime.
#[derive(Clone, Copy, Debug)]
enum Where {
    Managed,
    Native,
    Callback,
    /// On another thread, which makes a native call for the task.
    Offloaded,
}

fn at<R: Send>(place: Where, f: impl FnOnce() -> R + Send) -> R {
    match place {
        Where::Managed => f(),
        Where::Native => native::call_here(&NATIVE, f),
        Where::Offloaded => native::offload(&NATIVE, f),
        Where::Callback => {
            native::call_here(&NATIVE, || native::callback(None, || Some(f()))).unwrap()
        }
    }
}

#[test]
fn dropped() {
    for place in [Where::Managed, Where::Native, Where::Callback, Where::Offloaded] {
        each_setting(|case| {
            let runtime = case.runtime();
            let handle = runtime.handle();
            let drops = Drops::new();
            let (value, other) = (drops.value(), drops.value());
            let (send, done) = channel();
            drop(handle.spawn(move || {
                let _other = other;
                sortie::sleep(Duration::MAX);
            }));
            let task = handle.spawn(move || {
                let _value = value;
                at(place, || {
                    drop(runtime);
                    // The task goes on until its next suspension point.
                    send.send(()).unwrap();
                });
                sortie::yield_now();
                sortie::sleep(Duration::from_millis(1));
            });
            done.recv().unwrap();
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
            until("the threads are gone", || leaks::threads(&case.thread_name).is_empty());
            drops.check();
            assert_eq!(handle.snapshot().tasks_live(), 0);
        });
    }
}

#[test]
fn shut_down() {
    for place in [Where::Managed, Where::Native, Where::Callback, Where::Offloaded] {
        each_setting(|case| {
            let runtime = case.runtime();
            let handle = runtime.handle();
            let task = handle.spawn(move || {
                let report = at(place, || runtime.shutdown(Duration::from_secs(10)));
                (report.is_pending(), report.is_clean(), report.to_string())
            });
            if let Ok((is_pending, is_clean, text)) = task.join() {
                assert!(is_pending && !is_clean);
                assert!(text.contains("asked for by a task"), "{text}");
            } else {
                // A callback's way back is a suspension point.
                assert!(!matches!(place, Where::Managed));
            }
            until("the threads are gone", || leaks::threads(&case.thread_name).is_empty());
        });
    }
}
