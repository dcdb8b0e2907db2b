//! Hook decisions: S-47 to S-52.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{HResult, answer_into};
use sortie::native::{self, Class, Policy, Target, policy};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(47, "the nearest policy decides", s47),
    scenario!(48, "a call that is not announced", s48),
    scenario!(49, "a call that is told of although it need not be", s49),
    scenario!(50, "the question before the start, and without a place", s50, setup: bare),
    scenario!(51, "policies that contradict themselves", s51),
    scenario!(52, "a function that must not be called", s52),
];

fn bare() -> Setup {
    Setup { bare: true, ..Setup::new() }
}

fn never() -> Policy {
    // SAFETY: of the functions that it is set for only `abs` exists, which computes.
    unsafe { Policy::new().unhooked() }
}

fn s47(stage: &Stage) {
    // Nothing is mapped there.
    const LIBRARY: std::ops::Range<usize> = 0x8000..0x9000;
    let (a, other, outside) = (0x8010, 0x8020, 0x9010);
    for (address, name) in [(a, "a"), (other, "other"), (outside, "outside")] {
        stage.trace.name_target(address, name);
    }
    policy::for_address(a).set(never()).expect("a policy");
    policy::for_range(LIBRARY).set(Policy::new()).expect("a policy");
    policy::by_default().set(never()).expect("a policy");
    let ask = |address| stage.tasks.call_needs_host_hook(address);
    let answers = [ask(a), ask(other), ask(outside)];
    assert!(policy::by_default().clear());
    policy::for_range(LIBRARY).forget();
    assert_eq!(answers, [Ok(false), Ok(true), Ok(false)]);
}

fn s48(stage: &Stage) {
    stage.run("A", || {
        let abs = Target::named("abs").with_policy(never());
        // SAFETY: any value will do.
        assert_eq!(native::call_here(&abs, || unsafe { libc::abs(-3) }), 3);
    });
}

fn s49(stage: &Stage) {
    let (tasks, t) = (stage.tasks.clone(), stage.target("t"));
    policy::for_address(t).set(never()).expect("a policy");
    stage.run("A", move || {
        assert_eq!(tasks.call_needs_host_hook(t), Ok(false));
        let _ = tasks.leave_runtime(t);
        let _ = tasks.enter_runtime();
    });
    policy::for_address(t).forget();
}

fn s50(stage: &Stage) {
    let ask = || stage.tasks.call_needs_host_hook(stage.target("t"));
    assert_eq!(answer_into(None, ask), HResult::E_POINTER);
    assert_eq!(ask(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
}

fn s51(stage: &Stage) {
    let function = policy::for_address(stage.target("t"));
    for contradiction in [never().class(Class::Long), never().max_concurrent(1)] {
        let refused = function.set(contradiction).expect_err("a contradiction");
        assert_eq!(HResult::from(refused), HResult::E_INVALIDARG);
        assert_eq!(function.policy(), None);
    }
}

fn s52(stage: &Stage) {
    let (tasks, t, other) = (stage.tasks.clone(), stage.target("t"), stage.target("other"));
    policy::for_address(t).set(Policy::new().deny()).expect("a policy");
    stage.run("A", move || {
        let _ = tasks.leave_runtime(t);
        let _ = tasks.leave_runtime(other);
        let _ = tasks.enter_runtime();
    });
    policy::for_address(t).forget();
}
