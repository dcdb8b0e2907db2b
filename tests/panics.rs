//! A panic in a task is its own join error, and nobody else's.

use sortie::task::Builder;
use sortie_test::{each, panic_text, text_of};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

#[test]
fn a_panic_ends_its_task_alone() {
    each(|runtime| {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                runtime.spawn(move || {
                    sortie::yield_now();
                    assert!(n % 3 != 0, "task number {n}");
                    n
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            match task.join() {
                Ok(output) => assert_eq!(output, n),
                Err(error) => {
                    assert!(n % 3 == 0 && error.is_panic() && !error.is_aborted());
                    assert_eq!(text_of(error.into_panic()), format!("task number {n}"));
                }
            }
        }
        assert_eq!(runtime.run(|| 1), 1);
    });
}

#[test]
fn the_error_says_who_and_why() {
    each(|runtime| {
        let handle = runtime.handle();
        let task = Builder::new().name("parser").spawn_on(&handle, || panic!("no {}", "semicolon"));
        let id = task.id();
        let error: sortie::JoinError = task.join().unwrap_err();
        let text = format!("task \"parser\" (id {id}) panicked: no semicolon");
        assert_eq!(error.to_string(), text);
        assert_eq!(format!("{error:?}"), format!("JoinError({text})"));
        assert_eq!(error.id(), id);

        let task = runtime.spawn(|| panic!("static text"));
        let text = format!("task {} panicked: static text", task.id());
        let error: sortie::JoinError = task.join().unwrap_err();
        assert_eq!(error.to_string(), text);

        let task = runtime.spawn(|| panic_any(7u8));
        let text = format!("task {} panicked with a payload that is no text", task.id());
        let error: sortie::JoinError = task.join().unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 7);
    });
}

#[test]
fn a_panic_caught_inside_is_no_error() {
    each(|runtime| {
        let task = runtime.spawn(|| {
            let caught = catch_unwind(|| {
                sortie::yield_now();
                panic!("inside")
            });
            sortie::yield_now();
            caught.is_err()
        });
        assert!(task.join().unwrap());
    });
}

#[test]
fn the_joiner_of_a_joiner_gets_what_that_one_raises() {
    each(|runtime| {
        let outer = runtime.spawn(|| {
            let inner = sortie::spawn(|| panic!("first"));
            let error: sortie::JoinError = inner.join().unwrap_err();
            assert!(!std::thread::panicking());
            panic!("second after {}", text_of(error.into_panic()));
        });
        let error: sortie::JoinError = outer.join().unwrap_err();
        assert_eq!(text_of(error.into_panic()), "second after first");
    });
}

#[test]
fn run_raises_the_panic_again() {
    each(|runtime| {
        let text = panic_text(|| runtime.run(|| panic!("out of run")));
        assert_eq!(text, "out of run");
        let payload = catch_unwind(AssertUnwindSafe(|| runtime.run(|| panic_any(9u16))));
        assert_eq!(*payload.unwrap_err().downcast::<u16>().unwrap(), 9);
    });
}

#[test]
fn a_payload_whose_drop_panics_hurts_nobody() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in the drop of a payload");
            }
        }
    }
    each(|runtime| {
        drop(runtime.spawn(|| panic_any(Bad)));
        let output = runtime.spawn(|| Bad);
        drop(output);
        assert_eq!(runtime.run(|| 5), 5);
    });
}
