//! Native code that a call of ours has begun is ended by that call alone: a raw `enter` in it, or the end of a scope that
//! was carried there, is refused, and the call goes on.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::transition::{
    self, Event, Layer, ManagedScope, NativeScope, TransitionError, UnhookedScope,
};
use sortie_test::{Running, each};

const SHORT: Policy = Policy::new().class(Class::Short);
const LONG: Policy = Policy::new().class(Class::Long);
// SAFETY: what the tests call are closures, which keep nothing of the thread.
const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const SHORT_SUSPEND: Policy = unsafe { SHORT.callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const SHORT_MIGRATE: Policy = unsafe { SHORT.callbacks(Callbacks::Migrate) };

static UNKNOWN: Target = Target::named("of which nothing is known");

static ON_CARRIER: [Target; 3] = [
    Target::named("another of which nothing is known"),
    Target::named("short").with_policy(SHORT),
    Target::named("long").with_policy(LONG),
];
static ON_STACK: [Target; 3] = [
    Target::named("suspends").with_policy(SUSPEND),
    Target::named("short, suspends").with_policy(SHORT_SUSPEND),
    Target::named("short, migrates").with_policy(SHORT_MIGRATE),
];

/// The first calls on a carrier are timed, and go the general way.
const WARM: usize = 4;

/// Makes a call in whose native code `f` runs: with frames there that are as they were when others had turns meanwhile, if
/// they had.
fn in_native_code(target: &Target, f: impl FnOnce()) {
    (0..WARM).for_each(|_| native::call_here(target, || ()));
    native::call_here(target, || {
        let mine = std::hint::black_box([7_u64; 256]);
        f();
        let others: Vec<_> = (0..8).map(|_| sortie::spawn(use_the_stacks)).collect();
        (0..8).for_each(|_| sortie::yield_now());
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(mine.iter().all(|n| *n == 7), "others have written to these frames");
    });
}

fn use_the_stacks() {
    sortie::yield_now();
    native::call_here(&UNKNOWN, || std::hint::black_box([8_u64; 2048]).len());
}

/// Runs this as a task, which has its base alone at the end, and its runtime all its workers.
fn run(runtime: &Running<'_>, f: impl FnOnce() + Send + 'static) {
    runtime.run(f);
    let workers = runtime.case.workers;
    runtime.run(move || {
        let tasks: Vec<_> = (0..2 * workers).map(|_| sortie::spawn(use_the_stacks)).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[track_caller]
fn enter_is_refused() {
    let before = transition::layers();
    let error = transition::enter().unwrap_err();
    let found = before.last().copied();
    assert!(matches!(found, Some(Layer::Native { .. })), "{found:?}");
    assert_eq!(error, TransitionError::NotOwner { event: Event::Enter, found });
    assert_eq!(transition::layers(), before);
}

#[test]
fn a_raw_enter_in_a_call() {
    each(|runtime| {
        run(runtime, || {
            for target in ON_CARRIER.iter().chain(&ON_STACK) {
                in_native_code(target, enter_is_refused);
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
            }
        });
    });
}

#[test]
fn a_raw_enter_in_an_offloaded_call() {
    each(|runtime| {
        run(runtime, || {
            native::offload(&UNKNOWN, || {
                enter_is_refused();
                sortie::yield_now();
            });
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn a_raw_enter_in_a_call_of_a_callback() {
    each(|runtime| {
        run(runtime, || {
            for target in &ON_CARRIER {
                in_native_code(target, || {
                    native::callback((), || in_native_code(target, enter_is_refused));
                });
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
            }
        });
    });
}

#[test]
fn a_native_scope_that_ends_in_a_call() {
    each(|runtime| {
        run(runtime, || {
            for target in &ON_CARRIER {
                let native = NativeScope::new(1).unwrap();
                let managed = ManagedScope::new().unwrap();
                in_native_code(target, || drop(native));
                drop(managed);
                // That of the scope, which nobody ends by itself any more.
                assert_eq!(transition::layers().len(), 2);
                transition::enter().unwrap();
            }
        });
    });
}

#[test]
fn a_scope_without_a_layer_that_ends_in_a_call() {
    each(|runtime| {
        run(runtime, || {
            for target in &ON_CARRIER {
                let unhooked = UnhookedScope::new(1).unwrap();
                in_native_code(target, || drop(unhooked));
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
            }
        });
    });
}

/// On one stack with it: what is left open there are live frames all the same.
#[test]
fn scopes_of_native_code_that_end_in_a_call_of_it() {
    each(|runtime| {
        run(runtime, || {
            for target in &ON_CARRIER {
                in_native_code(target, || {
                    let managed = ManagedScope::new().unwrap();
                    let unhooked = UnhookedScope::new(1).unwrap();
                    in_native_code(target, move || {
                        drop(unhooked);
                        drop(managed);
                    });
                    // That of the scope, which nobody ends by itself any more.
                    transition::reverse_leave().unwrap();
                });
                assert_eq!(transition::layers(), [Layer::ManagedBase]);
            }
        });
    });
}

/// What is known of an attached thread lives as long as the calls that it makes there.
#[test]
fn an_attached_thread_stays_attached_until_its_calls_have_ended() {
    each(|runtime| {
        let other = runtime.case.runtime();
        let (handle, there) = (runtime.handle(), other.handle());
        let attached = move || {
            for target in &ON_CARRIER {
                handle.reverse_enter().unwrap();
                let unhooked = UnhookedScope::new(1).unwrap();
                native::call_here(target, || {
                    drop(unhooked);
                    assert!(transition::reverse_leave().is_err());
                    assert!(there.reverse_enter().is_err(), "the call is the first runtime's");
                });
                transition::reverse_leave().unwrap();
                assert_eq!(transition::layers(), [Layer::NativeBase]);
            }
        };
        std::thread::spawn(attached).join().unwrap();
        drop(other);
    });
}
