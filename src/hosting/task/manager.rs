//! [`HostTaskManager`]: tasks as a VM asks for them.

use super::birth::{self, Suspended};
use super::current;
use super::host_task::HostTask;
use super::shared::{Origin, TaskShared};
use crate::hosting::HResult;
use crate::hosting::clr::RuntimeTaskManager;
use crate::hosting::group::InGroups;
use crate::hosting::host::HostShared;
use crate::hosting::method::host_task_manager;
use std::sync::Arc;

/// `IHostTaskManager`: a VM's way to its tasks, and what it tells the host of them. Clones are the same manager.
///
/// The transitions are in `transitions.rs`, the regions in `regions.rs`.
#[derive(Clone, Debug)]
pub struct HostTaskManager {
    pub(super) host: Arc<HostShared>,
}

impl HostTaskManager {
    pub(in crate::hosting) fn new(host: Arc<HostShared>) -> HostTaskManager {
        HostTaskManager { host }
    }

    /// The task that this thread carries. A thread that has none is adopted, as its host was told
    /// ([`Attach`](crate::hosting::Attach)). Takes no lock where it has one.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_current_task(&self) -> Result<HostTask, HResult> {
        let host = &self.host;
        host.recorder.call(host_task_manager::GET_CURRENT_TASK, format_args!(""), || {
            host.check_available()?;
            birth::adopt(host)?;
            current::get().ok_or(HResult::HOST_E_INVALIDOPERATION)
        })
    }

    /// A task that will run `start` once it is [started](HostTask::start). `stack_bytes`: how much of a stack it is to have,
    /// rounded up to pages and at least 16 KiB, in each mode; that is taken here. 0: as much as all have, taken at its first run.
    ///
    /// It runs in the group that the current task is in; if that is unloaded before it begins, it ends without running
    /// `start`.
    ///
    /// # Errors
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY): there is no memory, or no mapping, for such a stack, or it would have more
    /// than 1 GiB. [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn create_task(
        &self,
        stack_bytes: u32,
        start: impl FnOnce() -> u32 + Send + 'static,
    ) -> Result<HostTask, HResult> {
        let host = &self.host;
        let arguments = format_args!("{stack_bytes}");
        host.recorder.call(host_task_manager::CREATE_TASK, arguments, || {
            host.check_available()?;
            let stack = match stack_bytes {
                0 => None,
                bytes => Some(host.handle.reserve_stack(bytes as usize)?),
            };
            let suspended = Some(Suspended { start: Box::new(start), stack });
            let group = current::with(host, |task| task.in_groups.group()).ok().flatten();
            let in_groups = InGroups::new(group);
            Ok(HostTask::new(TaskShared::new(host.clone(), Origin::Made, suspended, in_groups)))
        })
    }

    pub(in crate::hosting) fn host(&self) -> &Arc<HostShared> {
        &self.host
    }

    /// Tasks that wait for a worker look whether the runtime is still there.
    pub(in crate::hosting) fn wake_entries(&self) {
        self.host.handle.wake_line();
    }

    /// Takes the counterpart. Once, before the start.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host has one;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once that is stopped or disabled.
    pub fn set_clr_task_manager(&self, manager: &RuntimeTaskManager) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::SET_CLR_TASK_MANAGER, format_args!(""), || {
            host.check_settable().and_then(|()| host.set_clr(manager.shared().clone())).into()
        })
    }
}
