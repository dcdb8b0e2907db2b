//! Waits that are for no object: a time, another's turn, a task's end; and the alert that ends waits.

use super::host_task::HostTask;
use super::manager::HostTaskManager;
use super::shared::TaskShared;
use crate::hosting::HResult;
use crate::hosting::defect::Defect;
use crate::hosting::enums::{INFINITE, WaitOption};
use crate::hosting::method::{host_task, host_task_manager};
use crate::hosting::wait::{self, Object, Waitable};
use crate::time;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A wait for a time.
struct Time;

impl Waitable for Time {
    fn object(&self) -> Object {
        Object::Nothing
    }

    fn take(&self) -> bool {
        false
    }

    fn wait(&self, until: Instant) -> bool {
        time::sleep_until(until);
        false
    }
}

/// A wait for a task's end.
impl Waitable for TaskShared {
    fn object(&self) -> Object {
        Object::Task(self.id)
    }

    fn take(&self) -> bool {
        self.done.is_set()
    }

    fn wait(&self, until: Instant) -> bool {
        self.done.wait_until(until)
    }

    fn owner(&self) -> Option<(&'static str, &AtomicUsize)> {
        Some(("a wait for a hosted task's end", &self.as_owner))
    }

    fn is_gone(&self) -> bool {
        // ORDERING: Relaxed, the lock of the host's waits orders it with who waits.
        self.is_decoupled.load(Ordering::Relaxed)
    }
}

impl HostTaskManager {
    /// Waits for so many milliseconds ([`INFINITE`]: for ever); others run meanwhile. With 0 it lets others run, as
    /// [`switch_to_task`](HostTaskManager::switch_to_task).
    ///
    /// A suspension point; if the task is aborted meanwhile, this unwinds.
    ///
    /// Returns [`S_OK`](HResult::S_OK) when they have passed; [`HOST_E_INTERRUPTED`](HResult::HOST_E_INTERRUPTED) after an
    /// alert, if the wait is alertable; [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host refuses
    /// the thread; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn sleep(&self, milliseconds: u32, option: WaitOption) -> HResult {
        let host = &self.host;
        let arguments = format_args!("{} {option:?}", Limit(milliseconds));
        host.recorder.call(host_task_manager::SLEEP, arguments, || {
            let result = match milliseconds {
                0 => self.let_others_run(option),
                _ => wait::wait(host, &Time, milliseconds, option),
            };
            match result {
                HResult::HOST_E_TIMEOUT | HResult::S_FALSE => HResult::S_OK,
                result => result,
            }
        })
    }

    /// Lets others run: all of the same level that are ready have a turn before this task has another. A suspension point.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`S_FALSE`](HResult::S_FALSE) if there was nobody else;
    /// [`HOST_E_INTERRUPTED`](HResult::HOST_E_INTERRUPTED) if there is an alert and the call is alertable;
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host refuses the thread;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn switch_to_task(&self, option: WaitOption) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::SWITCH_TO_TASK, format_args!("{option:?}"), || {
            self.let_others_run(option)
        })
    }

    fn let_others_run(&self, option: WaitOption) -> HResult {
        let task = match wait::begin(&self.host) {
            Ok(task) => task,
            Err(error) => return error,
        };
        let is_alertable = option.contains(WaitOption::ALERTABLE);
        if is_alertable && task.shared().waiting.take_alert() {
            // As in `wait::wait`.
            crate::task::checkpoint();
            return HResult::HOST_E_INTERRUPTED;
        }
        if let Some(half) = task.clr_task() {
            half.has_yielded();
        }
        if sortie_scheduler::yield_now() { HResult::S_OK } else { HResult::S_FALSE }
    }
}

impl HostTask {
    /// Ends the task's alertable wait, or the next one it makes. From any thread; does not wait. Several alerts before a
    /// wait are one.
    ///
    /// Returns [`S_OK`](HResult::S_OK), also for a task that has ended; or
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn alert(&self) -> HResult {
        let task = self.shared();
        let host = &task.host;
        host.recorder.call(host_task::ALERT, format_args!("#{}", task.id), || {
            if let Err(error) = host.check_available() {
                return error;
            }
            if host.defects.leaves_out(Defect::AlertForgotten) && !task.waiting.waits_for_alerts() {
                return HResult::S_OK;
            }
            task.waiting.alert();
            host.waits.nudge(task.id);
            HResult::S_OK
        })
    }

    /// Waits for the end of the task, for so many milliseconds at most. Any number of tasks may.
    ///
    /// A suspension point; if the waiting task is aborted meanwhile, this unwinds.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_TIMEOUT`](HResult::HOST_E_TIMEOUT);
    /// [`HOST_E_INTERRUPTED`](HResult::HOST_E_INTERRUPTED) after an alert to who waits, if the wait is alertable;
    /// [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) if the runtime's half of the task was
    /// [reset](crate::hosting::RuntimeTask::reset); [`HOST_E_DEADLOCK`](HResult::HOST_E_DEADLOCK) if the wait was chosen to
    /// resolve one, as the task's join of itself is; [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the
    /// host refuses the thread; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn join(&self, milliseconds: u32, option: WaitOption) -> HResult {
        let task = self.shared();
        let arguments = format_args!("#{} {} {option:?}", task.id, Limit(milliseconds));
        task.host.recorder.call(host_task::JOIN, arguments, || {
            wait::wait(&task.host, &**task, milliseconds, option)
        })
    }
}

/// Milliseconds, as they are written.
pub(in crate::hosting) struct Limit(pub(in crate::hosting) u32);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            INFINITE => f.write_str("INFINITE"),
            milliseconds => milliseconds.fmt(f),
        }
    }
}
