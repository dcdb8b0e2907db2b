//! A host and a VM whose groups are unloaded, and what both were told.

use sortie::Runtime;
use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, ClrFailure, ClrOperation, ClrRuntimeHost,
    ClrTaskManager, HResult, Host, HostPolicyManager, HostTask, PolicyAction, RuntimeTask,
};
use sortie::sync::Event;
use sortie::task::is_abort;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The groups that the VM was told to destroy, and then the host of.
#[derive(Default)]
pub(super) struct Told(Mutex<Vec<(&'static str, u32)>>);

impl ClrTaskManager for Told {
    fn unload_app_domain(&self, id: u32) -> HResult {
        self.0.lock().unwrap().push(("vm", id));
        // A VM that panics is no reason to stop.
        panic!("a VM that fails");
    }
}

impl ActionOnClrEvent for Told {
    fn on_event(&self, _: ClrEvent, data: ClrEventData) -> HResult {
        let ClrEventData::Group(id) = data else { return HResult::E_UNEXPECTED };
        self.0.lock().unwrap().push(("event", id));
        HResult::S_OK
    }
}

/// What a host was told of its policies.
#[derive(Default)]
pub(super) struct Policies(pub(super) Mutex<Vec<String>>);

impl Policies {
    fn add(&self, text: String) -> HResult {
        self.0.lock().unwrap().push(text);
        HResult::S_OK
    }
}

impl HostPolicyManager for Policies {
    fn on_default_action(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.add(format!("default {operation} {action}"))
    }

    fn on_timeout(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.add(format!("timeout {operation} {action}"))
    }

    fn on_failure(&self, failure: ClrFailure, action: PolicyAction) -> HResult {
        self.add(format!("failure {failure} {action}"))
    }
}

/// A host over a runtime of two workers, and a runtime that is hosted and started.
pub(super) struct Stage {
    pub(super) runtime: Runtime,
    pub(super) host: Host,
    pub(super) clr: ClrRuntimeHost,
    pub(super) told: Arc<Told>,
    pub(super) policies: Arc<Policies>,
    /// A task has panicked.
    has_failed: Arc<AtomicBool>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let has_failed = self.has_failed.load(SeqCst);
        assert!(!has_failed || std::thread::panicking(), "a task has panicked");
    }
}

impl Stage {
    pub(super) fn new() -> Stage {
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let policies = Arc::new(Policies::default());
        let host = Host::builder(&runtime.handle()).policies(policies.clone()).build();
        let told = Arc::new(Told::default());
        let clr = ClrRuntimeHost::builder().tasks(told.clone()).build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        let subscribed =
            clr.on_event_manager().register_action_on_event(ClrEvent::DomainUnload, told.clone());
        assert_eq!(subscribed, HResult::S_OK);
        Stage { runtime, host, clr, told, policies, has_failed: Arc::default() }
    }

    pub(super) fn group(&self) -> u32 {
        self.clr.create_app_domain().unwrap()
    }

    /// A task with both halves.
    pub(super) fn task(&self, body: impl FnOnce(&RuntimeTask) + Send + 'static) -> HostTask {
        let (clr, has_failed) = (self.clr.clone(), self.has_failed.clone());
        let task = self.host.task_manager().create_task(0, move || {
            let half = clr.task_manager().attach().unwrap();
            let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(&half))) else { return 0 };
            if !is_abort(&*payload) {
                has_failed.store(true, SeqCst);
            }
            resume_unwind(payload)
        });
        let task = task.unwrap();
        assert_eq!(task.start(), HResult::S_OK);
        task
    }

    /// A task that is in the group when this returns, and runs `body` there.
    pub(super) fn task_in(
        &self,
        group: u32,
        body: impl FnOnce(&RuntimeTask) + Send + 'static,
    ) -> HostTask {
        let (clr, inside) = (self.clr.clone(), Arc::new(Event::manual()));
        let comes = inside.clone();
        let task = self.task(move |half| {
            let _group = clr.enter_app_domain(group).unwrap();
            comes.set();
            body(half);
        });
        inside.wait();
        task
    }

    pub(super) fn set(&self, operation: ClrOperation, milliseconds: u32, action: PolicyAction) {
        let policies = self.clr.policy_manager();
        let (operation, action) = (operation.number(), action.number());
        let set = policies.set_timeout_and_action(operation, milliseconds, action);
        assert_eq!(set, HResult::S_OK);
    }

    pub(super) fn told(&self) -> Vec<(&'static str, u32)> {
        self.told.0.lock().unwrap().clone()
    }

    pub(super) fn policies(&self) -> Vec<String> {
        std::mem::take(&mut self.policies.0.lock().unwrap())
    }
}

/// What a task does until it is aborted.
pub(super) fn for_ever() {
    sortie::sleep(Duration::MAX);
}
