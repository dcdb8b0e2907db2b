//! How an action is taken: it leads to the last one, the host is told, and time begins to run.
//!
//! An abort that does not come to its end within the time of its operation is escalated by a task of the runtime's, which
//! waits for the end of the one that is aborted. An operation has one such task for each task it is about: a later
//! request does not put off its end.
//!
//! An unload is that of the group which the task is in. The one that is there from the start on cannot be unloaded: what
//! would unload it throws in the task it is about, by an abort, or after a failure by an exception of the VM's.

use super::{ClrEventData, Defect, HostPolicyManager, Policies};
use crate::hosting::HResult;
use crate::hosting::clr::{ClrShared, RuntimeTask, guarded};
use crate::hosting::enums::{
    ClrEvent, ClrFailure, ClrOperation, ClrUnhandledException, INFINITE, PolicyAction,
    StackOverflowType,
};
use crate::hosting::group::Group;
use crate::hosting::method::host_policy_manager;
use crate::task::{self, Priority};
use crate::transition::{self, Layer};
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

/// What an action is about.
pub(super) struct About {
    /// Who is aborted.
    task: Option<RuntimeTask>,
    /// What is unloaded; `None`: the group that is there from the start on.
    group: Option<Arc<Group>>,
}

impl About {
    /// A task, and the group that it is in.
    pub(super) fn task(half: &RuntimeTask) -> About {
        let group = half.host_task().and_then(|task| task.shared().in_groups.group());
        About { task: Some(half.clone()), group }
    }

    pub(super) fn group(group: &Arc<Group>) -> About {
        About { task: None, group: Some(group.clone()) }
    }

    /// The process, and the runtime.
    pub(super) fn nothing() -> About {
        About { task: None, group: None }
    }

    /// What is done after a failure: an exception where there is nothing to unload.
    fn or_throw(&self, action: PolicyAction) -> PolicyAction {
        let unloads = PolicyAction::UnloadAppDomain..=PolicyAction::RudeUnloadAppDomain;
        let throws = self.group.is_none() && unloads.contains(&action);
        if throws { PolicyAction::ThrowException } else { action }
    }

    fn is_critical(&self) -> bool {
        self.task.as_ref().is_some_and(RuntimeTask::is_critical)
    }
}

impl ClrShared {
    /// What an action leads to, as far as it can be taken.
    pub(super) fn final_action(&self, asked: PolicyAction, about: &About) -> PolicyAction {
        match self.policies.final_action(asked, about.is_critical()) {
            PolicyAction::UnloadAppDomain if about.group.is_none() => PolicyAction::AbortThread,
            PolicyAction::RudeUnloadAppDomain if about.group.is_none() => {
                PolicyAction::RudeAbortThread
            }
            action => action,
        }
    }

    /// An abort of the task, rude or not, was asked for.
    pub(in crate::hosting) fn abort(self: &Arc<ClrShared>, half: &RuntimeTask, rudely: bool) {
        let asked = if rudely { PolicyAction::RudeAbortThread } else { PolicyAction::AbortThread };
        let about = About::task(half);
        let Some(operation) = Policies::stands_for(asked, about.is_critical()) else { return };
        let action = self.final_action(asked, &about);
        self.tell_of_default_action(operation, action);
        self.watch(half, operation);
        self.take(&about, action, HResult::HOST_E_EXITPROCESS_THREADABORT);
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
        let about = half.map_or_else(About::nothing, About::task);
        let failure = match failure {
            ClrFailure::NonCriticalResource if about.is_critical() => ClrFailure::CriticalResource,
            failure => failure,
        };
        let asked = self.policies.on_failure(failure);
        let action = if failure == ClrFailure::StackOverflow {
            let native = matches!(transition::layers().last(), Some(Layer::Native { .. }));
            let of = StackOverflowType::of(native);
            self.tell(ClrEvent::StackOverflow, ClrEventData::StackOverflow(of));
            about.or_throw(asked)
        } else {
            let action = self.policies.final_action(asked, about.is_critical());
            let action = about.or_throw(action);
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
        self.take(&about, action, cause);
        if action == PolicyAction::DisableRuntime { Err(HResult::E_FAIL) } else { Ok(action) }
    }

    /// Nobody has handled an exception of the current task.
    ///
    /// # Errors
    /// [`E_FAIL`](HResult::E_FAIL): the runtime is disabled by it.
    pub(in crate::hosting) fn leave_unhandled(self: &Arc<ClrShared>) -> Result<(), HResult> {
        let unhandled = self.policies.table().unhandled;
        match unhandled {
            ClrUnhandledException::HostDeterminedPolicy => {
                self.tell_host(|host| guarded(|| host.on_unhandled_exception()));
                Ok(())
            }
            ClrUnhandledException::RuntimeDeterminedPolicy => {
                let about = About::nothing();
                let action = self.final_action(PolicyAction::ExitProcess, &about);
                self.tell_of_default_action(ClrOperation::ProcessExit, action);
                // All that is left but the end of the process.
                self.take(&about, action, HResult::E_FAIL);
                Err(HResult::E_FAIL)
            }
        }
    }

    /// The runtime is not there any more, for good. Who waits to come in is let go.
    pub(in crate::hosting) fn disable(&self) {
        if !self.availability.disable() {
            return;
        }
        if let Some(tasks) = self.side().as_ref().and_then(|side| side.host_tasks.get()) {
            tasks.wake_entries();
        }
        self.tell(ClrEvent::ClrDisabled, ClrEventData::None);
    }

    /// Takes an action. `cause`: why the process ends, if it does.
    pub(super) fn take(self: &Arc<ClrShared>, about: &About, action: PolicyAction, cause: HResult) {
        let raise = |rudely| about.task.iter().for_each(|half| half.raise(rudely));
        let unload = |rudely| about.group.iter().for_each(|group| self.begin_unload(group, rudely));
        match action {
            PolicyAction::NoAction | PolicyAction::ThrowException => {}
            PolicyAction::AbortThread => raise(false),
            PolicyAction::RudeAbortThread => raise(true),
            PolicyAction::UnloadAppDomain => unload(false),
            PolicyAction::RudeUnloadAppDomain => unload(true),
            PolicyAction::ExitProcess
            | PolicyAction::FastExitProcess
            | PolicyAction::RudeExitProcess => self.exit(action, cause),
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
                clr.time_is_over(&About::task(&half), operation);
            }
        }));
    }

    /// The operation's time is over.
    pub(super) fn time_is_over(self: &Arc<ClrShared>, about: &About, operation: ClrOperation) {
        let action = self.tell_of_timeout(operation, about);
        if let Some(half) = &about.task
            && action == PolicyAction::RudeAbortThread
        {
            self.watch(half, ClrOperation::ThreadRudeAbortInCriticalRegion);
        }
        self.take(about, action, HResult::HOST_E_EXITPROCESS_TIMEOUT);
    }

    /// The host is told that the operation's time is over. What is to be done about that.
    pub(super) fn tell_of_timeout(&self, operation: ClrOperation, about: &About) -> PolicyAction {
        let asked = self.policies.of(operation).on_timeout;
        let action = self.final_action(asked, about);
        let host_task = about.task.as_ref().and_then(RuntimeTask::host_task);
        let untold = host_task
            .is_some_and(|task| task.shared().host.defects.leaves_out(Defect::TimeoutUntold));
        if !untold {
            self.tell_host(|host| {
                let told = format_args!("{operation} {action}");
                self.recorder.call(host_policy_manager::ON_TIMEOUT, told, || {
                    guarded(|| host.on_timeout(operation, action))
                })
            });
        }
        action
    }

    /// The host is told what is done about the operation.
    pub(super) fn tell_of_default_action(&self, operation: ClrOperation, action: PolicyAction) {
        self.tell_host(|host| {
            let told = format_args!("{operation} {action}");
            self.recorder.call(host_policy_manager::ON_DEFAULT_ACTION, told, || {
                guarded(|| host.on_default_action(operation, action))
            })
        });
    }

    fn tell_host(&self, tell: impl FnOnce(&dyn HostPolicyManager) -> HResult) {
        if let Some(side) = self.side()
            && let Some(host) = side.host_policies.get()
        {
            let _ = tell(&**host);
        }
    }
}
