//! How an action is taken: it leads to the last one, the host is told, and time begins to run.
//!
//! An abort that does not come to its end within the time of its operation is escalated by a task of the runtime's, which
//! waits for the end of the one that is aborted. An operation has one such task for each task it is about: a later
//! request does not put off its end.
//!
//! The group that is there from the start on cannot be unloaded: what would unload it aborts the task it is about.

use super::exit::exit;
use super::{ClrEventData, Defect, HostPolicyManager, Policies};
use crate::hosting::HResult;
use crate::hosting::clr::{ClrShared, RuntimeTask, guarded};
use crate::hosting::enums::{ClrEvent, ClrFailure, ClrOperation, INFINITE, PolicyAction};
use crate::hosting::method::host_policy_manager;
use crate::task::{self, Priority};
use std::sync::Arc;
use std::time::Duration;

impl Policies {
    /// The operation that an action stands for.
    fn stands_for(action: PolicyAction, is_critical: bool) -> Option<ClrOperation> {
        Some(match action {
            PolicyAction::AbortThread => ClrOperation::ThreadAbort,
            PolicyAction::RudeAbortThread if is_critical => {
                ClrOperation::ThreadRudeAbortInCriticalRegion
            }
            PolicyAction::RudeAbortThread => ClrOperation::ThreadRudeAbortInNonCriticalRegion,
            PolicyAction::UnloadAppDomain => ClrOperation::AppDomainUnload,
            PolicyAction::RudeUnloadAppDomain => ClrOperation::AppDomainRudeUnload,
            PolicyAction::ExitProcess | PolicyAction::FastExitProcess => ClrOperation::ProcessExit,
            _ => return None,
        })
    }

    /// What an action leads to: the default action of the operation that it stands for, while that is more severe.
    pub(super) fn final_action(&self, mut action: PolicyAction, is_critical: bool) -> PolicyAction {
        while let Some(operation) = Policies::stands_for(action, is_critical) {
            let default = self.of(operation).action;
            if default <= action {
                break;
            }
            action = default;
        }
        action
    }
}

impl ClrShared {
    /// An abort of the task, rude or not, was asked for.
    pub(in crate::hosting) fn abort(self: &Arc<ClrShared>, half: &RuntimeTask, rudely: bool) {
        let asked = if rudely { PolicyAction::RudeAbortThread } else { PolicyAction::AbortThread };
        let is_critical = half.is_critical();
        let Some(operation) = Policies::stands_for(asked, is_critical) else { return };
        let action = self.policies.final_action(asked, is_critical);
        self.tell_host(|host| {
            let told = format_args!("{operation} {action}");
            self.recorder.call(host_policy_manager::ON_DEFAULT_ACTION, told, || {
                guarded(|| host.on_default_action(operation, action))
            })
        });
        self.watch(half, operation);
        self.take(Some(half), action, HResult::HOST_E_EXITPROCESS_THREADABORT);
    }

    /// The current task, or the runtime, has failed. What is done about it.
    ///
    /// # Errors
    /// [`E_FAIL`](HResult::E_FAIL): the runtime is disabled by it.
    pub(in crate::hosting) fn fail(
        self: &Arc<ClrShared>,
        half: Option<&RuntimeTask>,
        failure: ClrFailure,
    ) -> Result<PolicyAction, HResult> {
        let is_critical = half.is_some_and(RuntimeTask::is_critical);
        let failure = match failure {
            ClrFailure::NonCriticalResource if is_critical => ClrFailure::CriticalResource,
            failure => failure,
        };
        let asked = self.policies.on_failure(failure);
        let action = if failure == ClrFailure::StackOverflow {
            asked
        } else {
            let action = self.policies.final_action(asked, is_critical);
            self.tell_host(|host| {
                let told = format_args!("{failure} {action}");
                self.recorder.call(host_policy_manager::ON_FAILURE, told, || {
                    guarded(|| host.on_failure(failure, action))
                })
            });
            action
        };
        let cause = match failure {
            ClrFailure::NonCriticalResource | ClrFailure::CriticalResource => {
                HResult::HOST_E_EXITPROCESS_OUTOFMEMORY
            }
            ClrFailure::StackOverflow => HResult::HOST_E_EXITPROCESS_STACKOVERFLOW,
            _ => HResult::E_FAIL,
        };
        self.take(half, action, cause);
        if action == PolicyAction::DisableRuntime { Err(HResult::E_FAIL) } else { Ok(action) }
    }

    /// The runtime is not there any more, for good. Who waits to come in is let go.
    pub(in crate::hosting) fn disable(&self) {
        self.availability.disable();
        if let Some(tasks) = self.side().as_ref().and_then(|side| side.host_tasks.get()) {
            tasks.wake_entries();
        }
        self.tell(ClrEvent::ClrDisabled, ClrEventData::None);
    }

    /// Takes an action about a task; without one, about the process and the runtime only. `cause`: why the process ends,
    /// if it does.
    fn take(
        self: &Arc<ClrShared>,
        half: Option<&RuntimeTask>,
        action: PolicyAction,
        cause: HResult,
    ) {
        let raise = |rudely| half.map_or((), |half| half.raise(rudely));
        match action {
            PolicyAction::NoAction | PolicyAction::ThrowException => {}
            PolicyAction::AbortThread | PolicyAction::UnloadAppDomain => raise(false),
            PolicyAction::RudeAbortThread | PolicyAction::RudeUnloadAppDomain => raise(true),
            PolicyAction::ExitProcess
            | PolicyAction::FastExitProcess
            | PolicyAction::RudeExitProcess => exit(&self.policies, action, cause),
            PolicyAction::DisableRuntime => self.disable(),
        }
    }

    /// Time runs for the operation, if it has a limit.
    fn watch(self: &Arc<ClrShared>, half: &RuntimeTask, operation: ClrOperation) {
        let milliseconds = self.policies.of(operation).timeout;
        let Some(task) = half.host_task() else { return };
        if milliseconds == INFINITE || !half.begin_watch(operation) {
            return;
        }
        let (clr, half) = (self.clone(), half.clone());
        let shared = task.shared().clone();
        let handle = shared.host.handle.clone();
        let watcher = task::Builder::new().name("escalation").priority(Priority::TimeCritical);
        drop(watcher.spawn_on(&handle, move || {
            if !shared.done.wait_timeout(Duration::from_millis(milliseconds.into())) {
                clr.time_is_over(&half, operation);
            }
        }));
    }

    fn time_is_over(self: &Arc<ClrShared>, half: &RuntimeTask, operation: ClrOperation) {
        let asked = self.policies.of(operation).on_timeout;
        let action = self.policies.final_action(asked, half.is_critical());
        let untold = half
            .host_task()
            .is_some_and(|task| task.shared().host.defects.leaves_out(Defect::TimeoutUntold));
        if !untold {
            self.tell_host(|host| {
                let told = format_args!("{operation} {action}");
                self.recorder.call(host_policy_manager::ON_TIMEOUT, told, || {
                    guarded(|| host.on_timeout(operation, action))
                })
            });
        }
        if action == PolicyAction::RudeAbortThread {
            self.watch(half, ClrOperation::ThreadRudeAbortInCriticalRegion);
        }
        self.take(Some(half), action, HResult::HOST_E_EXITPROCESS_TIMEOUT);
    }

    fn tell_host(&self, tell: impl FnOnce(&dyn HostPolicyManager) -> HResult) {
        if let Some(side) = self.side()
            && let Some(host) = side.host_policies.get()
        {
            let _ = tell(&**host);
        }
    }
}
