//! Where a callback has panicked and its native call unwinds by itself, one of both panics is raised, where that call
//! was made, and nothing is left of the other.

use sortie::native::{self, Class, Policy, Target};
use sortie::transition::{self, Layer, NativeScope, UnhookedScope};
use sortie_test::{each, panic_text};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};

static SHORT: Target = Target::named("short").with_policy(Policy::new().class(Class::Short));
static MIXED: Target = Target::named("mixed").with_policy(Policy::new().class(Class::Mixed));
static LEARNED: Target = Target::named("learned");
// SAFETY: the native code is a closure that holds no lock, and has nothing of the thread's.
static SUSPENDS: Target = Target::named("suspends").with_policy(
    unsafe { Policy::new().callbacks(native::Callbacks::Suspend) }.class(Class::Short),
);
// SAFETY: as above.
static MIGRATES: Target = Target::named("migrates").with_policy(
    unsafe { Policy::new().callbacks(native::Callbacks::Migrate) }.class(Class::Short),
);
static ALL: [&Target; 5] = [&SHORT, &MIXED, &LEARNED, &SUSPENDS, &MIGRATES];

/// Calls back, and panics as the callback did.
fn panics_twice() {
    assert_eq!(native::callback(-1, || panic!("the callback's")), -1);
    panic!("the call's");
}

/// Callbacks run, and no panic comes that nobody has made.
fn check_clean() {
    for target in ALL {
        assert_eq!(native::call_here(target, || native::callback(-1, || 1)), 1, "{target}");
    }
    transition::leave(0x5017).unwrap();
    assert_eq!(native::callback(-1, || 1), 1);
    transition::enter().unwrap();
}

#[test]
fn out_of_a_call() {
    each(|runtime| {
        runtime.run(|| {
            check_clean();
            for target in ALL {
                for _ in 0..40 {
                    let text = panic_text(|| native::call_here(target, panics_twice));
                    assert_eq!(text, "the callback's", "{target}");
                }
                check_clean();
            }
        });
    });
}

/// On the stack of its caller such a call is a plain one.
#[test]
fn out_of_a_call_in_a_callback() {
    each(|runtime| {
        runtime.run(|| {
            for target in ALL {
                native::call_here(&LEARNED, || {
                    native::callback((), || {
                        for _ in 0..40 {
                            let text = panic_text(|| native::call_here(target, panics_twice));
                            assert!(text.starts_with("the call"), "{target}: {text}");
                            check_clean();
                        }
                    });
                });
                check_clean();
            }
        });
    });
}

#[test]
fn out_of_a_scope() {
    each(|runtime| {
        runtime.run(|| {
            let text = panic_text(|| {
                let _native = NativeScope::new(0x5017).unwrap();
                panics_twice();
            });
            assert_eq!(
                (text.as_str(), transition::layers()),
                ("the call's", vec![Layer::ManagedBase])
            );
            check_clean();
            let text = panic_text(|| {
                let _unhooked = UnhookedScope::new(0x5017).unwrap();
                panics_twice();
            });
            assert_eq!(
                (text.as_str(), transition::layers()),
                ("the call's", vec![Layer::ManagedBase])
            );
            check_clean();
        });
    });
}

/// Which should not call back, but what it has kept is raised where it ends.
#[test]
fn out_of_a_call_that_was_not_announced() {
    // SAFETY: the promise is broken, by a callback that goes no further than to its end.
    static UNHOOKED: Target = Target::named("unhooked").with_policy(
        unsafe { Policy::new().unhooked() }.misclassified(native::Misclassified::Report),
    );
    each(|runtime| {
        runtime.run(|| {
            let called_back = || native::callback(-1, || panic!("the callback's"));
            let text = panic_text(|| {
                let _unhooked = UnhookedScope::new(0x5017).unwrap();
                assert_eq!(called_back(), -1);
            });
            assert_eq!(text, "the callback's");
            check_clean();
            assert_eq!(panic_text(|| native::call_here(&UNHOOKED, called_back)), "the callback's");
            check_clean();
            assert_eq!(panic_text(|| native::call_here(&UNHOOKED, panics_twice)), "the call's");
            check_clean();
        });
    });
}

/// Panics when it is dropped.
struct Clumsy(&'static AtomicUsize);

impl Drop for Clumsy {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("as the test wants");
    }
}

/// The payload that is not raised is dropped while the other is on its way.
#[test]
fn a_payload_whose_drop_panics() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let call = |target: &Target, offload: bool| {
        let f = || {
            native::callback((), || panic_any("the callback's"));
            panic_any(Clumsy(&DROPPED));
        };
        panic_text(
            || if offload { native::offload(target, f) } else { native::call_here(target, f) },
        )
    };
    each(|runtime| {
        runtime.run(move || {
            DROPPED.store(0, Ordering::Relaxed);
            for target in ALL {
                assert_eq!(call(target, false), "the callback's", "{target}");
            }
            assert_eq!(call(&LEARNED, true), "the callback's");
            assert_eq!(DROPPED.load(Ordering::Relaxed), ALL.len() + 1);
            // The other way round, where the call's own goes first, unless it is one that is timed.
            let in_a_callback = || {
                let unwound = catch_unwind(AssertUnwindSafe(|| {
                    native::call_here(&SHORT, || {
                        native::callback((), || panic_any(Clumsy(&DROPPED)));
                        panic_any("the call's");
                    });
                }));
                let payload = unwound.unwrap_err();
                if !payload.is::<&str>() {
                    catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_err();
                }
            };
            for _ in 0..10 {
                native::call_here(&SHORT, || native::callback((), in_a_callback));
            }
            check_clean();
            assert_eq!(DROPPED.load(Ordering::Relaxed), ALL.len() + 11);
        });
    });
}
