//! Profiles, decisions and targets together. All tests share the process's registry: each uses addresses
//! of its own, at which there is no code.

use super::super::Target;
use super::super::class::Class;
use super::super::decision::Action;
use super::*;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;

const US: u64 = 1_000;

/// Addresses that no other test uses: `bytes` of them.
fn nowhere(bytes: usize) -> Range<usize> {
    static NEXT: AtomicUsize = AtomicUsize::new(0x10_0000);
    let start = NEXT.fetch_add(bytes, Ordering::Relaxed);
    start..start + bytes
}

fn feed(profile: &Profile, n: usize, ns: u64) {
    (0..n).for_each(|_| profile.observe(ns, Kind::Timed, 1));
}

fn action(profile: &Profile) -> Action {
    profile.decide().action()
}

fn set(address: usize, policy: Policy) {
    policy.check().unwrap();
    policies::set_exact(Key::Address(address), Some(policy));
}

#[test]
fn hot_fields_share_a_cache_line() {
    assert_eq!(align_of::<Profile>(), 64);
    assert_eq!(std::mem::offset_of!(Profile, decision), 0);
    assert!(std::mem::offset_of!(Profile, learned) + size_of::<Learned>() <= 64);
}

#[test]
fn an_address_has_one_profile_for_ever() {
    let at = nowhere(1).start;
    let profile = Profile::at(at);
    assert!(std::ptr::eq(profile, Profile::at(at)));
    assert_eq!(profile.address(), at);
    assert!(!std::ptr::eq(profile, Profile::at(nowhere(1).start)));
    std::thread::scope(|scope| {
        let at = nowhere(1).start;
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(move || std::ptr::from_ref(Profile::at(at)).addr()))
            .collect();
        let mut all = threads.into_iter().map(|thread| thread.join().unwrap());
        let first = all.next().unwrap();
        assert!(all.all(|one| one == first));
    });
}

#[test]
fn what_is_too_many_shares_one_profile_unless_a_policy_says_something() {
    let [one, two, three] = std::array::from_fn(|_| nowhere(1).start);
    let known = Profile::at(one);
    let other = Profile::intern(two, 0);
    assert_eq!((other.name().as_deref(), other.address()), (Some("other"), 0));
    assert!(other.is_shared());
    assert!(std::ptr::eq(Profile::intern(one, 0), known));
    set(three, Policy::new().class(Class::Keep));
    assert_eq!(Profile::intern(three, 0).address(), three);
    assert!(std::ptr::eq(Profile::at(0), other));
    // Its name is everybody's.
    other.set_names(Some("mine".into()), None);
    assert_eq!(other.name().as_deref(), Some("other"));
    let _ = other.decide();
}

#[test]
fn each_class_has_its_action() {
    let of = |ns, n| {
        let profile = Profile::at(nowhere(1).start);
        feed(profile, n, ns);
        profile
    };
    for (profile, action, timed) in [
        (of(0, 0), Action::Unproven, true),
        (of(US, 1), Action::Compare, true),
        (of(200 * US, 31), Action::Compare, true),
        (of(US, 32), Action::Asymmetric, false),
        (of(50 * US, 32), Action::Compare, false),
        (of(200 * US, 32), Action::HandOver, true),
    ] {
        let decision = profile.decide();
        assert_eq!((decision.action(), decision.is_timed()), (action, timed), "{decision:?}");
        assert!(!decision.is_special() && !decision.may_offload());
        assert_eq!(decision.is_fast(), action == Action::Asymmetric);
    }
    let burning = of(200 * US, 32);
    burning.observe(200 * US, Kind::Burned, 1);
    assert!(burning.is_burning());
    assert_eq!((action(burning), burning.decide().is_timed()), (Action::Compare, true));
}

#[test]
fn another_class_is_another_decision_at_once() {
    let profile = Profile::at(nowhere(1).start);
    assert_eq!(action(profile), Action::Unproven);
    feed(profile, 32, US);
    // Not by `decide`, which decides anew when another test changes a policy.
    let word = profile.decision.load(Ordering::Relaxed);
    assert!(word == 0 || word & 7 == Action::Asymmetric as u32, "{word:#x}");
    profile.observe(100 * US, Kind::Blocked, 1);
    let word = profile.decision.load(Ordering::Relaxed);
    assert!(word == 0 || word & 7 == Action::HandOver as u32, "{word:#x}");
}

#[test]
fn without_a_barrier_nothing_is_asymmetric() {
    let profile = Profile::at(nowhere(1).start);
    feed(profile, 32, US);
    let asymmetric = Decision::new(&Policy::new(), profile.verdict(), true);
    let compare = Decision::new(&Policy::new(), profile.verdict(), false);
    assert_eq!((asymmetric.action(), compare.action()), (Action::Asymmetric, Action::Compare));
}

#[test]
fn a_policy_decides_and_learning_goes_on() {
    let at = nowhere(1).start;
    let profile = Profile::at(at);
    // SAFETY: there is no function there.
    let unhooked = unsafe { Policy::new().unhooked() };
    for (policy, expected) in [
        (Policy::new().class(Class::Short), Action::Asymmetric),
        (Policy::new().class(Class::Mixed), Action::Compare),
        (Policy::new().class(Class::Long), Action::HandOver),
        (Policy::new().class(Class::Keep), Action::Keep),
        (unhooked, Action::Unhooked),
        (Policy::new().deny(), Action::Denied),
    ] {
        set(at, policy);
        assert_eq!(action(profile), expected);
        assert_eq!(profile.policy(), policy);
        assert_eq!(profile.learned_class(), Class::Unknown);
    }
    set(at, Policy::new().class(Class::Keep));
    feed(profile, 32, 200 * US);
    assert_eq!((profile.class(), profile.learned_class()), (Class::Keep, Class::Long));
    assert_eq!(action(profile), Action::Keep);
    policies::set_exact(Key::Address(at), None);
    assert_eq!((profile.class(), action(profile)), (Class::Long, Action::HandOver));
}

#[test]
fn settings_are_in_the_word_and_in_the_profile() {
    let at = nowhere(1).start;
    let profile = Profile::at(at);
    let short = Policy::new().class(Class::Short);
    set(at, short.max_concurrent(3));
    let decision = profile.decide();
    assert!(decision.is_special() && !decision.is_fast());
    assert_eq!(profile.max_concurrent(), NonZeroU32::new(3));
    set(at, short.fp_env(FpEnv::Restore));
    assert!(profile.decide().is_special());
    assert_eq!((profile.fp_env(), profile.max_concurrent()), (FpEnv::Restore, None));
    set(at, short.offload(true));
    let decision = profile.decide();
    assert!(decision.may_offload() && !decision.is_special());
    // SAFETY: there is no function there.
    set(at, unsafe { short.task_stack(512) });
    let decision = profile.decide();
    assert!(!decision.is_special() && decision.is_fast());
    assert_eq!((profile.task_stack(), profile.fp_env()), (NonZeroU32::new(512), FpEnv::Inherit));
    set(at, short);
    assert!(profile.decide().is_fast());
    assert_eq!(profile.task_stack(), None);
}

/// Until the word is one that others have not made stale at this moment.
fn decided(profile: &Profile) -> u32 {
    loop {
        profile.decide();
        match profile.decision.load(Ordering::Relaxed) {
            0 => {}
            word => return word,
        }
    }
}

#[test]
fn what_all_decisions_rest_on_makes_all_of_them_stale() {
    let profile = Profile::at(nowhere(1).start);
    feed(profile, 32, US);
    assert_eq!(decided(profile) & 7, Action::Asymmetric as u32);
    policies::invalidate();
    assert_eq!(profile.decision.load(Ordering::Relaxed), 0);
    assert!(!profile.is_fast());
    assert!(profile.decide().is_fast());
}

#[test]
fn a_policy_makes_the_decisions_of_its_functions_stale() {
    let range = nowhere(2);
    let (one, other) = (Profile::at(range.start), Profile::at(range.end - 1));
    let unaddressed = Profile::unaddressed(Some("stale".into()));
    for key in [one.key(), unaddressed.key()] {
        let profile = if key == one.key() { one } else { unaddressed };
        decided(profile);
        policies::set_exact(key, Some(Policy::new().class(Class::Keep)));
        assert_eq!(profile.decision.load(Ordering::Relaxed), 0);
        assert_eq!(action(profile), Action::Keep);
        policies::set_exact(key, None);
        assert_eq!(action(profile), Action::Unproven);
    }
    decided(one);
    decided(other);
    policies::set_range(&range, Some(Policy::new().class(Class::Short)));
    for profile in [one, other] {
        assert_eq!(profile.decision.load(Ordering::Relaxed), 0);
        assert_eq!(action(profile), Action::Asymmetric);
    }
    policies::set_range(&range, None);
    assert_eq!((action(one), action(other)), (Action::Unproven, Action::Unproven));
    unaddressed.give_back();
}

#[test]
fn a_target_without_an_address_has_a_profile_that_is_used_again() {
    let target = Target::named("without an address");
    assert_eq!(target.class(), Class::Unknown);
    let profile = target.profile();
    assert_eq!(profile.name().as_deref(), Some("without an address"));
    feed(profile, 32, US);
    assert_eq!(target.class(), Class::Short);
    target.set_policy(Policy::new().class(Class::Keep)).unwrap();
    assert_eq!((target.class(), action(target.profile())), (Class::Keep, Action::Keep));
    assert!(std::ptr::eq(profile, target.profile()));
    drop(target);
    assert_eq!((profile.class(), profile.name()), (Class::Unknown, None));
    assert!(profile.is_free());
}

#[test]
fn what_was_said_of_a_target_goes_with_it_to_its_address() {
    let at = nowhere(1).start;
    let target = Target::named("late").with_policy(Policy::new().class(Class::Mixed));
    assert_eq!(target.class(), Class::Mixed);
    target.set_policy(Policy::new().class(Class::Long)).unwrap();
    assert_eq!(policies::policy_of(Key::Address(at)), Policy::new());
    target.resolve(at, "libnowhere.so");
    assert_eq!(target.profile().address(), at);
    assert_eq!(target.profile().name().as_deref(), Some("late"));
    assert_eq!(target.profile().library().as_deref(), Some("libnowhere.so"));
    assert_eq!(policies::policy_of(Key::Address(at)), Policy::new().class(Class::Long));
    assert!(target.clear_policy());
    assert_eq!(target.policy(), Policy::new().class(Class::Mixed));
    // All targets of one address are one function.
    assert_eq!(Target::new(at).class(), Class::Mixed);
    assert!(std::ptr::eq(Target::new(at).profile(), target.profile()));
}

#[test]
fn what_goes_to_an_address_is_in_force_all_the_time() {
    let (denied, mixed) = (Policy::new().deny(), Policy::new().class(Class::Mixed));
    let round = std::sync::atomic::AtomicUsize::new(0);
    let gate = std::sync::Barrier::new(2);
    let rounds = 500;
    let targets: Vec<_> = (0..rounds).map(|_| Target::named("moves")).collect();
    let addresses: Vec<_> = (0..rounds).map(|_| nowhere(1).start).collect();
    let mut missed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (target, at) in targets.iter().zip(&addresses) {
                target.set_policy(denied).unwrap();
                gate.wait();
                target.resolve(*at, "libnowhere.so");
                round.fetch_add(1, Ordering::Relaxed);
                target.profile();
                gate.wait();
            }
        });
        for (turn, (target, at)) in targets.iter().zip(&addresses).enumerate() {
            gate.wait();
            while round.load(Ordering::Relaxed) == turn {
                std::hint::spin_loop();
            }
            // No panic here: the other thread would wait for ever.
            missed += usize::from(action(target.profile()) != Action::Denied);
            missed += usize::from(policies::policy_of(Key::Address(*at)) != denied);
            gate.wait();
        }
    });
    assert_eq!(missed, 0);

    // Who has found the profile before goes by it until the end of the call.
    let target = Target::named("is called").with_policy(mixed);
    target.set_policy(denied).unwrap();
    let (before, at) = (target.profile(), nowhere(1).start);
    target.resolve(at, "libnowhere.so");
    assert_eq!((action(target.profile()), action(before)), (Action::Denied, Action::Denied));
    // It is said once, and not said again when it was taken back.
    assert!(target.clear_policy());
    target.resolve(nowhere(1).start, "libnowhere.so");
    assert_eq!((target.policy(), action(target.profile())), (mixed, Action::Compare));
}

#[test]
fn a_target_that_is_resolved_elsewhere_follows() {
    let addresses = [nowhere(1).start, nowhere(1).start];
    let target = Target::new(0);
    // The turn whose resolving is done.
    let done = AtomicUsize::new(0);
    let gate = std::sync::Barrier::new(2);
    let mut missed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 1..2_000 {
                gate.wait();
                // Each time the profile is looked for again.
                (0..16).for_each(|n| target.resolve(addresses[(turn + n) % 2], "libnowhere.so"));
                done.store(turn, Ordering::Relaxed);
                gate.wait();
                // No panic here: the other thread would wait for ever.
                missed += usize::from(target.profile().address() != target.address());
            }
        });
        scope.spawn(|| {
            for turn in 1..2_000 {
                gate.wait();
                while done.load(Ordering::Relaxed) != turn {
                    std::hint::black_box(target.profile());
                }
                gate.wait();
            }
        });
    });
    assert_eq!(missed, 0);
}

#[test]
fn what_is_unloaded_is_forgotten() {
    let all = nowhere(0x110);
    let code = all.start..all.start + 0x100;
    let target = Target::named("unloaded").with_policy(Policy::new().class(Class::Long));
    target.resolve(code.start, "libnowhere.so");
    let profile = target.profile();
    feed(profile, 32, US);
    let learned = Profile::at(code.start + 16);
    feed(learned, 32, US);
    assert!(learned.decide().is_fast());
    set(code.end - 1, Policy::new().deny());
    policies::set_range(&code, Some(Policy::new().class(Class::Keep)));
    let beside = Profile::at(code.end);
    feed(beside, 32, US);
    set(code.end, Policy::new().class(Class::Mixed));
    let wider = code.start..code.end + 1;
    policies::set_range(&wider, Some(Policy::new().max_concurrent(2)));

    let forgotten = policies::unload(&code);
    assert_eq!(forgotten, policies::Forgotten { policies: 3, functions: 2 });
    assert_eq!(policies::policy_of(Key::Address(code.start)), Policy::new().max_concurrent(2));
    policies::set_range(&wider, None);
    for profile in [profile, learned] {
        assert_eq!((profile.class(), profile.policy()), (Class::Unknown, Policy::new()));
        assert_eq!((profile.name(), profile.library()), (None, None));
        assert_eq!(action(profile), Action::Unproven);
    }
    assert_eq!((beside.learned_class(), beside.class()), (Class::Short, Class::Mixed));
    // A declaration holds again for what the target is resolved to next.
    target.resolve(code.start, "libnowhere.so");
    assert_eq!(target.class(), Class::Long);
    assert_eq!(policies::unload(&(code.end..code.end)), policies::Forgotten::default());
}

#[test]
fn many_threads_may_learn_decide_and_change_policies_at_once() {
    // Until that is known, transitions may be traced.
    crate::transition::trace::watch();
    let at = nowhere(1).start;
    let profile = Profile::at(at);
    std::thread::scope(|scope| {
        for ns in [US, 200 * US] {
            scope.spawn(move || (0..2_000).for_each(|_| profile.observe(ns, Kind::Timed, 1)));
        }
        scope.spawn(|| {
            for _ in 0..500 {
                set(at, Policy::new().class(Class::Keep));
                policies::set_exact(Key::Address(at), None);
            }
        });
        scope.spawn(|| (0..5_000).for_each(|_| _ = std::hint::black_box(profile.decide())));
    });
    // The last class is the one that is decided by.
    let decision = profile.decide();
    let fresh = Decision::new(&profile.policy(), profile.verdict(), true);
    // That it is traced does not rest on the class.
    assert_eq!(decision.traced(), fresh.traced());
}
