//! What a host asks a runtime's half for: memory, locks, hurry; and the number that it gives it.

use super::RuntimeTask;
use super::vm_calls::answered;
use crate::hosting::HResult;
use crate::hosting::method::clr_task;
use crate::hosting::vm::GcThreadStats;
use std::sync::atomic::Ordering;

impl RuntimeTask {
    /// The host's locks that the task holds, and the VM's.
    fn count_locks(&self) -> Result<usize, HResult> {
        let held = self.host_task().map_or(0, |task| task.shared().held.levels());
        Ok(held + answered(|| Ok(self.shared.vm.locks_held()))?)
    }

    /// Does the task hold a lock, so that a failure may leave broken what others share?
    pub(in crate::hosting) fn is_critical(&self) -> bool {
        self.count_locks().is_ok_and(|locks| locks > 0)
    }

    /// What the task has allocated. From any thread.
    ///
    /// # Errors
    /// Those of the VM; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_mem_stats(&self) -> Result<GcThreadStats, HResult> {
        self.shared.clr.call(clr_task::GET_MEM_STATS, format_args!(""), || {
            self.shared.clr.availability.check()?;
            answered(|| self.shared.vm.get_mem_stats())
        })
    }

    /// Does the VM wait for the task: does it keep a collection from starting, or is it the finalizer? A host asks when
    /// it has switched the task out, and lets it have its next turn soon.
    ///
    /// # Errors
    /// Those of the VM; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn needs_priority_scheduling(&self) -> Result<bool, HResult> {
        self.shared.clr.call(clr_task::NEEDS_PRIORITY_SCHEDULING, format_args!(""), || {
            self.shared.clr.availability.check()?;
            answered(|| self.shared.vm.needs_priority_scheduling())
        })
    }

    /// How many locks the task holds: each level of a critical section of the host's, and what the VM counts of its own,
    /// its critical regions among them. From any thread.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE); [`E_FAIL`](HResult::E_FAIL) if the VM panics.
    pub fn locks_held(&self) -> Result<usize, HResult> {
        self.shared.clr.call(clr_task::LOCKS_HELD, format_args!(""), || {
            self.shared.clr.availability.check()?;
            self.count_locks()
        })
    }

    /// Gives the task a number for debuggers. 0 before that, and after a [reset](RuntimeTask::reset).
    ///
    /// Returns [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_task_identifier(&self, identifier: u64) -> HResult {
        let arguments = format_args!("{identifier}");
        self.shared.clr.call(clr_task::SET_TASK_IDENTIFIER, arguments, || {
            HResult::from(self.shared.clr.availability.check().map(|()| {
                // ORDERING: Relaxed, a number that stands for itself.
                self.shared.identifier.store(identifier, Ordering::Relaxed);
            }))
        })
    }

    /// The number that was set by [`set_task_identifier`](RuntimeTask::set_task_identifier).
    #[must_use]
    pub fn identifier(&self) -> u64 {
        // ORDERING: Relaxed, a number that stands for itself.
        self.shared.identifier.load(Ordering::Relaxed)
    }
}
