//! The unload of a group: its tasks are aborted, time runs for it, and when nobody is left it is destroyed and told of.
//!
//! A task of the runtime's works at it, which waits until the group is empty. If the crate's runtime is shut down before
//! that, the group was not unloaded, and who waits for it is told so.

use super::engine::About;
use crate::hosting::HResult;
use crate::hosting::clr::{ClrShared, guarded};
use crate::hosting::enums::{ClrEvent, ClrOperation, INFINITE, PolicyAction, TaskType};
use crate::hosting::escalation::ClrEventData;
use crate::hosting::group::Group;
use crate::hosting::task::HostTask;
use crate::task::{self, Priority};
use std::sync::Arc;
use std::time::Duration;

impl ClrShared {
    /// The unload of a group was asked for.
    pub(in crate::hosting) fn unload(self: &Arc<ClrShared>, group: &Arc<Group>) {
        let about = About::group(group);
        let operation = ClrOperation::AppDomainUnload;
        let action = self.final_action(PolicyAction::UnloadAppDomain, &about);
        self.tell_of_default_action(operation, action);
        self.take(&about, action, HResult::HOST_E_EXITPROCESS_ADUNLOAD);
    }

    /// A group's unload begins, or becomes rude. Whoever has a layer of it is aborted, the current task last.
    pub(super) fn begin_unload(self: &Arc<ClrShared>, group: &Arc<Group>, rudely: bool) {
        let begun = group.begin_unload(rudely);
        if begun.is_first {
            self.see_to_unload(group);
        }
        let mut tasks = begun.tasks;
        let is_finalizer =
            |task: &HostTask| task.clr_task().is_some_and(|half| half.is_of(TaskType::Finalizer));
        tasks.retain(|task| !is_finalizer(task));
        let current = HostTask::current();
        tasks.sort_by_key(|task| current.as_ref() == Some(task));
        tasks.iter().for_each(|task| task.raise(rudely));
    }

    fn see_to_unload(self: &Arc<ClrShared>, group: &Arc<Group>) {
        let unloading = Unloading { clr: self.clone(), group: group.clone() };
        let handle =
            self.side().and_then(|side| Some(side.host_tasks.get()?.host().handle.clone()));
        match handle {
            Some(handle) => {
                let worker = task::Builder::new().name("unload").priority(Priority::TimeCritical);
                drop(worker.spawn_on(&handle, move || unloading.run()));
            }
            // Without tasks of a host's it is empty.
            None => unloading.run(),
        }
    }
}

/// An unload under way: over when this is dropped.
struct Unloading {
    clr: Arc<ClrShared>,
    group: Arc<Group>,
}

impl Unloading {
    fn run(self) {
        let Unloading { clr, group } = &self;
        let milliseconds = clr.policies.of(ClrOperation::AppDomainUnload).timeout;
        let limit = Duration::from_millis(milliseconds.into());
        if milliseconds != INFINITE && !group.empty.wait_timeout(limit) {
            let about = About::group(group);
            clr.time_is_over(&about, ClrOperation::AppDomainUnload);
        }
        group.empty.wait();
        clr.groups.remove(group);
        let _ = guarded(|| clr.tasks.unload_app_domain(group.id()));
        clr.tell(ClrEvent::DomainUnload, ClrEventData::Group(group.id()));
    }
}

impl Drop for Unloading {
    fn drop(&mut self) {
        self.group.unloaded.set();
    }
}
