//! [`HostTask`]: the host's half of a task.

use super::birth::{self, Start};
use super::current;
use crate::hosting::HResult;
use crate::hosting::clr::RuntimeTask;
use crate::hosting::defect::Defect;
use crate::hosting::host::HostShared;
use crate::hosting::method::host_task;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// `IHostTask`: the host's half of a task. Clones are references to the same task.
#[derive(Clone)]
pub struct HostTask {
    shared: Arc<TaskShared>,
}

/// What a host knows of a task.
pub(in crate::hosting) struct TaskShared {
    pub(in crate::hosting) host: Arc<HostShared>,
    pub(in crate::hosting) id: u64,
    /// What the task will run; taken at its start.
    start: Mutex<Option<Start>>,
    /// The other half.
    clr: Mutex<Option<RuntimeTask>>,
    is_done: AtomicBool,
}

impl TaskShared {
    /// A task that is suspended until its start, if it has something to run, else one that is there already.
    pub(super) fn new(host: Arc<HostShared>, start: Option<Start>) -> Arc<TaskShared> {
        let id = host.next_task();
        Arc::new(TaskShared {
            host,
            id,
            start: Mutex::new(start),
            clr: Mutex::new(None),
            is_done: AtomicBool::new(false),
        })
    }

    /// It has ended.
    pub(super) fn end(&self) {
        // ORDERING(host_task.done): Release, pairs with the Acquire in `is_done`: what the task did is seen.
        self.is_done.store(true, Ordering::Release);
    }

    fn clr(&self) -> std::sync::MutexGuard<'_, Option<RuntimeTask>> {
        self.clr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostTask {
    pub(super) fn new(shared: Arc<TaskShared>) -> HostTask {
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
        // ORDERING(host_task.done): Acquire, pairs with the Release in `end`.
        self.shared.is_done.load(Ordering::Acquire)
    }

    /// The runtime's half; `None`: none is bound.
    #[must_use]
    pub fn clr_task(&self) -> Option<RuntimeTask> {
        self.shared.clr().clone()
    }

    /// Makes a suspended task ready. Called again it does nothing.
    ///
    /// [`E_FAIL`](HResult::E_FAIL), and nothing else, if it cannot be started because the runtime is disabled or the
    /// host's own has been shut down.
    pub fn start(&self) -> HResult {
        let task = &self.shared;
        task.host.recorder.call(host_task::START, format_args!("#{}", task.id), || {
            if task.host.availability().is_none_or(|availability| availability.is_disabled()) {
                return HResult::E_FAIL;
            }
            let start = task.start.lock().unwrap_or_else(PoisonError::into_inner).take();
            match start {
                Some(start) => birth::start(task, start),
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
            if let Err(error) = task.host.check_available() {
                return error;
            }
            let mut bound = task.clr();
            let is_other = |(bound, new): (&RuntimeTask, &RuntimeTask)| !bound.is(new);
            if bound.as_ref().zip(clr_task).is_some_and(is_other) {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            let before = std::mem::replace(&mut *bound, clr_task.cloned());
            drop(bound);
            // Outside of the lock: it may be the last reference to something of the VM's.
            drop(before);
            HResult::S_OK
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
