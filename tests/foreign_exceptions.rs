//! C++ exceptions stay in the native code that they were thrown in: what would cross managed frames ends the
//! process, with a message.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie_natives::{throw, with_catch, with_exceptions};
use sortie_test::{child, each};
use std::os::unix::process::ExitStatusExt;

static THROWS: Target = Target::named("natives_throw_and_catch");
// SAFETY: C++ keeps its exceptions by thread, and none is under way at a callback of these functions.
static THROWS_ELSEWHERE: Target = Target::named("natives_throw_and_catch, on a stack of its own")
    .with_policy(unsafe { Policy::new().callbacks(Callbacks::Suspend) });
// SAFETY: as above; what is thrown is caught in the same turn, on the same thread.
static THROWS_ANYWHERE: Target =
    Target::named("natives_throw_and_catch, on a stack of its own, anywhere")
        .with_policy(unsafe { Policy::new().callbacks(Callbacks::Migrate) });

#[test]
fn what_is_caught_below_the_callbacks_is_nobodys_matter() {
    each(|runtime| {
        for target in [&THROWS, &THROWS_ELSEWHERE, &THROWS_ANYWHERE] {
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    runtime.spawn(|| {
                        native::call_here(target, || {
                            with_exceptions(20, |turn| {
                                native::callback(-1_000, || {
                                    sortie::yield_now();
                                    turn
                                })
                            })
                        })
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.join().unwrap(), 19 * 20 / 2 + 20);
            }
        }
    });
}

/// A panic of a callback is kept, though C++ frames that catch everything lie below.
#[test]
fn a_panic_does_not_become_a_foreign_exception() {
    each(|runtime| {
        for target in [&THROWS, &THROWS_ELSEWHERE, &THROWS_ANYWHERE] {
            let text = runtime.run(|| {
                sortie_test::panic_text(|| {
                    native::call_here(target, || {
                        with_catch(|_| native::callback(5, || panic!("on purpose")))
                    })
                })
            });
            assert!(text.contains("on purpose"), "{text}");
        }
    });
}

/// Out of a call of each kind, and out of the callback of one: of its own code, or of a call that it makes.
#[test]
fn what_would_cross_managed_frames_ends_the_process() {
    let kinds = [&THROWS, &THROWS_ELSEWHERE, &THROWS_ANYWHERE];
    for case in (0..kinds.len()).flat_map(|kind| [0, 1, 2].map(|place| format!("{kind} {place}"))) {
        let test = "what_would_cross_managed_frames_ends_the_process";
        let Some(output) = child::run(test, &case) else {
            let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
            let case = child::case().unwrap();
            let (kind, place) = case.split_once(' ').unwrap();
            let kind = kinds[kind.parse::<usize>().unwrap()];
            let is_direct = place == "1";
            let is_out_of_call = place == "0";
            runtime.run(move || {
                if is_out_of_call {
                    return native::call_here(kind, || throw(7));
                }
                // The outer C++ would catch it, but for the managed frames in between.
                native::call_here(kind, || {
                    with_catch(|_| {
                        native::callback(0, || {
                            if is_direct {
                                throw(7)
                            } else {
                                native::call_here(&THROWS_ELSEWHERE, || throw(7))
                            }
                        })
                    })
                })
            });
            println!("it went on");
            return;
        };
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("foreign exception"), "{case}: {said}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("it went on"), "{case}");
    }
}
