//! The policy that is in force for a function is the first that was set for it; what cannot be kept is
//! refused, and says why.

use sortie::native::{self, Class, FpEnv, Library, NativeFn, Policy, PolicyError, Target, policy};
use sortie::transition;
use sortie_test::{Case, Mode, each, exclusively, panic_text};
use std::ffi::c_int;

/// The registry is the process's: one test at a time.
fn alone(test: impl FnOnce()) {
    exclusively(&Case::new(1, Mode::Pinned), |_| test());
}

const SHORT: Policy = Policy::new().class(Class::Short);
const MIXED: Policy = Policy::new().class(Class::Mixed);
const LONG: Policy = Policy::new().class(Class::Long);
const KEEP: Policy = Policy::new().class(Class::Keep);

fn address(function: *const ()) -> usize {
    function.addr()
}

#[test]
fn the_first_match_counts_address_then_range_then_default() {
    alone(|| {
        let here = address(libc::getpid as *const ());
        let exact = policy::for_address(here);
        let narrow = policy::for_range(here..here + 1);
        let wide = policy::for_range(here - 16..here + 16);
        assert_eq!(policy::of(here), Policy::new());

        policy::by_default().set(KEEP).unwrap();
        assert_eq!(policy::of(here), KEEP);
        narrow.set(MIXED).unwrap();
        assert_eq!(policy::of(here), MIXED);
        wide.set(LONG).unwrap();
        assert_eq!(policy::of(here), LONG, "of two ranges the later one");
        narrow.set(SHORT).unwrap();
        assert_eq!(policy::of(here), SHORT, "set again is later");
        exact.set(LONG.max_concurrent(3)).unwrap();
        assert_eq!(policy::of(here), LONG.max_concurrent(3), "not merged with others");
        assert_eq!((policy::of(here + 16), policy::of(here + 15)), (KEEP, LONG), "half open");
        assert_eq!((exact.policy(), narrow.policy()), (Some(LONG.max_concurrent(3)), Some(SHORT)));

        let scopes = [exact, narrow, wide, policy::by_default()];
        for (scope, next) in scopes.iter().zip([SHORT, LONG, KEEP, Policy::new()]) {
            assert!(scope.clear());
            assert_eq!(policy::of(here), next);
            assert!(!scope.clear(), "nothing is left of {scope:?}");
            assert_eq!(scope.policy(), None);
        }
    });
}

#[test]
fn a_target_has_the_policy_that_it_was_declared_with_unless_another_is_set() {
    static DECLARED: Target = Target::named("declared").with_policy(LONG);
    alone(|| {
        assert_eq!((DECLARED.class(), DECLARED.policy()), (Class::Long, LONG));
        DECLARED.set_policy(SHORT).unwrap();
        assert_eq!(DECLARED.class(), Class::Short);
        // It moves to the address, and holds for whoever calls there.
        let here = address(libc::getppid as *const ());
        DECLARED.resolve(here, "libc.so.6");
        assert_eq!((DECLARED.policy(), Target::new(here).policy()), (SHORT, SHORT));
        assert_eq!(policy::for_address(here).policy(), Some(SHORT));
        policy::for_range(here..here + 1).set(KEEP).unwrap();
        assert!(DECLARED.clear_policy());
        assert_eq!(Target::new(here).policy(), LONG, "a declaration is for exactly this function");
        assert!(!DECLARED.clear_policy());
        policy::for_address(here).set(MIXED).unwrap();
        assert_eq!(DECLARED.class(), Class::Mixed);
        policy::for_range(here..here + 1).clear();
        policy::for_address(here).forget();
        assert_eq!(policy::of(here), Policy::new());
    });
}

#[test]
fn a_library_is_a_range() {
    alone(|| {
        // SAFETY: in the process already.
        let libc = unsafe { Library::open("c") }.unwrap();
        policy::for_library(&libc).set(MIXED).unwrap();
        // SAFETY: C declares `int getpid(void)`.
        let getpid: NativeFn<extern "C" fn() -> c_int> = unsafe { libc.get("getpid") }.unwrap();
        assert_eq!(getpid.target().policy(), MIXED);
        assert_eq!(policy::of(getpid.address()), MIXED);
        assert_eq!(policy::of(address(a_library_is_a_range as *const ())), Policy::new());
        let program = policy::for_library(&Library::process());
        program.set(KEEP).unwrap();
        assert_eq!(policy::of(address(a_library_is_a_range as *const ())), KEEP);
        assert_eq!(policy::of(getpid.address()), MIXED);
        assert!(program.clear());
        // The library was there before, and stays.
        drop((getpid, libc));
        assert_eq!(policy::of(address(libc::getpid as *const ())), MIXED);
        // SAFETY: as above.
        let libc = unsafe { Library::open("c") }.unwrap();
        assert!(policy::for_library(&libc).clear());
        assert_eq!(policy::of(address(libc::getpid as *const ())), Policy::new());
    });
}

#[test]
fn only_what_is_unhooked_needs_no_hook() {
    alone(|| {
        let here = address(libc::abs as *const ());
        assert!(
            native::needs_hook(here) && native::needs_hook(0) && native::needs_hook(usize::MAX)
        );
        // SAFETY: `abs` is arithmetic.
        let unhooked = unsafe { Policy::new().unhooked() };
        policy::for_address(here).set(unhooked).unwrap();
        assert!(!native::needs_hook(here) && native::needs_hook(here + 1));
        assert_eq!(Target::new(here).class(), Class::Unhooked);
        for other in [SHORT, KEEP, Policy::new().deny()] {
            policy::for_address(here).set(other).unwrap();
            assert!(native::needs_hook(here), "{other}");
        }
        policy::for_range(here..here + 8).set(unhooked).unwrap();
        assert!(native::needs_hook(here) && !native::needs_hook(here + 1));
        policy::for_address(here).clear();
        assert!(!native::needs_hook(here));
        policy::for_range(here..here + 8).clear();
        assert!(native::needs_hook(here));

        static PLAIN: Target = {
            // SAFETY: `labs` is arithmetic.
            Target::named("labs").with_policy(unsafe { Policy::new().unhooked() })
        };
        let here = address(libc::labs as *const ());
        PLAIN.resolve(here, "libc.so.6");
        assert_eq!(PLAIN.class(), Class::Unhooked);
        assert!(!native::needs_hook(here));
        policy::for_address(here).forget();
        assert!(native::needs_hook(here));
    });
}

#[test]
fn a_policy_that_cannot_be_kept_is_refused_with_the_reason_and_changes_nothing() {
    static REFUSED: Target = Target::named("refused");
    alone(|| {
        let here = address(libc::free as *const ());
        let range = policy::for_range(here..here + 1);
        let scopes = [policy::for_address(here), range, policy::by_default()];
        for (wrong, why) in [
            (Policy::new().max_concurrent(0), "use deny to refuse"),
            (KEEP.offload(true), "leave one of the two out"),
            (SHORT.deny(), "leave the rest out"),
            (Policy::new().class(Class::Unknown), "leave the class out"),
            (Policy::new().class(Class::Unhooked), "unsafe"),
            (LONG.offload(true), "in the #[policy] of a pinvoke! function only"),
        ] {
            for scope in &scopes {
                let error = scope.set(wrong).unwrap_err();
                assert!(matches!(error, PolicyError::Contradiction { .. }), "{error:?}");
                assert!(error.to_string().contains(why), "{error}");
                assert_eq!(scope.policy(), None);
            }
            assert!(REFUSED.set_policy(wrong).unwrap_err().to_string().contains(why));
            assert_eq!(REFUSED.policy(), Policy::new());
        }
        for (scope, found) in [
            (policy::for_address(0), "the address is 0"),
            (policy::for_range(here..here), "is empty"),
            (policy::for_range(here..here - 1), "is empty"),
        ] {
            let error = scope.set(SHORT).unwrap_err();
            assert!(matches!(error, PolicyError::NoCode { .. }), "{error:?}");
            assert!(error.to_string().contains(found), "{error}");
        }
    });
}

#[test]
fn a_configuration_is_text() {
    alone(|| {
        let here = address(libc::malloc as *const ());
        let text = "class=short, max_concurrent=8, fp_env=restore";
        policy::for_address(here).set(text.parse().unwrap()).unwrap();
        let expected = SHORT.max_concurrent(8).fp_env(FpEnv::Restore);
        assert_eq!(policy::of(here), expected);
        assert_eq!(policy::of(here).to_string(), text);
        assert!(policy::for_address(here).clear());
        let error = "hook=never".parse::<Policy>().unwrap_err();
        assert!(error.to_string().contains("`unsafe`"), "{error}");
    });
}

/// Wherever Sortie is asked for the call: also where it would only run the function.
#[test]
fn a_function_that_is_refused_is_called_by_nobody() {
    static REFUSED: Target = Target::named("refused everywhere");
    static OUTSIDE: Target = Target::named("outside");
    fn refused() {
        let calls: [fn(); 4] = [
            || native::call(&REFUSED, || unreachable!()),
            || native::call_here(&REFUSED, || unreachable!()),
            || native::offload(&REFUSED, || unreachable!()),
            || native::call_cancellable(&REFUSED, |_| (), || unreachable!()),
        ];
        for call in calls {
            let text = panic_text(call);
            assert!(text.contains("refused everywhere is not called"), "{text}");
        }
    }
    REFUSED.set_policy(Policy::new().deny()).unwrap();
    refused();
    each(|runtime| {
        runtime.run(|| {
            refused();
            native::call_here(&OUTSIDE, refused);
            native::call_here(&OUTSIDE, || native::callback((), refused));
        });
        std::thread::scope(|scope| {
            scope.spawn(refused);
        });
    });
    assert!(REFUSED.clear_policy());
    assert_eq!(native::call(&REFUSED, || 1), 1);
}

/// A call that was announced comes back as one, and one that was not does not, whatever was said meanwhile.
#[test]
fn a_call_that_is_out_goes_on_as_it_began() {
    // SAFETY: nothing but closures is called in this name.
    let unhooked = unsafe { Policy::new().unhooked() };
    let here = address(libc::getppid as *const ());
    let scope = policy::for_address(here);
    each(|runtime| {
        let scope = scope.clone();
        runtime.run(move || {
            let target = Target::new(here);
            let depth = || transition::layers().len();
            for (before, meanwhile, layers) in [
                (SHORT, unhooked, 2),
                (LONG, Policy::new().deny(), 2),
                (KEEP, LONG, 2),
                (unhooked, SHORT, 1),
                (unhooked, Policy::new().deny(), 1),
            ] {
                scope.set(before).unwrap();
                let inside = native::call_here(&target, || {
                    scope.set(meanwhile).unwrap();
                    depth()
                });
                assert_eq!((inside, depth()), (layers, 1), "{before}, then {meanwhile}");
                // The same by raw transitions, which are told of in any case.
                scope.set(before).unwrap();
                transition::leave(here).unwrap();
                scope.set(meanwhile).unwrap();
                transition::reverse_enter().unwrap();
                transition::reverse_leave().unwrap();
                transition::enter().unwrap();
                assert_eq!(depth(), 1);
            }
        });
        assert!(policy::for_address(here).clear());
    });
}

/// The next call asks again, wherever it is made: a call site keeps nothing that is stale.
#[test]
fn the_next_call_has_the_policy_that_is_set_now() {
    // SAFETY: nothing but closures is called in this name.
    let unhooked = unsafe { Policy::new().unhooked() };
    let here = address(libc::getppid as *const ());
    let scopes =
        [policy::by_default(), policy::for_range(here..here + 1), policy::for_address(here)];
    each(|runtime| {
        let scopes = scopes.clone();
        runtime.run(move || {
            let target = Target::new(here);
            let is_announced = || native::call_here(&target, || transition::layers().len()) == 2;
            for scope in &scopes {
                for _ in 0..3 {
                    scope.set(unhooked).unwrap();
                    assert!(!is_announced());
                    scope.set(SHORT).unwrap();
                    assert!(is_announced());
                }
            }
            for scope in scopes.iter().rev() {
                scope.set(unhooked).unwrap();
                assert!(!is_announced());
                assert!(scope.clear());
            }
            assert!(is_announced());
        });
    });
}

#[test]
fn policies_may_change_while_their_functions_are_called() {
    static CALLED: Target = Target::named("called");
    each(|runtime| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                runtime.spawn(|| (0..200).map(|n| native::call(&CALLED, move || n)).sum::<u32>())
            })
            .collect();
        let setters: Vec<_> = [SHORT, MIXED, LONG, KEEP]
            .into_iter()
            .map(|policy| {
                runtime.spawn(move || {
                    for _ in 0..50 {
                        CALLED.set_policy(policy).unwrap();
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 199 * 100));
        setters.into_iter().for_each(|task| task.join().unwrap());
        assert!(matches!(CALLED.class(), Class::Short | Class::Mixed | Class::Long | Class::Keep));
        assert!(CALLED.clear_policy());
        assert_eq!(CALLED.policy(), Policy::new());
    });
}
