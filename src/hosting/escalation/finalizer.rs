//! The VM's finalizers: when they run, so that the policy for them has its time.
//!
//! Only the VM knows when they do. It says so by [`ClrRuntimeHost::begin_finalizer_run`]; from there to the end of that
//! value time runs, and what is over in time is not told of.

use super::engine::About;
use crate::hosting::HResult;
use crate::hosting::clr::{ClrRuntimeHost, ClrShared, RuntimeTask};
use crate::hosting::enums::{ClrOperation, INFINITE, PolicyAction};
use crate::sync::Event;
use crate::task::{self, Priority};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

impl ClrRuntimeHost {
    /// For the VM: the current task runs finalizers, until the value is dropped. By the
    /// [policies](super::RuntimePolicyManager) for [`FinalizerRun`](ClrOperation::FinalizerRun).
    ///
    /// If their default action is another than none, the host is told and it is taken at once: an abort unwinds the task from
    /// here. If they have a time limit and the value is still there when it is over, the host is told
    /// ([`on_timeout`](super::HostPolicyManager::on_timeout)), and the action on the timeout is taken, which is about this task.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the task of this thread has no runtime's half.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    ///
    /// ```
    /// use sortie::hosting::{ClrOperation, ClrRuntimeHost, HResult, Host, PolicyAction};
    /// # use std::sync::Arc;
    /// # let runtime = sortie::Runtime::new()?;
    /// # let host = Host::builder(&runtime.handle()).build();
    /// let clr = ClrRuntimeHost::builder().build();
    /// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// # clr.start().ok()?;
    /// let (run, abort) = (ClrOperation::FinalizerRun, PolicyAction::RudeAbortThread);
    /// clr.policy_manager().set_timeout_and_action(run.number(), 2_000, abort.number()).ok()?;
    ///
    /// let vm = clr.clone();
    /// let finalizer = host.task_manager().create_task(0, move || {
    ///     let _half = vm.task_manager().attach().unwrap();
    ///     let run = vm.begin_finalizer_run().unwrap();
    ///     // Finalizers.
    ///     drop(run);
    ///     0
    /// })?;
    /// finalizer.start().ok()?;
    /// # while !finalizer.is_done() { std::thread::yield_now(); }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_finalizer_run(&self) -> Result<FinalizerRun, HResult> {
        let shared = self.shared();
        shared.availability.check()?;
        let half = RuntimeTask::current().ok_or(HResult::HOST_E_INVALIDOPERATION)?;
        let run = FinalizerRun { over: Arc::new(Event::manual()), stays: PhantomData };
        shared.begin_finalizer_run(&half, &run.over);
        Ok(run)
    }
}

/// Finalizers run, by [`ClrRuntimeHost::begin_finalizer_run`]. Stays on its task.
#[derive(Debug)]
#[must_use = "the run is over when this is dropped"]
pub struct FinalizerRun {
    over: Arc<Event>,
    stays: PhantomData<*mut ()>,
}

impl Drop for FinalizerRun {
    fn drop(&mut self) {
        self.over.set();
    }
}

impl ClrShared {
    fn begin_finalizer_run(self: &Arc<ClrShared>, half: &RuntimeTask, over: &Arc<Event>) {
        let operation = ClrOperation::FinalizerRun;
        let policy = self.policies.of(operation);
        if policy.timeout != INFINITE
            && let Some(task) = half.host_task()
        {
            let (clr, half, over) = (self.clone(), half.clone(), over.clone());
            let limit = Duration::from_millis(policy.timeout.into());
            let watcher = task::Builder::new().name("finalizers").priority(Priority::TimeCritical);
            drop(watcher.spawn_on(&task.shared().host.handle, move || {
                if !over.wait_timeout(limit) {
                    clr.time_is_over(&About::task(&half), operation);
                }
            }));
        }
        if policy.action != PolicyAction::NoAction {
            let about = About::task(half);
            let action = self.final_action(policy.action, &about);
            self.tell_of_default_action(operation, action);
            self.take(&about, action, HResult::HOST_E_EXITPROCESS_THREADABORT);
        }
    }
}
