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
//! The VM is called without a lock held. A panic of the VM's in such a call is its failure
//! ([`E_FAIL`](HResult::E_FAIL)), and does not go into the scheduler.

use super::ClrShared;
use crate::hosting::HResult;
use crate::hosting::enums::{ClrOperation, TaskType};
use crate::hosting::method::clr_task;
use crate::hosting::task::{HostTask, Origin, TaskShared, current};
use crate::hosting::vm::{CarrierHandle, ClrTask, GcThreadStats};
use crate::task;
use sortie_scheduler::abort;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// `ICLRTask`: the runtime's half of a task. Clones are the same half.
#[derive(Clone)]
pub struct RuntimeTask {
    pub(super) shared: Arc<Half>,
}

pub(super) struct Half {
    pub(super) clr: Arc<ClrShared>,
    vm: Arc<dyn ClrTask>,
    phase: Mutex<Phase>,
    /// For debuggers.
    identifier: AtomicU64,
    /// What the task is for: bits of [`TaskType`].
    types: AtomicU32,
    /// The host's half.
    host: Mutex<Weak<TaskShared>>,
    /// Operations whose time runs for the task: bits by their numbers.
    watched: AtomicU32,
    /// Somebody wants the task to let others run, and it has not yet.
    pub(super) yield_wanted: AtomicBool,
}

/// What state a half is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
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

    /// The number that was set by [`set_task_identifier`](RuntimeTask::set_task_identifier).
    #[must_use]
    pub fn identifier(&self) -> u64 {
        // ORDERING: Relaxed, a number that stands for itself.
        self.shared.identifier.load(Ordering::Relaxed)
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

    /// The host's locks that the task holds, and the VM's.
    fn count_locks(&self) -> Result<usize, HResult> {
        let held = self.host_task().map_or(0, |task| task.shared().held.levels());
        Ok(held + answered(|| Ok(self.shared.vm.locks_held()))?)
    }

    /// Does the task hold a lock, so that a failure may leave broken what others share?
    pub(in crate::hosting) fn is_critical(&self) -> bool {
        self.count_locks().is_ok_and(|locks| locks > 0)
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.shared.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is the host task of this thread bound to it?
    fn is_bound_here(&self) -> bool {
        current::get().and_then(|task| task.clr_task()).is_some_and(|bound| bound.is(self))
    }

    /// It was bound to a host task: it is operable.
    pub(in crate::hosting) fn bound(&self, task: &Arc<TaskShared>) {
        *self.host_link() = Arc::downgrade(task);
        let mut phase = self.phase();
        if *phase == Phase::Unbound {
            *phase = Phase::In;
        }
    }

    /// Makes the task operable on this carrier: on the task's own stack, after a switch.
    ///
    /// A half that was [reset](RuntimeTask::reset) is bound to the host task of this thread.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not switched out, or another half is
    /// current here; [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries another task; what the VM
    /// returns; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn switch_in(&self, carrier: CarrierHandle) -> HResult {
        self.shared.clr.call(clr_task::SWITCH_IN, format_args!(""), || {
            if let Err(error) = self.shared.clr.availability.check() {
                return error;
            }
            let task = current::get();
            let bound = task.as_ref().and_then(HostTask::clr_task);
            let phase = *self.phase();
            match (phase, &bound) {
                (Phase::Out, Some(bound)) if bound.is(self) => {}
                (Phase::Out, Some(bound)) if bound.is_current() => {
                    return HResult::HOST_E_INVALIDOPERATION;
                }
                (Phase::Out, _) => return HResult::HOST_E_NOT_OWNER,
                (Phase::Unbound, None) if task.is_some() => {}
                _ => return HResult::HOST_E_INVALIDOPERATION,
            }
            let result = guarded(|| self.shared.vm.switch_in(carrier));
            if result.is_failure() {
                return result;
            }
            if bound.is_none()
                && let Some(task) = task
                && let Err(error) = task.set_clr_task(Some(self)).ok()
            {
                return error;
            }
            *self.phase() = Phase::In;
            HResult::S_OK
        })
    }

    /// The task leaves its carrier: on the carrier, as the last thing before a switch.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is switched out already;
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread does not carry it; what the VM returns,
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL) if it cannot: then the task keeps its thread from here on;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn switch_out(&self) -> HResult {
        self.shared.clr.call(clr_task::SWITCH_OUT, format_args!(""), || {
            if let Err(error) = self.shared.clr.availability.check() {
                return error;
            }
            if *self.phase() != Phase::In {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            if !self.is_bound_here() {
                return HResult::HOST_E_NOT_OWNER;
            }
            let result = guarded(|| self.shared.vm.switch_out());
            if result.is_success() {
                *self.phase() = Phase::Out;
                self.has_yielded();
            }
            result
        })
    }

    /// The scheduler switches the task away. False: the VM cannot let it be.
    pub(in crate::hosting) fn before_switch(&self) -> bool {
        let is_told = *self.phase() == Phase::In && self.shared.clr.availability.check().is_ok();
        !is_told || self.switch_out().is_success()
    }

    /// The task goes on after a switch.
    pub(in crate::hosting) fn after_switch(&self) {
        if !self.is_switched_out() {
            return;
        }
        if self.switch_in(carrier_handle()).is_failure() {
            // It runs all the same, and what it must not do is refused to it by its own calls.
            tracing::error!(target: "sortie::task", "a VM has refused a task that was switched in");
        }
    }

    /// The runtime's half ends, in good order, as its task does.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current; what the VM returns;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it has ended all the same.
    pub fn exit_task(&self) -> HResult {
        self.shared.clr.call(clr_task::EXIT_TASK, format_args!(""), || {
            if !self.is_current() {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            *self.phase() = Phase::Dead;
            self.has_yielded();
            let result = guarded(|| self.shared.vm.exit_task());
            self.shared.clr.availability.check().err().unwrap_or(result)
        })
    }

    /// The thread that was adopted has ended.
    pub(in crate::hosting) fn exit_at_the_end(&self) {
        if std::mem::replace(&mut *self.phase(), Phase::Dead) == Phase::In {
            let _ = self.shared.clr.call(clr_task::EXIT_TASK, format_args!(""), || {
                guarded(|| self.shared.vm.exit_task())
            });
        }
    }

    /// Frees the half for another task: it is unbound, and switched out. `full`: the VM forgets its statics and
    /// counters, too. The runtime uses it for the next thread that is adopted. Brackets of thread affinity, and regions that
    /// prevent aborts, which it has left open on this thread are closed.
    ///
    /// Returns [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if it is not current, its task is one that the runtime has made
    /// itself, or there is managed code on its stack; what the VM returns;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn reset(&self, full: bool) -> HResult {
        self.shared.clr.call(clr_task::RESET, format_args!("{full}"), || {
            if let Err(error) = self.shared.clr.availability.check() {
                return error;
            }
            let Some(task) = current::get().filter(|_| self.is_current()) else {
                return HResult::E_UNEXPECTED;
            };
            if task.shared().origin == Origin::Made || crate::transition::layers().len() > 1 {
                return HResult::E_UNEXPECTED;
            }
            let result = guarded(|| self.shared.vm.reset(full));
            if result.is_failure() {
                return result;
            }
            *self.phase() = Phase::Unbound;
            self.has_yielded();
            *self.host_link() = Weak::new();
            // ORDERING: Relaxed, as in `begin_watch`.
            self.shared.watched.store(0, Ordering::Relaxed);
            // ORDERING: Relaxed, numbers that stand for themselves.
            self.shared.identifier.store(0, Ordering::Relaxed);
            // ORDERING: Relaxed, as above.
            self.shared.types.store(0, Ordering::Relaxed);
            task.shared().attributes.reset();
            close_regions();
            let _ = task.shared().bind(None);
            task.shared().host.keep(self.clone());
            HResult::S_OK
        })
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
}

/// What a half that is reset has left open on its thread is closed, and the brackets of thread affinity are reported.
fn close_regions() {
    while abort::end_prevent() {}
    let open = std::iter::repeat_with(task::end_thread_affinity).take_while(Result::is_ok).count();
    if open > 0 {
        tracing::warn!(
            target: "sortie::task",
            open,
            "a runtime's half was reset with brackets of thread affinity open"
        );
    }
}

/// Calls the VM. A panic is its failure.
pub(in crate::hosting) fn guarded(call: impl FnOnce() -> HResult) -> HResult {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(HResult::E_FAIL)
}

/// The same of a call that has an answer.
pub(in crate::hosting) fn answered<T>(
    call: impl FnOnce() -> Result<T, HResult>,
) -> Result<T, HResult> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(HResult::E_FAIL))
}

/// The handle of the carrier that this thread is: a number of its own. Not inlined: a task that is switched must not
/// keep the address of another thread's.
#[inline(never)]
pub(super) fn carrier_handle() -> CarrierHandle {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static HANDLE: Cell<u64> = const { Cell::new(0) };
    }
    HANDLE.with(|handle| {
        if handle.get() == 0 {
            // ORDERING: Relaxed, numbers only differ.
            handle.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        CarrierHandle(handle.get())
    })
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
