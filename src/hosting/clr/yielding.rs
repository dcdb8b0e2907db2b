//! Requests to a task to let others run, the host's and its monitor's: one at a time, until the task has come by a scheduling
//! point.

use super::RuntimeTask;
use super::vm_calls::guarded;
use crate::hosting::HResult;
use crate::hosting::method::clr_task;
use std::sync::atomic::Ordering;

impl RuntimeTask {
    /// Asks a task that runs managed code for long to let others run: by the word that the VM's safepoints look at, and
    /// at its next [`checkpoint`](crate::task::checkpoint). From another thread; does not wait for it.
    ///
    /// Returns [`S_OK`](HResult::S_OK), also where nothing is to be done: the task was not started, has ended, is switched
    /// out, or is in native code; [`S_FALSE`](HResult::S_FALSE) if it was asked before and has not let others run since;
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) on the task itself; what the VM returns;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn yield_task(&self) -> HResult {
        let half = self.half();
        half.clr.call(clr_task::YIELD_TASK, format_args!(""), || {
            if let Err(error) = half.clr.availability.check() {
                return error;
            }
            if self.is_current() {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            let runs =
                self.is_in() && self.host_task().is_some_and(|task| task.shared().asks_to_yield());
            if !runs {
                return HResult::S_OK;
            }
            // ORDERING: Relaxed, a bit that stands for itself.
            if half.yield_wanted.swap(true, Ordering::Relaxed) {
                return HResult::S_FALSE;
            }
            guarded(|| self.vm().yield_task())
        })
    }

    /// The monitor has asked the task, which has run for long while others wait: the VM's safepoints are to see it, too.
    pub(in crate::hosting) fn ask_as_runaway(&self) {
        let half = self.half();
        if half.clr.availability.check().is_err() || !self.is_in() {
            return;
        }
        // Nothing comes of a failure but that the task is asked again.
        let _ = half.clr.call(clr_task::YIELD_TASK, format_args!(""), || {
            // ORDERING: Relaxed, as above.
            half.yield_wanted.store(true, Ordering::Relaxed);
            guarded(|| self.vm().yield_task())
        });
    }

    /// The task, which is this thread's, has come by a scheduling point: it may be asked anew.
    pub(in crate::hosting) fn has_yielded(&self) {
        // ORDERING: Relaxed, as above.
        self.half().yield_wanted.store(false, Ordering::Relaxed);
        sortie_scheduler::forget_yield_request();
    }
}
