//! Switches of a task, as its runtime's half is told of them, and the numbers of carriers.

use super::RuntimeTask;
use super::task::Phase;
use super::vm_calls::guarded;
use crate::hosting::HResult;
use crate::hosting::method::clr_task;
use crate::hosting::task::{HostTask, current};
use crate::hosting::vm::CarrierHandle;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

impl RuntimeTask {
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
