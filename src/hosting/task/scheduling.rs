//! How soon a task gets its turn: the level that a VM asks for, and the hurry that it shows at a switch.

use super::HostTask;
use super::current;
use super::host_task::TaskShared;
use crate::hosting::HResult;
use crate::hosting::method::host_task;
use crate::task::{self, Priority};

impl HostTask {
    /// Asks for one of the seven levels by its number: -15, -2 to 2, 15. From any thread, also before the start; in force
    /// from the task's next turn on. Levels share turns and are no order: see [`Priority`].
    ///
    /// A thread that was adopted has no turns of its own: only it can set its level, and another's request changes nothing.
    ///
    /// Returns [`S_OK`](HResult::S_OK), which does not say that the level has changed;
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for another number;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    ///
    /// ```
    /// use sortie::hosting::{ClrRuntimeHost, HResult, Host};
    /// # use std::sync::Arc;
    /// # let runtime = sortie::Runtime::new()?;
    /// # let host = Host::builder(&runtime.handle()).build();
    /// # let clr = ClrRuntimeHost::builder().build();
    /// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// # clr.start().ok()?;
    /// let task = host.task_manager().create_task(0, || 0)?;
    /// task.set_priority(2).ok()?;
    /// assert_eq!(task.get_priority(), Ok(2));
    /// assert_eq!(task.set_priority(3), HResult::E_INVALIDARG);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_priority(&self, level: i32) -> HResult {
        let task = self.shared();
        let arguments = format_args!("#{} {level}", task.id);
        task.host.recorder.call(host_task::SET_PRIORITY, arguments, || {
            if let Err(error) = task.host.check_available() {
                return error;
            }
            let Some(priority) = Priority::from_level(level) else {
                return HResult::E_INVALIDARG;
            };
            task.ask_for(priority);
            HResult::S_OK
        })
    }

    /// The level in force, by its number; 0 if nothing was asked for.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_priority(&self) -> Result<i32, HResult> {
        let task = self.shared();
        task.host.recorder.call(host_task::GET_PRIORITY, format_args!("#{}", task.id), || {
            task.host.check_available()?;
            Ok(task.attributes.priority().level())
        })
    }
}

impl TaskShared {
    fn ask_for(&self, priority: Priority) {
        if self.is_made() {
            self.attributes.set_priority(priority, self.aborter());
        } else if current::id() == Some(self.id) && task::set_priority(priority) {
            self.attributes.set_priority(priority, None);
        }
    }

    /// The task was switched out: does the VM wait for it?
    pub(super) fn hurry_if_needed(&self) {
        if self.half().is_some_and(|half| half.needs_priority_scheduling().unwrap_or(false)) {
            self.attributes.hurry(self.aborter());
        }
    }
}
