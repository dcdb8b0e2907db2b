//! A call of a callback that was dropped ends the process, with a message that says which callback it was.

use sortie::native::{self, Callback, Target};
use sortie_natives::{Gate, call_back, visit_each, visit_each_last};
use sortie_test::{child, until};
use std::ffi::c_int;
use std::os::unix::process::ExitStatusExt;

type Visit = extern "C" fn(c_int) -> c_int;

static VISIT: Target = Target::named("natives_visit_each");

/// What each child does wrong, what is said of it, and the callback that is named.
const WRONG: [(&str, &str, &str); 6] = [
    ("function", "called a callback that was dropped: ", VISIT_MADE),
    ("user pointer", "called a callback that was dropped: ", VISIT_MADE),
    (
        "after many others",
        "called a callback that was dropped long ago: at its place is now, or was the last, ",
        VISIT_MADE,
    ),
    ("no callback", "with the user pointer 0x2a, which is that of no callback", ""),
    (
        "of another signature",
        "called a callback as `extern \"C\" fn(i32) -> i32`, with the user pointer of another: ",
        "the `extern \"C\" fn()` made at tests/closures_dropped.rs:",
    ),
    (
        "end of a scope",
        "the scope of a callback ended while native code was inside it: ",
        VISIT_MADE,
    ),
];

const VISIT_MADE: &str = "the `extern \"C\" fn(i32) -> i32` made at tests/closures_dropped.rs:";

#[test]
fn wrong_calls_end_the_process_with_a_message() {
    let name = "wrong_calls_end_the_process_with_a_message";
    if let Some(case) = child::case() {
        // Nothing is left behind by a process that ends.
        let runtime = sortie::Runtime::new().unwrap();
        runtime.run(move || do_wrong(&case));
        return;
    }
    for (case, said, named) in WRONG {
        let said = format!("{said}{named}");
        let output = child::run(name, case).expect("this is the parent");
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<_> = stderr.lines().filter(|line| line.starts_with("sortie: ")).collect();
        assert!(ours.len() == 1 && ours[0].contains(&said), "{case}: {stderr}");
    }
}

fn do_wrong(case: &str) {
    let callback = Callback::<Visit>::new(-1, |turn| turn);
    let user = callback.user();
    match case {
        "function" => {
            // SAFETY: none: this is what is tested.
            let function = unsafe { callback.function() }.unwrap();
            drop(callback);
            // SAFETY: as above.
            native::call_here(&VISIT, || unsafe { visit_each(1, function) });
        }
        "user pointer" => {
            let function = callback.user_first();
            drop(callback);
            // SAFETY: a user pointer may be anything.
            native::call_here(&VISIT, || unsafe { call_back(1, function, user) });
        }
        "after many others" => {
            let function = callback.user_last();
            drop(callback);
            (0..2000).for_each(|_| drop(Callback::<Visit>::new(-1, |turn| turn)));
            // SAFETY: as above.
            native::call_here(&VISIT, || unsafe { visit_each_last(1, function, user) });
        }
        "no callback" => {
            let nothing = std::ptr::without_provenance_mut(42);
            // SAFETY: as above.
            native::call_here(&VISIT, || unsafe { call_back(1, callback.user_first(), nothing) });
        }
        "of another signature" => {
            let other = Callback::<extern "C" fn()>::new((), || ());
            let first = callback.user_first();
            // SAFETY: as above.
            native::call_here(&VISIT, || unsafe { call_back(1, first, other.user()) });
        }
        "end of a scope" => {
            let gate: &'static Gate = Box::leak(Box::default());
            Callback::<Visit>::scoped(
                -1,
                |turn| {
                    native::call_here(&VISIT, || gate.wait());
                    turn
                },
                |callback| {
                    // SAFETY: none: this is what is tested.
                    let function = unsafe { callback.function() }.unwrap();
                    // SAFETY: as above.
                    let _ = sortie::spawn(move || {
                        // SAFETY: as above.
                        native::call_here(&VISIT, || unsafe { visit_each(1, function) })
                    });
                    native::call_here(&VISIT, || until("it is inside", || gate.inside() == 1));
                },
            );
        }
        other => unreachable!("{other}"),
    }
}
