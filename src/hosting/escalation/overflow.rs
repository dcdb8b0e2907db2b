//! A hosted task has overflowed its stack: those who asked are told, and the process ends as the policy says.
//!
//! All of it runs in the signal handler, on the thread's stack for that, of which
//! [`HostTaskManager::set_stack_guarantee`](crate::hosting::HostTaskManager::set_stack_guarantee) speaks. The thread was stopped
//! anywhere, perhaps in an allocation or with a lock: so nothing is allocated here, nothing is dropped, and a lock that is
//! not to be had in a while is done without. The host's observer is not told.
//!
//! Frames on a full stack can be neither resumed nor unwound, so nothing but the end of the process is left: what would
//! unload a group or disable the runtime is a rude end in its place, and an orderly one is none.

use super::exit::{at_once, log};
use super::{ClrEventData, Policies};
use crate::hosting::HResult;
use crate::hosting::clr::{ClrShared, guarded};
use crate::hosting::enums::{ClrEvent, ClrFailure, PolicyAction, StackOverflowType};
use std::mem;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// How often a lock is tried that another thread has just now.
const TRIES: u32 = 100_000;

/// The lock, unless somebody keeps it: perhaps this very thread.
pub(in crate::hosting) fn lock_in_handler<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..TRIES {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
        }
    }
    None
}

impl StackOverflowType {
    /// By the layer on top. The VM's own code is not told from managed code.
    pub(in crate::hosting) fn of(in_native_code: bool) -> StackOverflowType {
        if in_native_code { StackOverflowType::Other } else { StackOverflowType::Managed }
    }
}

impl Policies {
    fn on_overflow(&self) -> PolicyAction {
        let asked = lock_in_handler(&self.0)
            .map(|table| table.failures[ClrFailure::StackOverflow.number() as usize]);
        match asked {
            Some(end @ (PolicyAction::ExitProcess | PolicyAction::FastExitProcess)) => end,
            _ => PolicyAction::RudeExitProcess,
        }
    }
}

impl ClrShared {
    /// The current task has overflowed its stack, in code of this kind. In the signal handler. Returns if the runtime is not
    /// available: then it has no policies.
    pub(in crate::hosting) fn overflowed(&self, of: StackOverflowType) {
        if self.availability.check().is_err() {
            return;
        }
        let data = ClrEventData::StackOverflow(of);
        // Never dropped: it may be the last reference to something.
        let told = mem::ManuallyDrop::new(self.subscribers.in_handler());
        let told = told.iter().flat_map(|told| told.iter());
        for (_, action) in told.filter(|(of, _)| *of == ClrEvent::StackOverflow) {
            let _ = guarded(|| action.on_event(ClrEvent::StackOverflow, data));
        }
        let cause = HResult::HOST_E_EXITPROCESS_STACKOVERFLOW;
        log(self.policies.on_overflow(), cause);
        at_once(cause)
    }
}
