//! Regions that a VM opens on its current task, in which the host must not do certain things to it.
//!
//! They are those of [`crate::task`]. The calls that close one do so also while the runtime is not available.

use super::manager::HostTaskManager;
use crate::hosting::HResult;
use crate::hosting::method::host_task_manager;
use crate::task;

impl HostTaskManager {
    /// From here on the current task stays on this thread, until as many ends have followed. Also on a thread that
    /// has no task: there it is counted.
    ///
    /// Returns [`S_OK`](HResult::S_OK) or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn begin_thread_affinity(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::BEGIN_THREAD_AFFINITY, format_args!(""), || {
            HResult::from(host.check_available().map(|()| task::begin_thread_affinity()))
        })
    }

    /// Closes one [`begin_thread_affinity`](HostTaskManager::begin_thread_affinity).
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if none is open;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it is closed all the same.
    pub fn end_thread_affinity(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::END_THREAD_AFFINITY, format_args!(""), || {
            let ended = task::end_thread_affinity().map_err(HResult::from);
            host.check_available().and(ended).into()
        })
    }
}
