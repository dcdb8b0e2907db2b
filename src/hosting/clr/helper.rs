//! Threads of the VM's own that help its pool: they go on without a host task, where the host refuses one.
//!
//! A thread that the host refuses must not run managed code, and who called it in is told. The VM's pool must work all the same:
//! its workers and those who serve its input and output, its timers and its waits are spared. Such a thread has no host task, so the VM
//! tells the host nothing of it; what it is for, the thread keeps itself.

use super::{RuntimeTask, RuntimeTaskManager};
use crate::hosting::HResult;
use crate::hosting::enums::TaskType;
use crate::hosting::task::current;
use std::cell::Cell;

/// Who goes on without a host task.
const SPARED: [TaskType; 4] = [
    TaskType::ThreadPoolTimer,
    TaskType::ThreadPoolWorker,
    TaskType::ThreadPoolIoCompletion,
    TaskType::ThreadPoolWait,
];

thread_local! {
    /// What this thread is for, if it was refused and spared.
    static SPARED_AS: Cell<Option<TaskType>> = const { Cell::new(None) };
}

/// What this thread is for, if it is a helper that has no task. Not inlined: a task that is switched must not keep the
/// address of another thread's.
#[inline(never)]
pub(super) fn spared_as() -> Option<TaskType> {
    SPARED_AS.get()
}

#[inline(never)]
fn spare(of: TaskType) {
    SPARED_AS.set(Some(of));
}

impl RuntimeTaskManager {
    /// As [`attach`](RuntimeTaskManager::attach), for a thread that the VM has made for itself, and that is for this. `None`: the
    /// host refuses the thread, which goes on without a task; then the VM tells the host nothing of it, neither of its
    /// transitions nor of its regions. So may those go on that help the VM's pool: its workers and those of its input
    /// and output, of its timers and of its waits.
    ///
    /// [`get_current_task_type`](RuntimeTaskManager::get_current_task_type) answers `of` on the thread from here on.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread, and it is no such helper; or the
    /// thread runs a task of the crate's.
    /// Others as of [`attach`](RuntimeTaskManager::attach).
    ///
    /// ```
    /// use sortie::hosting::{Attach, ClrRuntimeHost, HResult, Host, TaskType};
    /// # use std::sync::Arc;
    /// # let runtime = sortie::Runtime::new()?;
    /// let host = Host::builder(&runtime.handle()).attach(Attach::Deny).build();
    /// let clr = ClrRuntimeHost::builder().build();
    /// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// # clr.start().ok()?;
    /// std::thread::spawn(move || {
    ///     let tasks = clr.task_manager();
    ///     assert_eq!(tasks.attach().err(), Some(HResult::HOST_E_INVALIDOPERATION));
    ///     assert!(tasks.attach_helper(TaskType::ThreadPoolTimer)?.is_none());
    ///     assert_eq!(tasks.get_current_task_type(), Ok(TaskType::ThreadPoolTimer));
    ///     Ok::<(), HResult>(())
    /// })
    /// .join()
    /// .unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach_helper(&self, of: TaskType) -> Result<Option<RuntimeTask>, HResult> {
        match self.attach() {
            Ok(half) => {
                half.add_type(of);
                Ok(Some(half))
            }
            Err(HResult::HOST_E_INVALIDOPERATION)
                if SPARED.contains(&of)
                    && current::get().is_none()
                    && sortie_scheduler::current_task().is_none() =>
            {
                spare(of);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
