//! Groups that are unloaded because a policy says so: of an operation, of its time, or of a failure.

use super::stage::{Stage, for_ever};
use sortie::hosting::{ClrFailure, ClrOperation, HResult, PolicyAction, WaitOption};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::Arc;

#[test]
fn an_abort_that_takes_too_long_unloads_its_group_and_that_rudely() {
    let stage = Stage::new();
    let group = stage.group();
    stage.set(ClrOperation::ThreadAbort, 20, PolicyAction::UnloadAppDomain);
    stage.set(ClrOperation::AppDomainUnload, 20, PolicyAction::RudeUnloadAppDomain);
    // In a clause that is run to its end; and beside it another.
    let stubborn = stage.task_in(group, |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        for_ever();
    });
    let beside = stage.task_in(group, |_| for_ever());
    assert_eq!(stubborn.clr_task().unwrap().abort(), HResult::S_OK);
    until("all have ended", || stubborn.is_done() && beside.is_done());
    until("it was told of", || stage.told().len() == 2);
    let policies = stage.policies();
    let expected = [
        "default ThreadAbort AbortThread",
        "timeout ThreadAbort UnloadAppDomain",
        "timeout AppDomainUnload RudeUnloadAppDomain",
    ];
    assert_eq!(policies, expected);
}

#[test]
fn an_unload_that_policies_make_rude_goes_through_clauses() {
    let stage = Stage::new();
    let group = stage.group();
    let (unload, rude) = (ClrOperation::AppDomainUnload, PolicyAction::RudeUnloadAppDomain);
    let set = stage.clr.policy_manager().set_default_action(unload.number(), rude.number());
    assert_eq!(set, HResult::S_OK);
    let stubborn = stage.task_in(group, |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        for_ever();
    });
    assert_eq!(stage.clr.unload_app_domain(group, true), HResult::S_OK);
    until("it has ended", || stubborn.is_done());
    assert_eq!(stage.policies(), ["default AppDomainUnload RudeUnloadAppDomain"]);
}

#[test]
fn a_failure_unloads_the_group_of_its_task_and_throws_where_there_is_none() {
    let stage = Stage::new();
    let policies = stage.clr.policy_manager();
    let unload = PolicyAction::UnloadAppDomain.number();
    for failure in [ClrFailure::NonCriticalResource, ClrFailure::OrphanedLock] {
        assert_eq!(policies.set_action_on_failure(failure.number(), unload), HResult::S_OK);
    }
    let (memory, lock) = (stage.group(), stage.group());
    let beside = stage.task_in(memory, |_| for_ever());
    let clr = stage.clr.clone();
    let fails = stage.task_in(memory, move |_| {
        let failed = clr.report_failure(ClrFailure::NonCriticalResource);
        unreachable!("it was unwound: {failed:?}");
    });
    until("both have ended", || beside.is_done() && fails.is_done());
    assert_eq!(stage.policies(), ["failure NonCriticalResource UnloadAppDomain"]);

    // A task that ends with a lock, in the group that it was made in.
    let (host, clr) = (stage.host.clone(), stage.clr.task_manager());
    let beside = stage.task_in(lock, move |_| {
        let crst = host.sync_manager().create_crst().unwrap();
        let owner = host.task_manager().create_task(0, move || {
            assert!(clr.attach().is_ok());
            assert_eq!(crst.enter(WaitOption::NONE), HResult::S_OK);
            0
        });
        assert_eq!(owner.unwrap().start(), HResult::S_OK);
        for_ever();
    });
    until("the other has ended", || beside.is_done());
    assert_eq!(stage.policies(), ["failure OrphanedLock UnloadAppDomain"]);

    // In the group that is there from the start on.
    let failed = stage.clr.report_failure(ClrFailure::NonCriticalResource);
    assert_eq!(failed, Ok(PolicyAction::ThrowException));
    assert_eq!(stage.policies(), ["failure NonCriticalResource ThrowException"]);
}

#[test]
fn in_the_first_group_an_abort_that_would_unload_it_is_one_of_the_task() {
    let stage = Stage::new();
    let (abort, unload) = (ClrOperation::ThreadAbort, PolicyAction::RudeUnloadAppDomain);
    let set = stage.clr.policy_manager().set_default_action(abort.number(), unload.number());
    assert_eq!(set, HResult::S_OK);
    let (begun, beside) = (Arc::new(Event::manual()), stage.task(|_| for_ever()));
    let begins = begun.clone();
    let task = stage.task(move |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        begins.set();
        for_ever();
    });
    begun.wait();
    assert_eq!(task.clr_task().unwrap().abort(), HResult::S_OK);
    until("it has ended", || task.is_done());
    assert_eq!(stage.policies(), ["default ThreadAbort RudeAbortThread"]);
    assert!(!beside.is_done());
}
