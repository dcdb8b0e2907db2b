//! A native call returns what its closure returns, and raises what it raises.

use sortie::native::{self, Target};
use sortie::transition::{self, Layer};
use sortie_test::{each, panic_text, text_of};
use std::panic::{catch_unwind, panic_any};

static CLOSURE: Target = Target::named("a closure");

#[test]
fn values_of_any_size_come_back() {
    each(|runtime| {
        runtime.run(|| {
            assert_eq!(native::call(&CLOSURE, || 7u8), 7);
            native::call(&CLOSURE, || ());
            let large = native::call(&CLOSURE, || [3u64; 1000]);
            assert!(large.iter().all(|n| *n == 3));
            let owned = native::call(&CLOSURE, || vec!["a".to_owned(); 3]);
            assert_eq!(owned, ["a", "a", "a"]);
            let mut here = 0;
            native::call_here(&CLOSURE, || here += 1);
            assert_eq!(here, 1);
        });
    });
}

#[test]
fn the_closure_runs_on_the_stack_of_its_thread_and_has_room() {
    each(|runtime| {
        runtime.run(|| {
            // Far more than a task has.
            let bytes = 4 << 20;
            let frames = native::call(&CLOSURE, || sortie_natives::use_stack(bytes));
            assert!(frames >= bytes / 1024);
        });
    });
}

#[test]
fn a_panic_of_the_closure_is_raised_at_the_call() {
    each(|runtime| {
        runtime.run(|| {
            for _ in 0..20 {
                let text = panic_text(|| native::call_here(&CLOSURE, || panic!("in native code")));
                assert_eq!(text, "in native code");
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
                assert!(!std::thread::panicking());
                sortie::yield_now();
            }
        });
        let task = runtime.spawn(|| native::call(&CLOSURE, || panic_any(5i8)));
        let payload = task.join().unwrap_err().into_panic();
        assert_eq!(*payload.downcast::<i8>().unwrap(), 5);
    });
}

#[test]
fn a_panic_of_a_callback_goes_before_that_of_the_closure() {
    each(|runtime| {
        runtime.run(|| {
            let payload = catch_unwind(|| {
                native::call_here(&CLOSURE, || {
                    native::callback((), || panic!("the callback"));
                    panic!("the closure");
                });
            });
            assert_eq!(text_of(payload.unwrap_err()), "the callback");
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn calls_are_counted_by_target() {
    each(|runtime| {
        static COUNTED: Target = Target::named("counted");
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                runtime.spawn(|| {
                    for _ in 0..50 {
                        native::call(&COUNTED, || ());
                    }
                    native::call(&COUNTED, || native::callback((), || ()));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let targets = runtime.snapshot().targets;
        let row = targets
            .iter()
            .find(|row| row.symbol.as_deref() == Some("counted"))
            .unwrap_or_else(|| panic!("no row: {targets:?}"));
        assert_eq!((row.calls, row.callbacks), (1020, 20));
        assert!(row.longest <= row.total);
    });
}
