//! [`HostTask`]: the host's half of a task.

use super::birth;
use super::current;
use super::shared::TaskShared;
use crate::hosting::HResult;
use crate::hosting::availability::Availability;
use crate::hosting::clr::RuntimeTask;
use crate::hosting::defect::Defect;
use crate::hosting::method::host_task;
use sortie_scheduler::abort;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// `IHostTask`: the host's half of a task. Clones are references to the same task.
#[derive(Clone)]
pub struct HostTask {
    shared: Arc<TaskShared>,
}

impl HostTask {
    pub(in crate::hosting) fn new(shared: Arc<TaskShared>) -> HostTask {
        HostTask { shared }
    }

    /// The host task that this thread carries; `None`: it carries none. No lock, no adoption.
    #[must_use]
    pub fn current() -> Option<HostTask> {
        current::get()
    }

    /// The task's number, which no other task of its host has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Is it the same task?
    #[must_use]
    pub fn is(&self, other: &HostTask) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many references to the task there are.
    #[must_use]
    pub fn references(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    /// Has it ended?
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shared.done.is_set()
    }

    /// The runtime's half; `None`: none is bound.
    #[must_use]
    pub fn clr_task(&self) -> Option<RuntimeTask> {
        self.shared.half()
    }

    /// Does it wait now, by a call of the hosting API?
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.shared.host.waits.is_listed(self.id())
    }

    /// How many layers were open when it ended that should not have been; 0 before that.
    #[must_use]
    pub fn leaked_layers(&self) -> u64 {
        // ORDERING: Relaxed, a count; after a look at `is_done` it is certain.
        self.shared.leaked_layers.load(Ordering::Relaxed)
    }

    pub(in crate::hosting) fn shared(&self) -> &Arc<TaskShared> {
        &self.shared
    }

    /// The task is asked to unwind, by its own abort if it asks itself. Its alertable wait ends.
    pub(in crate::hosting) fn raise(&self, rudely: bool) {
        self.shared.request_abort(rudely);
        let _ = self.alert();
        let is_in = self.clr_task().is_none_or(|half| half.is_current());
        if is_in && current::get().as_ref() == Some(self) {
            // Where it cannot be raised here, it is at the next suspension point.
            let _ = abort::abort_current();
        }
    }

    /// Makes a suspended task ready. Called again it does nothing.
    ///
    /// [`E_FAIL`](HResult::E_FAIL), and nothing else, if it cannot be started because the runtime is disabled, or because the
    /// host's own has been shut down: then the runtime is disabled by it, as by each call that fails so. The task stays suspended.
    pub fn start(&self) -> HResult {
        let task = &self.shared;
        task.host.call(host_task::START, format_args!("#{}", task.id), || {
            let is_disabled = |availability: &Availability| availability.is_disabled();
            if task.host.availability().is_none_or(is_disabled) || task.host.handle.is_shut_down() {
                return HResult::E_FAIL;
            }
            let suspended = task.suspended.lock().unwrap_or_else(PoisonError::into_inner).take();
            match suspended {
                Some(suspended) => birth::start(task, suspended),
                None if task.host.defects.leaves_out(Defect::RepeatedStartIsFine) => {
                    HResult::E_FAIL
                }
                None => HResult::S_OK,
            }
        })
    }

    /// Binds the runtime's half, or, by `None`, takes the binding back.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if another half is bound,
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_clr_task(&self, clr_task: Option<&RuntimeTask>) -> HResult {
        let task = &self.shared;
        task.host.recorder.call(host_task::SET_CLR_TASK, format_args!("#{}", task.id), || {
            HResult::from(task.host.check_available().and_then(|()| task.bind(clr_task)))
        })
    }
}

impl PartialEq for HostTask {
    fn eq(&self, other: &HostTask) -> bool {
        self.is(other)
    }
}

impl Eq for HostTask {}

impl fmt::Debug for HostTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostTask")
            .field("id", &self.id())
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
