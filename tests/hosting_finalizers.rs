//! The VM's finalizers have the time that the host's policies give them, and what is over in time is not told of.

use sortie::Runtime;
use sortie::hosting::{
    ClrOperation, ClrRuntimeHost, FinalizerRun, HResult, Host, HostPolicyManager, HostTask,
    PolicyAction, TaskType,
};
use sortie_test::until;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a host was told of its policies.
#[derive(Default)]
struct Policies(Mutex<Vec<String>>);

impl Policies {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl HostPolicyManager for Policies {
    fn on_default_action(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.0.lock().unwrap().push(format!("default {operation} {action}"));
        HResult::S_OK
    }

    fn on_timeout(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.0.lock().unwrap().push(format!("timeout {operation} {action}"));
        HResult::S_OK
    }
}

struct Stage {
    _runtime: Runtime,
    host: Host,
    clr: ClrRuntimeHost,
    policies: Arc<Policies>,
}

impl Stage {
    fn new() -> Stage {
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let policies = Arc::new(Policies::default());
        let host = Host::builder(&runtime.handle()).policies(policies.clone()).build();
        let clr = ClrRuntimeHost::builder().build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        Stage { _runtime: runtime, host, clr, policies }
    }

    fn limit(&self, milliseconds: u32, action: PolicyAction) {
        let run = ClrOperation::FinalizerRun.number();
        let set =
            self.clr.policy_manager().set_timeout_and_action(run, milliseconds, action.number());
        assert_eq!(set, HResult::S_OK);
    }

    /// The VM's finalizer: `body` is what it does in its run.
    fn finalizer(&self, body: impl FnOnce(FinalizerRun) + Send + 'static) -> HostTask {
        let clr = self.clr.clone();
        let task = self.host.task_manager().create_task(0, move || {
            let half = clr.task_manager().attach().unwrap();
            half.add_type(TaskType::Finalizer);
            body(clr.begin_finalizer_run().unwrap());
            0
        });
        let task = task.unwrap();
        assert_eq!(task.start(), HResult::S_OK);
        task
    }
}

fn until_done(task: &HostTask) {
    until("the finalizer has ended", || task.is_done());
}

#[test]
fn a_finalizer_that_takes_too_long_is_escalated() {
    let stage = Stage::new();
    stage.limit(20, PolicyAction::RudeAbortThread);
    let start = Instant::now();
    let task = stage.finalizer(|_run| {
        loop {
            sortie::task::checkpoint();
        }
    });
    until_done(&task);
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(stage.policies.told(), ["timeout FinalizerRun RudeAbortThread"]);
}

/// The time is that of each run, and not of the task.
#[test]
fn what_is_over_in_time_is_not_told_of() {
    let stage = Stage::new();
    stage.limit(60_000, PolicyAction::RudeAbortThread);
    until_done(&stage.finalizer(drop));
    stage.limit(30, PolicyAction::RudeAbortThread);
    until_done(&stage.finalizer(|run| {
        drop(run);
        sortie::sleep(Duration::from_millis(60));
    }));
    assert!(stage.policies.told().is_empty(), "{:?}", stage.policies.told());
}

#[test]
fn a_default_action_is_told_and_taken_when_finalizers_run() {
    let stage = Stage::new();
    let policies = stage.clr.policy_manager();
    let run = ClrOperation::FinalizerRun.number();
    assert_eq!(
        policies.set_default_action(run, PolicyAction::ThrowException.number()),
        HResult::E_INVALIDARG
    );
    assert_eq!(policies.set_default_action(run, PolicyAction::AbortThread.number()), HResult::S_OK);
    let has_begun = Arc::new(Mutex::new(false));
    let begins = has_begun.clone();
    until_done(&stage.finalizer(move |_run| *begins.lock().unwrap() = true));
    assert!(!*has_begun.lock().unwrap(), "an abort unwinds it where it begins");
    assert_eq!(stage.policies.told(), ["default FinalizerRun AbortThread"]);
}

#[test]
fn a_thread_without_a_half_runs_no_finalizers() {
    let stage = Stage::new();
    let refused = stage.clr.begin_finalizer_run().map(drop);
    assert_eq!(refused, Err(HResult::HOST_E_INVALIDOPERATION));
    assert_eq!(stage.clr.stop(), HResult::S_OK);
    let refused = stage.clr.begin_finalizer_run().map(drop);
    assert_eq!(refused, Err(HResult::HOST_E_CLRNOTAVAILABLE));
}
