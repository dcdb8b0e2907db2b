//! [`RuntimeTask`]: the runtime's half of a task, with its state.
//!
//! ```text
//! Unbound --SetCLRTask--> In --SwitchOut--> Out --SwitchIn--> In --ExitTask--> Dead
//!                          |--Reset--> Unbound, kept for the next --SwitchIn--> In
//! ```
//!
//! *Current* is the half that is bound to the host task of this thread, and In. A task that waits in place stays In:
//! its thread waits with it.
//!
//! Here is what a half is, and whose. `switching.rs` has its switches, `ends.rs` how it ends or is freed for another task,
//! `asked.rs` what a host may ask it for, `abort.rs` and `yielding.rs` what is asked of the task.

use super::ClrShared;
use crate::hosting::enums::{ClrOperation, TaskType};
use crate::hosting::task::{TaskShared, current};
use crate::hosting::vm::ClrTask;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// `ICLRTask`: the runtime's half of a task. Clones are the same half.
#[derive(Clone)]
pub struct RuntimeTask {
    pub(super) shared: Arc<Half>,
}

pub(super) struct Half {
    pub(super) clr: Arc<ClrShared>,
    pub(super) vm: Arc<dyn ClrTask>,
    phase: Mutex<Phase>,
    /// For debuggers.
    pub(super) identifier: AtomicU64,
    /// What the task is for: bits of [`TaskType`].
    pub(super) types: AtomicU32,
    /// The host's half.
    host: Mutex<Weak<TaskShared>>,
    /// Operations whose time runs for the task: bits by their numbers.
    pub(super) watched: AtomicU32,
    /// Somebody wants the task to let others run, and it has not yet.
    pub(super) yield_wanted: AtomicBool,
}

/// What state a half is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Unbound,
    In,
    Out,
    Dead,
}

impl RuntimeTask {
    pub(super) fn new(clr: Arc<ClrShared>, vm: Arc<dyn ClrTask>) -> RuntimeTask {
        RuntimeTask {
            shared: Arc::new(Half {
                clr,
                vm,
                phase: Mutex::new(Phase::Unbound),
                identifier: AtomicU64::new(0),
                types: AtomicU32::new(0),
                host: Mutex::default(),
                watched: AtomicU32::new(0),
                yield_wanted: AtomicBool::new(false),
            }),
        }
    }

    /// That of the host task of this thread, in whatever state.
    pub(in crate::hosting) fn current() -> Option<RuntimeTask> {
        current::get().and_then(|task| task.clr_task())
    }

    /// Is it the same half?
    #[must_use]
    pub fn is(&self, other: &RuntimeTask) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The VM's part of it.
    #[must_use]
    pub fn vm(&self) -> &Arc<dyn ClrTask> {
        &self.shared.vm
    }

    /// Is it current on this thread?
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_bound_here() && *self.phase() == Phase::In
    }

    pub(super) fn half(&self) -> &Half {
        &self.shared
    }

    /// Is it operable, on whatever carrier?
    pub(super) fn is_in(&self) -> bool {
        *self.phase() == Phase::In
    }

    /// Is it switched out?
    #[must_use]
    pub fn is_switched_out(&self) -> bool {
        *self.phase() == Phase::Out
    }

    /// The task is of this type from here on, besides others that it may be of.
    pub fn add_type(&self, of: TaskType) {
        // ORDERING: Relaxed, bits that stand for themselves.
        self.shared.types.fetch_or(of.number(), Ordering::Relaxed);
    }

    /// Is the task of this type, perhaps besides others?
    pub(in crate::hosting) fn is_of(&self, of: TaskType) -> bool {
        // ORDERING: Relaxed, as above.
        self.shared.types.load(Ordering::Relaxed) & of.number() != 0
    }

    /// What the task is for: the first of its types.
    #[must_use]
    pub fn task_type(&self) -> TaskType {
        // ORDERING: Relaxed, as above.
        TaskType::first_of(self.shared.types.load(Ordering::Relaxed))
    }

    pub(super) fn host_link(&self) -> MutexGuard<'_, Weak<TaskShared>> {
        self.shared.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time begins to run for the operation. False: it does already.
    pub(in crate::hosting) fn begin_watch(&self, operation: ClrOperation) -> bool {
        let bit = 1 << operation.number();
        // ORDERING: Relaxed, a bit that stands for itself.
        self.shared.watched.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    pub(super) fn phase(&self) -> MutexGuard<'_, Phase> {
        self.shared.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is the host task of this thread bound to it?
    pub(super) fn is_bound_here(&self) -> bool {
        RuntimeTask::current().is_some_and(|bound| bound.is(self))
    }

    /// It was bound to a host task: it is operable.
    pub(in crate::hosting) fn bound(&self, task: &Arc<TaskShared>) {
        *self.host_link() = Arc::downgrade(task);
        let mut phase = self.phase();
        if *phase == Phase::Unbound {
            *phase = Phase::In;
        }
    }
}

impl fmt::Debug for RuntimeTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeTask")
            .field("phase", &*self.phase())
            .field("identifier", &self.identifier())
            .field("type", &self.task_type())
            .finish_non_exhaustive()
    }
}
