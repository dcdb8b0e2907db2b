//! What a host knows of a task, and how the task itself tells it of its switches and its end.
//!
//! Others come here from any thread: the half of the runtime, an abort, a priority may be there before the task has begun,
//! and are applied at its start.
//!
//! Must not: drop what may be the VM's under a lock.

use super::attributes::Attributes;
use super::birth::Suspended;
use crate::hosting::HResult;
use crate::hosting::clr::RuntimeTask;
use crate::hosting::defect::Defect;
use crate::hosting::enums::StackOverflowType;
use crate::hosting::escalation::lock_in_handler;
use crate::hosting::group::InGroups;
use crate::hosting::host::HostShared;
use crate::hosting::sync::Held;
use crate::hosting::wait::{Object, Waiting};
use crate::sync::Event;
use crate::task::AbortHandle;
use crate::task::local::Extension;
use sortie_scheduler::wait::Owner;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What a host knows of a task.
pub(in crate::hosting) struct TaskShared {
    pub(in crate::hosting) host: Arc<HostShared>,
    pub(in crate::hosting) id: u64,
    pub(in crate::hosting) origin: Origin,
    /// What the task will run, and on what; taken at its start.
    pub(super) suspended: Mutex<Option<Suspended>>,
    /// The other half.
    clr: Mutex<Option<RuntimeTask>>,
    /// What aborts the crate's task; none before its start, and of an adopted one.
    aborter: OnceLock<AbortHandle>,
    /// What was asked for.
    abort: Mutex<Option<Abort>>,
    pub(in crate::hosting) attributes: Attributes,
    /// The crate's task that it is, as the owner of what others wait for ([`Owner`]); 0: it does not run yet, or any more.
    pub(super) as_owner: AtomicUsize,
    /// Set by its end.
    pub(in crate::hosting) done: Event,
    /// The runtime's half was reset, and no other is bound.
    pub(super) is_decoupled: AtomicBool,
    pub(in crate::hosting) waiting: Waiting,
    /// The critical sections that it holds.
    pub(in crate::hosting) held: Arc<Held>,
    pub(in crate::hosting) in_groups: InGroups,
    pub(super) leaked_layers: AtomicU64,
    pub(super) forced_yields: AtomicU64,
}

/// How a task is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Abort {
    Safe,
    Rude,
}

/// Who made a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hosting) enum Origin {
    /// The runtime, by `CreateTask`.
    Made,
    /// The host, when it adopted a thread.
    Adopted,
}

impl TaskShared {
    /// A task that is suspended until its start, or one that is there already.
    pub(super) fn new(
        host: Arc<HostShared>,
        origin: Origin,
        suspended: Option<Suspended>,
        in_groups: InGroups,
    ) -> Arc<TaskShared> {
        let id = host.next_task();
        Arc::new(TaskShared {
            host,
            id,
            origin,
            suspended: Mutex::new(suspended),
            clr: Mutex::new(None),
            aborter: OnceLock::new(),
            abort: Mutex::new(None),
            attributes: Attributes::default(),
            as_owner: AtomicUsize::new(0),
            done: Event::manual().by_priority(),
            is_decoupled: AtomicBool::new(false),
            waiting: Waiting::default(),
            held: Arc::default(),
            in_groups,
            leaked_layers: AtomicU64::new(0),
            forced_yields: AtomicU64::new(0),
        })
    }

    /// It has ended.
    pub(super) fn end(&self) {
        let orphans = self.held.orphan(&self.host);
        if orphans > 0
            && let Some(half) = self.half()
        {
            half.has_orphaned();
        }
        // ORDERING: Relaxed, a look finds it or not, and looks again.
        self.as_owner.store(0, Ordering::Relaxed);
        self.done.set();
        self.leave_groups();
    }

    fn clr(&self) -> MutexGuard<'_, Option<RuntimeTask>> {
        self.clr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtime's half.
    pub(in crate::hosting) fn half(&self) -> Option<RuntimeTask> {
        self.clr().clone()
    }

    /// Binds the runtime's half, or takes the binding back.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): another is bound.
    pub(in crate::hosting) fn bind(
        self: &Arc<Self>,
        half: Option<&RuntimeTask>,
    ) -> Result<(), HResult> {
        let mut bound = self.clr();
        let is_other = |(bound, new): (&RuntimeTask, &RuntimeTask)| !bound.is(new);
        if bound.as_ref().zip(half).is_some_and(is_other) {
            return Err(HResult::HOST_E_INVALIDOPERATION);
        }
        let before = std::mem::replace(&mut *bound, half.cloned());
        // ORDERING: Relaxed, the lock of the host's waits orders it with who joins.
        self.is_decoupled.store(before.is_some() && half.is_none(), Ordering::Relaxed);
        drop(bound);
        if before.is_some() && half.is_none() {
            let id = self.id;
            self.host.waits.abandon(|object| matches!(*object, Object::Task(task) if task == id));
        }
        if let Some(half) = half {
            half.bound(self);
        }
        // Outside of the lock: it may be the last reference to something of the VM's.
        drop(before);
        Ok(())
    }

    pub(super) fn set_aborter(&self, aborter: AbortHandle) {
        // A task is started once.
        let _ = self.aborter.set(aborter);
        if let Some(aborter) = self.aborter() {
            // It may have changed since the task was made ready.
            self.attributes.apply_priority(aborter);
        }
        // It may have been asked for before.
        let abort = *self.abort.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(abort) = abort {
            self.apply_abort(abort);
        }
    }

    /// Asks that the task unwind. What is rude stays so. An adopted thread cannot be unwound.
    pub(in crate::hosting) fn request_abort(&self, rudely: bool) {
        let asked = if rudely { Abort::Rude } else { Abort::Safe };
        let mut abort = self.abort.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = abort.map_or(asked, |before| before.max(asked));
        *abort = Some(asked);
        drop(abort);
        self.apply_abort(asked);
    }

    fn apply_abort(&self, abort: Abort) {
        match (self.aborter(), abort) {
            (Some(aborter), Abort::Safe) => aborter.abort(),
            (Some(aborter), Abort::Rude) => aborter.abort_rudely(),
            // `set_aborter` finds it, of a task that is just being started.
            (None, _) => {}
        }
    }

    /// What reaches the crate's task from other threads.
    pub(super) fn aborter(&self) -> Option<&AbortHandle> {
        self.aborter.get()
    }

    /// The task as the crate's locks and waits know it; `None`: it has not begun, or has ended.
    pub(in crate::hosting) fn owner(&self) -> Option<Owner> {
        // ORDERING: Relaxed, a look; who concludes something from it looks again.
        Owner::of(self.as_owner.load(Ordering::Relaxed))
    }

    /// Did the runtime make it?
    pub(super) fn is_made(&self) -> bool {
        self.origin == Origin::Made
    }
}

impl Extension for TaskShared {
    fn switched_out(&self) -> bool {
        let Some(half) = self.half() else { return true };
        if self.host.defects.leaves_out(Defect::SwitchOutMissing) {
            return true;
        }
        let agrees = half.before_switch();
        if agrees {
            self.hurry_if_needed();
        }
        agrees
    }

    fn switched_in(&self) {
        self.wait_while_suspended();
        if let Some(half) = self.half() {
            half.after_switch();
        }
    }

    fn is_wait_over(&self) -> bool {
        self.waiting.is_over()
    }

    fn overflowed(&self, in_native_code: bool) {
        let half = lock_in_handler(&self.clr).and_then(|half| half.clone());
        if let Some(half) = &*ManuallyDrop::new(half) {
            half.overflowed(StackOverflowType::of(in_native_code));
        }
    }

    fn ended(&self, leaked_layers: u64) {
        // ORDERING: Relaxed, published by `end`.
        self.leaked_layers.store(leaked_layers, Ordering::Relaxed);
        if let Some(half) = self.half() {
            // An adopted thread has ended: nobody has told it before.
            half.exit_at_the_end();
        }
        if self.host.suspender.ends(self.id) {
            self.host.handle.abandon_hold();
        }
        self.end();
    }
}
