//! A policy that ends the process does so with the code of the cause: a parent sees its low eight bits, and the whole is in the
//! log. An orderly end runs what was registered for it, within its time.

use sortie::hosting::{
    ClrFailure, ClrOperation, ClrRuntimeHost, HResult, Host, HostPolicyManager, PolicyAction,
};
use sortie::sync::Event;
use sortie_test::child;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

/// Says what it is told of.
struct Says;

impl HostPolicyManager for Says {
    fn on_default_action(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        println!("told: default {operation} {action}.");
        HResult::S_OK
    }

    fn on_timeout(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        println!("told: timeout {operation} {action}.");
        HResult::S_OK
    }

    fn on_failure(&self, failure: ClrFailure, action: PolicyAction) -> HResult {
        println!("told: failure {failure} {action}.");
        HResult::S_OK
    }

    fn on_unhandled_exception(&self) -> HResult {
        println!("told: unhandled.");
        HResult::S_OK
    }
}

/// What the program has registered for its end.
extern "C" fn at_exit() {
    println!("the end is orderly.");
}

extern "C" fn at_exit_for_ever() {
    loop {
        std::thread::park();
    }
}

/// Is called at an orderly end.
fn register(handler: extern "C" fn()) {
    // SAFETY: the function is there as long as the process is.
    assert_eq!(unsafe { libc::atexit(handler) }, 0);
}

/// In a child: a runtime that is hosted and started, and a task in a group of it, which waits for ever in a clause.
fn begin(set: impl FnOnce(&ClrRuntimeHost)) -> (ClrRuntimeHost, u32, sortie::hosting::RuntimeTask) {
    let runtime = sortie::Runtime::builder().workers(2).build().unwrap();
    let host = Host::builder(&runtime.handle()).policies(Arc::new(Says)).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    assert_eq!(clr.start(), HResult::S_OK);
    set(&clr);
    let group = clr.create_app_domain().unwrap();
    let (vm, inside) = (clr.clone(), Arc::new(Event::manual()));
    let comes = inside.clone();
    let task = host.task_manager().create_task(0, move || {
        let half = vm.task_manager().attach().unwrap();
        let _group = vm.enter_app_domain(group).unwrap();
        assert_eq!(half.begin_clause(), HResult::S_OK);
        comes.set();
        sortie::sleep(Duration::MAX);
        0
    });
    let task = task.unwrap();
    assert_eq!(task.start(), HResult::S_OK);
    inside.wait();
    // They are there until the process ends.
    std::mem::forget((runtime, clr.clone()));
    (clr, group, task.clr_task().unwrap())
}

/// The child is to end by itself.
fn wait_for_end() -> ! {
    std::thread::sleep(Duration::from_secs(30));
    println!("the process did not end.");
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(99) }
}

fn set(clr: &ClrRuntimeHost, operation: ClrOperation, action: PolicyAction) {
    let policies = clr.policy_manager();
    let set = policies.set_default_action(operation.number(), action.number());
    assert_eq!(set, HResult::S_OK);
}

fn set_on_timeout(clr: &ClrRuntimeHost, operation: ClrOperation, action: PolicyAction) {
    let policies = clr.policy_manager();
    let set = policies.set_timeout_and_action(operation.number(), 20, action.number());
    assert_eq!(set, HResult::S_OK);
}

fn set_on_failure(clr: &ClrRuntimeHost, failure: ClrFailure, action: PolicyAction) {
    let policies = clr.policy_manager();
    let set = policies.set_action_on_failure(failure.number(), action.number());
    assert_eq!(set, HResult::S_OK);
}

/// The child has ended with this code, as it has said, in an orderly way or not.
fn check(output: &Output, cause: HResult, action: PolicyAction, is_orderly: bool) {
    let out = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    let low_bits = i32::from(cause.code() as u8);
    assert_eq!(output.status.code(), Some(low_bits), "{cause:?} {action}: {out}\n{log}");
    let line = format!("sortie: a policy ends the process: {action} with {:#010x}", cause.code());
    assert!(log.contains(&line), "{cause:?} {action}: {log}");
    assert_eq!(out.contains("the end is orderly."), is_orderly, "{cause:?} {action}: {out}");
}

/// Each of the three ends, each in a child: `body` does what leads to it.
fn each_end(test: &str, cause: HResult, body: impl Fn(PolicyAction)) {
    let ends =
        [PolicyAction::ExitProcess, PolicyAction::FastExitProcess, PolicyAction::RudeExitProcess];
    for action in ends {
        let Some(output) = child::run(test, &action.number().to_string()) else {
            let case: u32 = child::case().unwrap().parse().unwrap();
            register(at_exit);
            body(PolicyAction::try_from(case).unwrap());
            wait_for_end();
        };
        check(&output, cause, action, action == PolicyAction::ExitProcess);
    }
}

#[test]
fn an_abort() {
    each_end("an_abort", HResult::HOST_E_EXITPROCESS_THREADABORT, |action| {
        let (_, _, half) = begin(|clr| set(clr, ClrOperation::ThreadAbort, action));
        let _ = half.abort();
    });
}

#[test]
fn an_unload() {
    each_end("an_unload", HResult::HOST_E_EXITPROCESS_ADUNLOAD, |action| {
        let (clr, group, _) = begin(|clr| set(clr, ClrOperation::AppDomainUnload, action));
        let _ = clr.unload_app_domain(group, true);
    });
}

#[test]
fn an_abort_that_takes_too_long() {
    each_end("an_abort_that_takes_too_long", HResult::HOST_E_EXITPROCESS_TIMEOUT, |action| {
        let (_, _, half) = begin(|clr| set_on_timeout(clr, ClrOperation::ThreadAbort, action));
        // The task is in a clause.
        let _ = half.abort();
    });
}

#[test]
fn an_unload_that_takes_too_long() {
    each_end("an_unload_that_takes_too_long", HResult::HOST_E_EXITPROCESS_TIMEOUT, |action| {
        let (clr, group, _) =
            begin(|clr| set_on_timeout(clr, ClrOperation::AppDomainUnload, action));
        let _ = clr.unload_app_domain(group, true);
    });
}

#[test]
fn memory_that_is_short() {
    each_end("memory_that_is_short", HResult::HOST_E_EXITPROCESS_OUTOFMEMORY, |action| {
        let failure = ClrFailure::NonCriticalResource;
        let (clr, ..) = begin(|clr| set_on_failure(clr, failure, action));
        let _ = clr.report_failure(failure);
    });
}

#[test]
fn a_stack_that_is_exhausted() {
    each_end("a_stack_that_is_exhausted", HResult::HOST_E_EXITPROCESS_STACKOVERFLOW, |action| {
        let failure = ClrFailure::StackOverflow;
        let (clr, ..) = begin(|clr| set_on_failure(clr, failure, action));
        let _ = clr.report_failure(failure);
    });
}

#[test]
fn a_runtime_that_is_broken() {
    let test = "a_runtime_that_is_broken";
    let Some(output) = child::run(test, "nothing is set") else {
        register(at_exit);
        let (clr, ..) = begin(|_| ());
        let _ = clr.report_failure(ClrFailure::FatalRuntime);
        wait_for_end();
    };
    check(&output, HResult::E_FAIL, PolicyAction::RudeExitProcess, false);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("told: failure FatalRuntime RudeExitProcess."), "{out}");
}

#[test]
fn an_exception_that_nobody_handles() {
    let test = "an_exception_that_nobody_handles";
    let Some(output) = child::run(test, "unhandled") else {
        register(at_exit);
        let (clr, ..) = begin(|clr| {
            assert_eq!(clr.policy_manager().set_unhandled_exception_policy(1), HResult::S_OK);
        });
        assert_eq!(clr.report_unhandled_exception(), HResult::S_OK);
        println!("it goes on.");
        assert_eq!(clr.policy_manager().set_unhandled_exception_policy(0), HResult::S_OK);
        let _ = clr.report_unhandled_exception();
        wait_for_end();
    };
    check(&output, HResult::E_FAIL, PolicyAction::ExitProcess, true);
    let out = String::from_utf8_lossy(&output.stdout);
    for told in ["told: unhandled.", "it goes on.", "told: default ProcessExit ExitProcess."] {
        assert!(out.contains(told), "{told} {out}");
    }
}

#[test]
fn an_end_that_policies_make_ruder() {
    let test = "an_end_that_policies_make_ruder";
    let Some(output) = child::run(test, "rude") else {
        register(at_exit);
        let (_, _, half) = begin(|clr| {
            set(clr, ClrOperation::ThreadAbort, PolicyAction::ExitProcess);
            set(clr, ClrOperation::ProcessExit, PolicyAction::RudeExitProcess);
        });
        let _ = half.abort();
        wait_for_end();
    };
    let cause = HResult::HOST_E_EXITPROCESS_THREADABORT;
    check(&output, cause, PolicyAction::RudeExitProcess, false);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("told: default ThreadAbort RudeExitProcess."), "{out}");
}

#[test]
fn an_end_that_takes_too_long() {
    let test = "an_end_that_takes_too_long";
    let Some(output) = child::run(test, "for ever") else {
        register(at_exit_for_ever);
        let (_, _, half) = begin(|clr| {
            set(clr, ClrOperation::ThreadAbort, PolicyAction::ExitProcess);
            set_on_timeout(clr, ClrOperation::ProcessExit, PolicyAction::FastExitProcess);
        });
        let _ = half.abort();
        wait_for_end();
    };
    let cause = HResult::HOST_E_EXITPROCESS_TIMEOUT;
    check(&output, cause, PolicyAction::FastExitProcess, false);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("told: timeout ProcessExit FastExitProcess."), "{out}");
}
