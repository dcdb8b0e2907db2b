//! [`RuntimeTaskManager`]: the runtime's halves of tasks, as the host asks for them.

use super::{ClrShared, RuntimeTask};
use crate::hosting::HResult;
use crate::hosting::method::clr_task_manager;
use crate::hosting::task::current;
use std::sync::Arc;

/// `ICLRTaskManager`.
#[derive(Clone, Debug)]
pub struct RuntimeTaskManager {
    shared: Arc<ClrShared>,
}

impl RuntimeTaskManager {
    pub(in crate::hosting) fn new(shared: Arc<ClrShared>) -> RuntimeTaskManager {
        RuntimeTaskManager { shared }
    }

    pub(in crate::hosting) fn shared(&self) -> &Arc<ClrShared> {
        &self.shared
    }

    /// Makes the runtime's half of the current host task, and binds it.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): it has one.
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): no host task runs here.
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY), or another of the VM's.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn create_task(&self) -> Result<RuntimeTask, HResult> {
        self.shared.recorder.call(clr_task_manager::CREATE_TASK, format_args!(""), || {
            self.shared.availability.check()?;
            let task = current::get().ok_or(HResult::HOST_E_NOT_OWNER)?;
            if task.clr_task().is_some() {
                return Err(HResult::HOST_E_INVALIDOPERATION);
            }
            let half = RuntimeTask::new(self.shared.clone(), self.shared.tasks.create_task()?);
            task.set_clr_task(Some(&half)).ok()?;
            Ok(half)
        })
    }

    /// The runtime's half of the task that this thread carries; `None`: there is none. No lock, no memory.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_current_task(&self) -> Result<Option<RuntimeTask>, HResult> {
        self.shared.recorder.call(clr_task_manager::GET_CURRENT_TASK, format_args!(""), || {
            self.shared.availability.check()?;
            Ok(current::get().and_then(|task| task.clr_task()))
        })
    }
}
