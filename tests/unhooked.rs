//! Of calls that need not be announced samples are, if the policy wants them; a function that is seen to break what was
//! promised of it is told of once, and its calls are announced from then on, unless the policy says that it is to stay.

use sortie::TargetRow;
use sortie::native::{self, Misclassified, Policy, Target, policy};
use sortie::transition::{self, Event, Layer, NativeScope, TransitionError, UnhookedScope};
use sortie_test::{Case, Mode, Running, each, each_of, events, exclusively, until};
use std::time::{Duration, Instant};

const CALLS: u64 = 20_000;
/// One call in so many.
const N: u32 = 50;

/// Functions of the C library, so that they have addresses; what the tests call in their names is closures.
fn function(n: usize) -> usize {
    [libc::getpid as *const (), libc::getppid as *const (), libc::getuid as *const ()][n].addr()
}

fn never() -> Policy {
    // SAFETY: the tests break the promise where nothing comes of it: no frame of C is below a callback.
    unsafe { Policy::new().unhooked() }
}

fn sampled(n: u32) -> Policy {
    // SAFETY: as above.
    unsafe { Policy::new().sampled(n) }
}

/// One of which nothing is known.
fn target(name: &'static str, policy: Policy) -> &'static Target {
    Box::leak(Box::new(Target::named(name).with_policy(policy)))
}

fn is_announced() -> bool {
    transition::layers().len() > 1
}

fn row(runtime: &Running<'_>, is_it: impl Fn(&TargetRow) -> bool) -> TargetRow {
    runtime.snapshot().targets.into_iter().find(is_it).expect("it was called")
}

/// What operators were told of broken promises.
fn told() -> Vec<String> {
    let told = events::seen().into_iter().filter(|seen| seen.target == "sortie::crossing");
    told.map(|seen| seen.text).filter(|text| text.contains("promised")).collect()
}

fn assert_one_in_n(many: u64) {
    let expected = CALLS / u64::from(N);
    assert!((expected * 9 / 10..expected * 11 / 10).contains(&many), "{many} of {CALLS}");
}

#[test]
fn one_call_in_so_many_is_announced_and_timed_and_all_are_counted() {
    each(|runtime| {
        // On a thread that waits for the allocator's lock a sample may last.
        let target = target("one in so many", sampled(N).misclassified(Misclassified::Report));
        let announced = runtime
            .run(move || (0..CALLS).filter(|_| native::call_here(target, is_announced)).count());
        assert_one_in_n(announced as u64);
        let row = row(runtime, |row| row.symbol.as_deref() == Some("one in so many"));
        assert_eq!((row.calls, row.timed), (CALLS, announced as u64));
        assert!(row.longest > Duration::ZERO && row.total >= row.longest, "{row:?}");
        assert_eq!(row.callbacks, 0);
    });
}

#[test]
fn a_vm_that_asks_before_each_call_announces_one_in_so_many() {
    let address = function(0);
    let scope = policy::for_address(address);
    each(|runtime| {
        scope.set(sampled(N).misclassified(Misclassified::Report)).unwrap();
        let announced = runtime.run(move || {
            let ask_and_call = |_: &u64| {
                let announces = native::needs_hook(address);
                if announces {
                    transition::leave(address).unwrap();
                    transition::enter().unwrap();
                }
                announces
            };
            (0..CALLS).filter(ask_and_call).count()
        });
        assert_one_in_n(announced as u64);
        let row = row(runtime, |row| row.address == address);
        assert_eq!((row.calls, row.timed), (CALLS, announced as u64));
        // Who asks where nobody counts, or for the first time, may keep the answer.
        assert!((0..100).all(|_| native::needs_hook(address)));
        assert!(scope.clear());
        assert!(runtime.run(move || (0..100).all(|_| native::needs_hook(address))));
    });
}

#[test]
fn who_calls_back_is_told_of_once_and_announced_from_then_on() {
    events::record();
    each(|runtime| {
        events::record();
        let target = target("calls back", never());
        let announced = runtime.run(move || {
            let call = || {
                native::call_here(target, || {
                    let announced = is_announced();
                    assert_eq!(native::callback(0, || transition::layers().len()), 3);
                    announced
                })
            };
            [call(), call(), call()]
        });
        assert_eq!(announced, [false, true, true]);
        assert_eq!(target.policy(), Policy::new());
        let text = &told()[..];
        assert!(
            matches!(text, [one] if one.contains("calls back") && one.contains("hook=never")),
            "{text:?}"
        );
        let row = row(runtime, |row| row.symbol.as_deref() == Some("calls back"));
        assert_eq!((row.misclassified, row.calls, row.callbacks), (1, 2, 2));
        // Said once more it is another promise; declared once more it is the same.
        target.resolve(function(1), "libc");
        assert_eq!(target.policy(), Policy::new());
        target.set_policy(never()).unwrap();
        runtime.run(move || {
            let call = || native::call_here(target, || native::callback(false, is_announced));
            assert!(call() && call());
        });
        assert_eq!(told().len(), 2);
        assert_eq!(target.policy(), Policy::new());
        policy::for_address(function(1)).forget();
    });
}

#[test]
fn a_sample_that_calls_back_tells_too() {
    each(|runtime| {
        let target = target("calls back in a sample", sampled(1_000));
        let first = runtime.run(move || {
            native::call_here(target, || native::callback(0, || transition::layers().len()))
        });
        assert_eq!(first, 3, "a carrier's first call is a sample");
        assert_eq!(target.policy(), Policy::new());
    });
}

#[test]
fn a_policy_that_is_only_to_report_stays() {
    events::record();
    each(|runtime| {
        events::record();
        let only_reports = never().misclassified(Misclassified::Report);
        let target = target("reported", only_reports);
        runtime.run(move || {
            for _ in 0..3 {
                native::call_here(target, || {
                    assert!(!is_announced());
                    native::callback((), || ());
                });
            }
        });
        assert_eq!(target.policy(), only_reports);
        assert_eq!(told().len(), 1);
        let row = row(runtime, |row| row.symbol.as_deref() == Some("reported"));
        assert_eq!((row.misclassified, row.calls), (3, 0));
    });
}

/// The promise was given for all of them.
#[test]
fn the_policy_is_mended_for_all_functions_that_it_is_for() {
    let (first, other, outside) = (function(0), function(1), function(2));
    let range = policy::for_range(first.min(other)..first.max(other) + 1);
    for scope in [range, policy::by_default()] {
        exclusively(&Case::new(1, Mode::Pinned), |case| {
            scope.set(never()).unwrap();
            policy::for_address(outside).set(never()).unwrap();
            assert!(![first, other, outside].into_iter().any(native::needs_hook));
            let runtime = case.runtime();
            runtime.run(move || {
                native::call_here(&Target::new(first), || native::callback((), || ()));
            });
            assert!(native::needs_hook(first) && native::needs_hook(other));
            assert!(!native::needs_hook(outside), "another policy");
            assert_eq!(scope.policy(), Some(Policy::new()));
            assert!(scope.clear() && policy::for_address(outside).clear());
        });
    }
}

#[test]
fn a_callback_out_of_raw_transitions_tells_too() {
    let address = function(0);
    let scope = policy::for_address(address);
    each(|runtime| {
        for policy in [never(), sampled(1_000)] {
            scope.set(policy).unwrap();
            runtime.run(move || {
                transition::leave(address).unwrap();
                transition::reverse_enter().unwrap();
                transition::reverse_leave().unwrap();
                transition::enter().unwrap();
            });
            assert_eq!(policy::of(address), Policy::new());
        }
        assert_eq!(row(runtime, |row| row.address == address).misclassified, 2);
        assert!(scope.clear());
    });
}

#[test]
fn a_sample_that_waits_or_computes_for_long_tells() {
    fn wait() {
        std::thread::sleep(Duration::from_micros(300));
    }
    fn compute() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(500) {}
    }
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        for (name, long) in [("waits", wait as fn()), ("computes", compute)] {
            let target = target(name, sampled(2));
            // A thread that is kept from a processor says nothing of its function.
            until(name, || {
                runtime.run(move || native::call_here(target, long));
                target.policy() == Policy::new()
            });
            let row = row(runtime, |row| row.symbol.as_deref() == Some(name));
            assert_eq!(row.misclassified, 1);
        }
    });
}

#[test]
fn short_samples_tell_nothing() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        // What a hypervisor takes away looks like computing.
        until("a time in which nothing was taken away", || {
            let target = target("is short", sampled(2));
            let call = move |n| assert_eq!(native::call_here(target, || n), n);
            runtime.run(move || (0..1_000).for_each(call));
            target.policy() == sampled(2)
        });
    });
}

/// The VM's own stub marks a call that its host need not be told of.
#[test]
fn a_vm_may_mark_its_own_calls_that_it_does_not_tell_of() {
    let address = function(0);
    let scope = policy::for_address(address);
    let refused = Err(TransitionError::NotOwner {
        event: Event::ReverseEnter,
        found: Some(Layer::ManagedBase),
    });
    each(|runtime| {
        scope.set(never()).unwrap();
        runtime.run(move || {
            assert!(!native::needs_hook(address));
            let unhooked = UnhookedScope::new(address).unwrap();
            assert_eq!(transition::layers(), [Layer::ManagedBase], "nothing is announced");
            for _ in 0..2 {
                transition::reverse_enter().unwrap();
                let layers =
                    [Layer::ManagedBase, Layer::Unhooked { target: address }, Layer::Managed];
                assert_eq!(transition::layers(), layers);
                // The callback is no part of the call; one that it makes itself is.
                assert!(transition::reverse_enter().is_err());
                {
                    let _inner = UnhookedScope::new(1).unwrap();
                    transition::reverse_enter().unwrap();
                    transition::reverse_leave().unwrap();
                }
                transition::reverse_leave().unwrap();
            }
            drop(unhooked);
            assert_eq!(transition::reverse_enter(), refused);
            let native = NativeScope::new(address).unwrap();
            assert!(UnhookedScope::new(address).is_err(), "no managed code is on top");
            drop(native);
        });
        assert_eq!(policy::of(address), Policy::new());
        assert!(scope.clear());
    });
    assert!(UnhookedScope::new(address).is_err(), "no task runs here");
}
