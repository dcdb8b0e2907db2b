//! What a policy may not say, and what the error tells about it.

use super::check::{MOST_SAMPLED, MOST_STACK};
use super::*;

/// The reason why a policy is refused.
fn refused(policy: Policy) -> String {
    let error = policy.check().expect_err("a contradiction");
    let text = error.to_string();
    assert!(text.starts_with("the policy is contradictory: "), "{text}");
    text
}

fn unhooked() -> Policy {
    // SAFETY: for no function.
    unsafe { Policy::new().unhooked() }
}

fn sampled(n: u32) -> Policy {
    // SAFETY: for no function.
    unsafe { Policy::new().sampled(n) }
}

fn leaf(bytes: u32) -> Policy {
    // SAFETY: for no function.
    unsafe { Policy::new().task_stack(bytes) }
}

#[test]
fn sensible_policies_are_accepted() {
    for policy in [
        Policy::new(),
        Policy::new().class(Class::Short),
        Policy::new().class(Class::Mixed).max_concurrent(1),
        Policy::new().class(Class::Long).offload(true).fp_env(FpEnv::Restore).max_concurrent(8),
        Policy::new().class(Class::Keep).max_concurrent(u32::MAX),
        Policy::new().deny(),
        Policy::new().deny().fp_env(FpEnv::Inherit).offload(false),
        unhooked(),
        unhooked().misclassified(Misclassified::Report),
        sampled(2),
        sampled(MOST_SAMPLED).misclassified(Misclassified::Mend),
        leaf(1),
        leaf(MOST_STACK).class(Class::Keep),
        // SAFETY: for no function.
        unsafe { unhooked().task_stack(512) },
    ] {
        assert_eq!(policy.check(), Ok(()), "{policy}");
        assert_eq!(policy.checked(), policy);
    }
}

#[test]
fn unhooked_goes_with_nothing_that_needs_an_announcement() {
    for hook in [unhooked(), sampled(64)] {
        for policy in [
            hook.max_concurrent(1),
            hook.fp_env(FpEnv::Restore),
            hook.offload(true),
            hook.class(Class::Short),
            hook.class(Class::Keep),
            // It would give its worker away.
            hook.class(Class::Long),
            // SAFETY: for no function.
            unsafe { hook.callbacks(Callbacks::Suspend) },
        ] {
            let text = refused(policy);
            assert!(text.contains("unhooked") && text.contains("leave"), "{text}");
        }
    }
}

#[test]
fn samples_are_fewer_than_all_and_more_than_none() {
    for (n, what_to_do) in [(0, "unhooked"), (1, "leave sampled out"), (MOST_SAMPLED + 1, "2 to")] {
        let text = refused(sampled(n));
        assert!(text.contains(what_to_do) && text.contains("1,000,000"), "{text}");
    }
}

#[test]
fn only_a_promise_can_be_broken() {
    let report = Policy::new().misclassified(Misclassified::Report);
    assert!(refused(report).contains("nothing was promised"));
    assert!(refused(report.class(Class::Short)).contains("leave out"));
    assert_eq!(unhooked().mended(), Policy::new());
    assert_eq!(sampled(2).mended(), Policy::new());
    // SAFETY: for no function.
    let leaf = unsafe { unhooked().task_stack(512) };
    assert_eq!(leaf.mended(), Policy::new(), "who calls back does not do so on the task's stack");
    let stays = unhooked().misclassified(Misclassified::Report);
    assert_eq!(stays.mended(), stays);
}

#[test]
fn deny_goes_with_nothing() {
    let deny = Policy::new().deny();
    // SAFETY: for no function.
    let leaf = unsafe { deny.task_stack(64) };
    // SAFETY: for no function.
    let unhooked = unsafe { deny.unhooked() };
    for policy in [
        deny.class(Class::Short),
        deny.max_concurrent(1),
        deny.fp_env(FpEnv::Restore),
        deny.offload(true),
        leaf,
        unhooked,
    ] {
        let text = refused(policy);
        assert!(text.contains("deny goes with nothing else"), "{text}");
    }
}

#[test]
fn what_may_leave_the_thread_does_not_stay_on_it() {
    let text = refused(Policy::new().class(Class::Keep).offload(true));
    assert!(text.contains("keep") && text.contains("offload"), "{text}");
    let text = refused(leaf(64).offload(true));
    assert!(text.contains("task's stack") && text.contains("offload"), "{text}");
}

#[test]
fn impossible_values_are_refused() {
    for (policy, parts) in [
        (Policy::new().max_concurrent(0), ["wait for ever", "deny"]),
        (leaf(0), ["some stack", "leave task_stack out"]),
        (leaf(MOST_STACK + 1), ["1 GiB", "leave it out"]),
        (Policy::new().class(Class::Unknown), ["cannot be pinned", "leave the class out"]),
        (Policy::new().class(Class::Unhooked), ["promises", "Policy::new().unhooked()"]),
    ] {
        let text = refused(policy);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
#[should_panic(expected = "wait for ever")]
fn a_declared_policy_that_is_contradictory_panics_with_the_reason() {
    let _ = Policy::new().max_concurrent(0).checked();
}
