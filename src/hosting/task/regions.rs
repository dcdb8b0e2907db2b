//! Regions that a VM opens on its current task, in which the host must not do certain things to it.
//!
//! They are those of [`crate::task`]. The calls that close one do so also while the runtime is not available.

use super::current;
use super::manager::HostTaskManager;
use crate::hosting::HResult;
use crate::hosting::defect::Defect;
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

    /// From here on no abort is raised in the current task, until [`end_delay_abort`](HostTaskManager::end_delay_abort).
    /// A flag, and not counted.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if a region is open;
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries no task;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn begin_delay_abort(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::BEGIN_DELAY_ABORT, format_args!(""), || {
            let begun =
                host.check_available().and_then(|()| current::with(host, |_| ())).and_then(|()| {
                    match host.defects.leaves_out(Defect::DelayIgnored) {
                        true => Ok(()),
                        false => Ok(task::begin_delay_abort()?),
                    }
                });
            begun.into()
        })
    }

    /// Ends the region, and raises the abort that came meanwhile.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if none is open;
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries no task;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and the region is ended all the same.
    pub fn end_delay_abort(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::END_DELAY_ABORT, format_args!(""), || {
            let ended: Result<(), HResult> =
                current::with(host, |_| ()).and_then(|()| Ok(task::end_delay_abort()?));
            host.check_available().and(ended).into()
        })
    }
}
