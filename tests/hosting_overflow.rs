//! A hosted task that overflows its stack: those who asked are told in the handler, which has the stack that was guaranteed, and
//! the process ends by the policy. Other tasks end the process as ever.

use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, ClrFailure, ClrRuntimeHost, HResult, Host,
    PolicyAction, StackOverflowType, TaskMode,
};
use sortie_test::child;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::Arc;

const GUARANTEED: usize = 64 << 10;

/// Says what it is told of, with the last of the stack that it has.
struct Says;

impl ActionOnClrEvent for Says {
    fn on_event(&self, event: ClrEvent, data: ClrEventData) -> HResult {
        let text: &[u8] = match (event, data) {
            (ClrEvent::StackOverflow, ClrEventData::StackOverflow(of)) => match of {
                StackOverflowType::Managed => b"told: managed.\n",
                StackOverflowType::Other => b"told: other.\n",
                StackOverflowType::ClrEngine => b"told: engine.\n",
            },
            _ => b"told of something else.\n",
        };
        // All but what this frame, and the call, need.
        let used = sortie_natives::use_stack(GUARANTEED - (1 << 10));
        assert!(used > 0);
        // SAFETY: the kernel reads that many bytes.
        unsafe { libc::write(libc::STDOUT_FILENO, text.as_ptr().cast(), text.len()) };
        HResult::S_OK
    }
}

/// In a child: a hosted task overflows its stack in managed code, or in native code of its own stack.
fn overflow(mode: TaskMode, policy: Option<PolicyAction>, in_native_code: bool) {
    let runtime = sortie::Runtime::builder().workers(2).build().unwrap();
    let host = Host::builder(&runtime.handle()).mode(mode).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    if let Some(action) = policy {
        let set = clr
            .policy_manager()
            .set_action_on_failure(ClrFailure::StackOverflow.number(), action.number());
        assert_eq!(set, HResult::S_OK);
    }
    let events = clr.on_event_manager();
    assert_eq!(
        events.register_action_on_event(ClrEvent::StackOverflow, Arc::new(Says)),
        HResult::S_OK
    );
    assert_eq!(clr.start(), HResult::S_OK);
    let (halves, tasks) = (clr.task_manager(), host.task_manager());
    let task = host.task_manager().create_task(128 << 10, move || {
        let _half = halves.attach().unwrap();
        assert_eq!(tasks.set_stack_guarantee(GUARANTEED as u32), HResult::S_OK);
        sortie::yield_now();
        if in_native_code {
            assert_eq!(tasks.leave_runtime(0xC0), HResult::S_OK);
        }
        child::exhaust_stack(0) as u32
    });
    let task = task.unwrap();
    assert_eq!(task.start(), HResult::S_OK);
    std::thread::sleep(std::time::Duration::from_secs(30));
}

/// The child has told what it was told of, reported the overflow, and ended by the policy.
fn check(output: &Output, told: &str, action: PolicyAction) {
    let (out, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let cause = HResult::HOST_E_EXITPROCESS_STACKOVERFLOW;
    assert_eq!(output.status.code(), Some(i32::from(cause.code() as u8)), "{out}\n{log}");
    assert_eq!(out.matches(told).count(), 1, "{told:?}: {out}");
    assert!(log.contains("sortie: stack overflow in task \"hosted "), "{log}");
    assert!(log.contains("its 131072-byte fiber stack"), "{log}");
    let line = format!("sortie: a policy ends the process: {action} with {:#010x}", cause.code());
    assert!(log.contains(&line), "{log}");
}

#[test]
fn in_managed_code_in_both_modes() {
    for mode in ["fibers", "threads"] {
        let Some(output) = child::run("in_managed_code_in_both_modes", mode) else {
            let is_fibers = child::case().unwrap() == "fibers";
            let mode = if is_fibers { TaskMode::Fibers } else { TaskMode::ThreadPerTask };
            return overflow(mode, None, false);
        };
        check(&output, "told: managed.", PolicyAction::RudeExitProcess);
    }
}

#[test]
fn in_native_code() {
    let Some(output) = child::run("in_native_code", "other") else {
        return overflow(TaskMode::Fibers, None, true);
    };
    check(&output, "told: other.", PolicyAction::RudeExitProcess);
}

/// Each action that the policy may have; those that a full stack cannot take are a rude end.
#[test]
fn by_each_policy() {
    let rude = PolicyAction::RudeExitProcess;
    let cases = [
        (PolicyAction::RudeUnloadAppDomain, rude),
        (PolicyAction::ExitProcess, PolicyAction::ExitProcess),
        (PolicyAction::FastExitProcess, PolicyAction::FastExitProcess),
        (PolicyAction::DisableRuntime, rude),
    ];
    for (action, taken) in cases {
        let Some(output) = child::run("by_each_policy", &action.number().to_string()) else {
            let number: u32 = child::case().unwrap().parse().unwrap();
            let action = PolicyAction::try_from(number).unwrap();
            return overflow(TaskMode::Fibers, Some(action), false);
        };
        check(&output, "told: managed.", taken);
    }
}

/// A task that is not hosted ends the process by the signal, beside a runtime that is.
#[test]
fn but_not_of_other_tasks() {
    let Some(output) = child::run("but_not_of_other_tasks", "plain") else {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        let host = Host::builder(&runtime.handle()).build();
        let clr = ClrRuntimeHost::builder().build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        let _ = runtime.spawn(|| child::exhaust_stack(0)).join();
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

/// One that the VM has found itself is told of, too, and before the policy's action.
#[test]
fn that_the_vm_reports() {
    let Some(output) = child::run("that_the_vm_reports", "reported") else {
        let clr = ClrRuntimeHost::builder().build();
        let events = clr.on_event_manager();
        let registered = events.register_action_on_event(ClrEvent::StackOverflow, Arc::new(Says));
        assert_eq!(registered, HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        let _ = clr.report_failure(ClrFailure::StackOverflow);
        return;
    };
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("told: managed."), "{output:?}");
    let code = HResult::HOST_E_EXITPROCESS_STACKOVERFLOW.code() as u8;
    assert_eq!(output.status.code(), Some(i32::from(code)), "{output:?}");
}
