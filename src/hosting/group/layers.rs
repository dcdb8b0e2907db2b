//! A task's layers of groups, the innermost last: it is in the group of that one.

use super::{Group, Groups};
use crate::hosting::HResult;
use crate::hosting::task::{HostTask, TaskShared, current};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a task keeps of groups.
#[derive(Debug, Default)]
pub(in crate::hosting) struct InGroups {
    /// The group that it was made in; `None`: the one that is there from the start on.
    home: Option<Arc<Group>>,
    layers: Mutex<Vec<Arc<Group>>>,
}

impl InGroups {
    /// Of a task that is made in this group.
    pub(in crate::hosting) fn new(home: Option<Arc<Group>>) -> InGroups {
        InGroups { home, layers: Mutex::default() }
    }

    fn layers(&self) -> MutexGuard<'_, Vec<Arc<Group>>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group that it is in; `None`: the one that is there from the start on.
    pub(in crate::hosting) fn group(&self) -> Option<Arc<Group>> {
        self.layers().last().or(self.home.as_ref()).cloned()
    }

    /// Has the task a layer of the group?
    pub(in crate::hosting) fn has(&self, group: &Arc<Group>) -> bool {
        self.layers().iter().any(|layer| Arc::ptr_eq(layer, group))
    }
}

impl TaskShared {
    /// The task begins: in the group that it was made in.
    ///
    /// # Errors
    /// [`COR_E_APPDOMAINUNLOADED`](HResult::COR_E_APPDOMAINUNLOADED): that is unloaded.
    pub(in crate::hosting) fn enter_home(self: &Arc<Self>) -> Result<(), HResult> {
        self.in_groups.home.as_ref().map_or(Ok(()), |home| self.enter_group(home))
    }

    fn enter_group(self: &Arc<Self>, group: &Arc<Group>) -> Result<(), HResult> {
        group.enter(&HostTask::new(self.clone()))?;
        self.in_groups.layers().push(group.clone());
        Ok(())
    }

    fn leave_group(&self, group: &Arc<Group>) {
        let mut layers = self.in_groups.layers();
        let at = layers.iter().rposition(|layer| Arc::ptr_eq(layer, group));
        let left = at.map(|at| layers.remove(at));
        drop(layers);
        if let Some(group) = left {
            group.leave(self.id);
        }
    }

    /// The task has ended: it has no layer any more, whatever its frames have left behind.
    pub(in crate::hosting) fn leave_groups(&self) {
        let layers = std::mem::take(&mut *self.in_groups.layers());
        layers.into_iter().for_each(|group| group.leave(self.id));
    }
}

/// Runs, on this thread's task, what was asked for in a group: there, and not at all if that is unloaded by now.
pub(in crate::hosting) fn run_in(group: Option<Arc<Group>>, item: impl FnOnce()) {
    let layer = group.map(InAppDomain::new);
    if matches!(layer, None | Some(Ok(_))) {
        item();
    }
}

/// The current task runs code of a group, until this is dropped: by
/// [`enter_app_domain`](crate::hosting::ClrRuntimeHost::enter_app_domain). Scopes nest; the task is in the group of the
/// innermost. Stays on its task.
#[must_use = "the task leaves the group when the scope is dropped"]
pub struct InAppDomain {
    task: HostTask,
    group: Arc<Group>,
    stays: PhantomData<*mut ()>,
}

impl InAppDomain {
    fn new(group: Arc<Group>) -> Result<InAppDomain, HResult> {
        let task = current::get().ok_or(HResult::HOST_E_NOT_OWNER)?;
        task.shared().enter_group(&group)?;
        Ok(InAppDomain { task, group, stays: PhantomData })
    }

    /// The current task enters the group with this number. Its host is this runtime's.
    pub(in crate::hosting) fn enter(groups: &Groups, id: u32) -> Result<InAppDomain, HResult> {
        InAppDomain::new(groups.get(id)?)
    }

    /// The number of the group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.group.id()
    }
}

impl Drop for InAppDomain {
    fn drop(&mut self) {
        self.task.shared().leave_group(&self.group);
    }
}

impl fmt::Debug for InAppDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InAppDomain").field(&self.group.id()).finish()
    }
}
