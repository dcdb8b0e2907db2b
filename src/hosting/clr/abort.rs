//! Aborts of hosted tasks: who asks for them, and the regions that hold them back.
//!
//! They are the crate's ([`crate::task`]): an abort unwinds the task at a suspension point, on return from native code, or at
//! the end of a region, whichever comes first, and never while native code is on top.
//!
//! | | abort | rude abort |
//! |---|---|---|
//! | in a region that delays aborts, or prevents those of others | waits | waits |
//! | in a clause that is run to its end | waits | goes through |
//! | in code that must complete | waits | waits |
//! | with a critical section of the host's in its hands | waits | goes through |
//! | on an adopted thread | is dropped | is dropped |

use super::RuntimeTask;
use crate::hosting::HResult;
use crate::hosting::enums::{ClrFailure, StackOverflowType};
use crate::hosting::method::clr_task;
use crate::hosting::task::HostTask;
use sortie_scheduler::abort;

impl RuntimeTask {
    /// Asks that the task be aborted. From any thread; returns before the task's destructors run. What the runtime's
    /// policies make of it is done, and the host is told before.
    ///
    /// A task that aborts itself is unwound from here. An adopted thread cannot be unwound: only its alertable wait ends.
    ///
    /// Returns [`S_OK`](HResult::S_OK), also for a task that has ended; or
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn abort(&self) -> HResult {
        self.ask(false)
    }

    /// As [`abort`](RuntimeTask::abort), but rudely: the task's clauses do not hold it back, and while it unwinds it
    /// does not wait. A request that is not rude becomes so.
    pub fn rude_abort(&self) -> HResult {
        self.ask(true)
    }

    fn ask(&self, rudely: bool) -> HResult {
        let clr = &self.shared.clr;
        let method = if rudely { clr_task::RUDE_ABORT } else { clr_task::ABORT };
        let id = self.host_task().map_or(0, |task| task.id());
        clr.call(method, format_args!("#{id}"), || {
            HResult::from(clr.availability.check().map(|()| clr.abort(self, rudely)))
        })
    }

    /// From here on what others ask for does not abort the current task, until as many ends have followed. Its own
    /// aborts do.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn begin_prevent_async_abort(&self) -> HResult {
        let clr = &self.shared.clr;
        clr.call(clr_task::BEGIN_PREVENT_ASYNC_ABORT, format_args!(""), || {
            if let Err(error) = clr.availability.check() {
                return error;
            }
            if self.is_current() && abort::begin_prevent() {
                HResult::S_OK
            } else {
                HResult::HOST_E_INVALIDOPERATION
            }
        })
    }

    /// Closes one [`begin_prevent_async_abort`](RuntimeTask::begin_prevent_async_abort); the last one raises the abort that
    /// came meanwhile.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current;
    /// [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if none is open; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE),
    /// and it is closed all the same.
    pub fn end_prevent_async_abort(&self) -> HResult {
        let clr = &self.shared.clr;
        clr.call(clr_task::END_PREVENT_ASYNC_ABORT, format_args!(""), || {
            if !self.is_current() {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            let ended = if abort::end_prevent() { Ok(()) } else { Err(HResult::E_UNEXPECTED) };
            clr.availability.check().and(ended).into()
        })
    }

    /// The current task enters a clause that an abort must not cut short: a handler, a finalizer, or code that holds a lock
    /// of the VM's. Aborts wait until the matching [`end_clause`](RuntimeTask::end_clause), but for rude ones. Counted.
    ///
    /// No method of the hosting API: a VM says so by itself. Returns [`S_OK`](HResult::S_OK), or
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current.
    pub fn begin_clause(&self) -> HResult {
        if self.is_current() && abort::begin_critical() {
            HResult::S_OK
        } else {
            HResult::HOST_E_INVALIDOPERATION
        }
    }

    /// Closes one [`begin_clause`](RuntimeTask::begin_clause); the last one raises the abort that came meanwhile.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current;
    /// [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if none is open.
    pub fn end_clause(&self) -> HResult {
        if !self.is_current() {
            HResult::HOST_E_INVALIDOPERATION
        } else if abort::end_critical() {
            HResult::S_OK
        } else {
            HResult::E_UNEXPECTED
        }
    }

    /// The current task enters code that must complete (a constrained region): no abort is raised in it until the matching
    /// [`end_must_complete`](RuntimeTask::end_must_complete), be it rude or the task's own. Counted.
    ///
    /// No method of the hosting API: a VM says so by itself. Returns as [`begin_clause`](RuntimeTask::begin_clause).
    pub fn begin_must_complete(&self) -> HResult {
        if self.is_current() && abort::begin_complete() {
            HResult::S_OK
        } else {
            HResult::HOST_E_INVALIDOPERATION
        }
    }

    /// Closes one [`begin_must_complete`](RuntimeTask::begin_must_complete); the last one raises the abort that came
    /// meanwhile.
    ///
    /// Returns as [`end_clause`](RuntimeTask::end_clause).
    pub fn end_must_complete(&self) -> HResult {
        if !self.is_current() {
            HResult::HOST_E_INVALIDOPERATION
        } else if abort::end_complete() {
            HResult::S_OK
        } else {
            HResult::E_UNEXPECTED
        }
    }

    /// The task is asked to unwind, by its own abort if it asks itself.
    pub(in crate::hosting) fn raise(&self, rudely: bool) {
        if let Some(task) = self.host_task() {
            task.raise(rudely);
        }
    }

    /// The current task has overflowed its stack. In the signal handler.
    pub(in crate::hosting) fn overflowed(&self, of: StackOverflowType) {
        self.shared.clr.overflowed(of);
    }

    /// The task has ended with a lock of the host's in its hands.
    pub(in crate::hosting) fn has_orphaned(&self) {
        // What is done about it is not the ended task's matter any more.
        let _ = self.shared.clr.fail(Some(self), ClrFailure::OrphanedLock);
    }

    /// The host's half; `None`: it is not bound, or that is gone.
    pub(in crate::hosting) fn host_task(&self) -> Option<HostTask> {
        self.host_link().upgrade().map(HostTask::new)
    }
}
