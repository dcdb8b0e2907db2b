//! A task that is aborted unwinds where it waits, drops all it holds, and its join says so.

use sortie_test::drops::Drops;
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn where_it_waits() {
    let waits: [fn(); 4] = [
        || sortie::sleep(Duration::MAX),
        || drop(sortie::spawn(|| sortie::sleep(Duration::from_millis(20))).join()),
        || {
            loop {
                sortie::yield_now();
            }
        },
        || {
            loop {
                sortie::task::checkpoint();
            }
        },
    ];
    for wait in waits {
        each(|runtime| {
            let drops = Drops::new();
            let (held, began) = (drops.value(), Arc::new(AtomicBool::new(false)));
            let task = {
                let began = began.clone();
                runtime.spawn(move || {
                    let _held = held;
                    began.store(true, SeqCst);
                    wait();
                    sortie::sleep(Duration::MAX);
                })
            };
            until("it runs", || began.load(SeqCst));
            task.abort();
            let error = task.join().unwrap_err();
            assert!(error.is_aborted() && !error.is_panic() && !error.is_shut_down(), "{error}");
            assert!(error.to_string().ends_with("was aborted"), "{error}");
            drops.check();
        });
    }
}

#[test]
fn before_it_has_started() {
    each(|runtime| {
        let drops = Drops::new();
        let held = drops.value();
        let error = runtime.run(move || {
            // Nobody else runs a task of one worker; a thief may be faster, and then it waits.
            let task = sortie::spawn(move || {
                let _held = held;
                sortie::sleep(Duration::MAX);
            });
            task.abort();
            task.join().unwrap_err()
        });
        assert!(error.is_aborted() && !error.is_panic() && !error.is_shut_down(), "{error}");
        if runtime.case.workers == 1 {
            assert!(error.to_string().ends_with("never ran: it was aborted before"), "{error}");
        }
        drops.check();
    });
}

#[test]
fn after_its_end() {
    each(|runtime| {
        let task = runtime.spawn(|| 7);
        until("it has ended", || task.is_finished());
        task.abort();
        assert_eq!(task.join().unwrap(), 7);
    });
}
