//! A jump (`longjmp`) from one stack to another, or out of a call that can be cancelled, ends the process with a
//! message: what was left cannot be put right.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::transition;
use sortie_natives::{jump, with_landing};
use sortie_test::child;
use std::os::unix::process::ExitStatusExt;

const SHORT: Policy = Policy::new().class(Class::Short);
// SAFETY: the callbacks here do not suspend.
const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const SHORT_SUSPENDS: Policy = unsafe { SHORT.callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
// SAFETY: as above.
const SHORT_MIGRATES: Policy = unsafe { SHORT.callbacks(Callbacks::Migrate) };

static BLOCKS: Target = Target::named("natives_land, short").with_policy(SHORT);
static SUSPENDS: Target = Target::named("natives_land, suspends").with_policy(SUSPEND);
static QUICK: Target = Target::named("natives_land, short, suspends").with_policy(SHORT_SUSPENDS);
static MIGRATES: Target = Target::named("natives_land, migrates").with_policy(MIGRATE);
static ANYWHERE: Target =
    Target::named("natives_land, short, migrates").with_policy(SHORT_MIGRATES);

/// The first calls on a carrier are timed, and go the general way.
const WARM: usize = 4;

/// A call of `target` whose callback is `f`, and where a jump may come to.
fn landing(target: &'static Target, f: impl Fn() -> i32) -> i32 {
    native::call_here(target, || with_landing(|_| native::callback(-2, &f)))
}

#[test]
fn the_process_ends_and_says_why() {
    let cases = [
        ("suspends, blocks", &SUSPENDS, &BLOCKS),
        ("quick, blocks", &QUICK, &BLOCKS),
        ("quick, quick", &QUICK, &QUICK),
        ("quick, suspends", &QUICK, &SUSPENDS),
        ("migrates, suspends", &MIGRATES, &SUSPENDS),
    ];
    if let Some(case) = child::case() {
        let (_, lands, jumps) = cases.into_iter().find(|(name, ..)| *name == case).unwrap();
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(move || {
            // Both as they are when they are warm.
            for _ in 0..WARM {
                landing(lands, || landing(jumps, || 0));
            }
            // SAFETY: between here and the landing are frames that own nothing.
            landing(lands, || native::call_here(jumps, || unsafe { jump(0) }))
        });
        unreachable!("it was not noticed");
    }
    for (case, ..) in cases {
        let output = child::run("the_process_ends_and_says_why", case).expect("this is the parent");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {said}");
        assert!(said.contains("has come from one stack to another"), "{case}: {said}");
    }
}

/// A callback that may migrate does not say when it has begun, and so nothing of the call that was jumped to: the one
/// around it does.
#[test]
fn out_of_a_callback_that_may_migrate_too() {
    let inner = [("anywhere", &ANYWHERE), ("migrates", &MIGRATES)];
    if let Some(case) = child::case() {
        let (_, migrates) = inner.into_iter().find(|(name, _)| case.starts_with(name)).unwrap();
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(move || {
            for _ in 0..WARM {
                landing(&QUICK, || landing(migrates, || landing(&BLOCKS, || 0)));
            }
            landing(&QUICK, || {
                landing(migrates, || {
                    if case.ends_with("looked at") {
                        sortie::transition::layers();
                    }
                    if case.contains("called") {
                        // SAFETY: between here and the landing are frames that own nothing but the case, which is lost.
                        native::call_here(&BLOCKS, || unsafe { jump(1) })
                    }
                    // SAFETY: as above.
                    unsafe { jump(1) }
                })
            })
        });
        unreachable!("it was not noticed");
    }
    for (name, _) in inner {
        for how in ["", ", looked at", ", called", ", called, looked at"] {
            let case = format!("{name}{how}");
            let output = child::run("out_of_a_callback_that_may_migrate_too", &case)
                .expect("this is the parent");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {said}");
            assert!(said.contains("has come from one stack to another"), "{case}: {said}");
        }
    }
}

/// Nobody has jumped: raw callbacks have no end, in native code on another stack than managed code has.
#[test]
fn raw_callbacks_without_an_end_end_it_and_are_named() {
    let cases = [
        ("suspends", &SUSPENDS),
        ("quick", &QUICK),
        ("migrates", &MIGRATES),
        ("anywhere", &ANYWHERE),
    ];
    if let Some(case) = child::case() {
        let (_, target) = cases.into_iter().find(|(name, _)| *name == case).unwrap();
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(|| {
            for _ in 0..WARM {
                landing(target, || 0);
            }
            native::call_here(target, || {
                transition::reverse_enter().unwrap();
                native::call_here(&BLOCKS, || transition::reverse_enter().unwrap());
            });
        });
        unreachable!("it was not noticed");
    }
    for (case, _) in cases {
        let output = child::run("raw_callbacks_without_an_end_end_it_and_are_named", case)
            .expect("this is the parent");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {said}");
        assert!(said.contains("end each by `reverse_leave`"), "{case}: {said}");
    }
}

/// The hook that cancels the call would borrow from a frame that is gone.
#[test]
fn a_jump_out_of_a_call_that_can_be_cancelled_ends_it() {
    const NAME: &str = "a_jump_out_of_a_call_that_can_be_cancelled_ends_it";
    if child::case().is_some() {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(|| {
            landing(&BLOCKS, || {
                // SAFETY: between here and the landing are frames that own nothing; nobody aborts the task.
                native::call_cancellable(&BLOCKS, |_| (), || unsafe { jump(0) })
            })
        });
        unreachable!("it was not noticed");
    }
    let output = child::run(NAME, "1").expect("this is the parent");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("has left a native call that can be cancelled"), "{said}");
}

/// Of two tasks on one thread, each in native code on a stack of its own, one jumps to the other's.
#[test]
fn a_jump_to_another_tasks_native_code_ends_it_too() {
    if child::case().is_some() {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(|| {
            for target in [&SUSPENDS, &QUICK] {
                for _ in 0..WARM {
                    landing(target, || 0);
                }
            }
            let target = if child::case().as_deref() == Some("quick") { &QUICK } else { &SUSPENDS };
            let _waits = sortie::spawn(move || {
                landing(target, || {
                    sortie::yield_now();
                    sortie::yield_now();
                    0
                })
            });
            sortie::yield_now();
            // `jump.c` takes the newest landing for the innermost: that of the task which waits.
            // SAFETY: the process ends.
            native::call_here(&BLOCKS, || unsafe { jump(0) });
        });
        unreachable!("it was not noticed");
    }
    for case in ["suspends", "quick"] {
        let output = child::run("a_jump_to_another_tasks_native_code_ends_it_too", case)
            .expect("this is the parent");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {said}");
        assert!(said.contains("has come to native code of another task"), "{case}: {said}");
    }
}
