//! What becomes of operations and failures: the policies that a host sets, and how one action leads to a more severe one.
//!
//! An action stands for an operation, which has a default action of its own; if that is more severe, it is taken in its
//! place, and so on ([`Policies::final_action`]).
//!
//! `tables.rs` says what may be set, `manager.rs` how it is set and told of, `engine.rs` how an action is taken. What
//! comes of it: `events.rs`, `unload.rs`, `finalizer.rs`, `overflow.rs`, `exit.rs`.
//!
//! Must not: call the host or the VM with the policies locked.

mod engine;
mod events;
mod exit;
mod finalizer;
mod manager;
mod overflow;
mod tables;
mod unload;

pub(super) use events::Subscribers;
pub use events::{ActionOnClrEvent, ClrEventData, RuntimeOnEventManager};
pub use finalizer::FinalizerRun;
pub use manager::{HostPolicyManager, RuntimePolicyManager};
pub(super) use overflow::lock_in_handler;

use self::tables::Policy;
use super::HResult;
use super::defect::Defect;
use super::enums::{ClrFailure, ClrOperation, ClrUnhandledException, PolicyAction};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The policies of a runtime.
#[derive(Debug)]
pub(super) struct Policies(Mutex<Table>);

#[derive(Clone, Copy, Debug)]
struct Table {
    operations: [Policy; ClrOperation::ALL.len()],
    failures: [PolicyAction; ClrFailure::ALL.len()],
    unhandled: ClrUnhandledException,
}

impl Default for Policies {
    fn default() -> Policies {
        let operation = |at: usize| tables::initial(ClrOperation::ALL[at]);
        let failure = |at: usize| tables::initial_on_failure(ClrFailure::ALL[at]);
        Policies(Mutex::new(Table {
            operations: std::array::from_fn(operation),
            failures: std::array::from_fn(failure),
            unhandled: ClrUnhandledException::RuntimeDeterminedPolicy,
        }))
    }
}

impl Policies {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, operation: ClrOperation) -> Policy {
        self.table().operations[operation.number() as usize]
    }

    fn on_failure(&self, failure: ClrFailure) -> PolicyAction {
        self.table().failures[failure.number() as usize]
    }

    fn set(
        &self,
        operation: ClrOperation,
        is_allowed: bool,
        change: impl FnOnce(&mut Policy),
    ) -> Result<(), HResult> {
        if !is_allowed {
            return Err(HResult::E_INVALIDARG);
        }
        change(&mut self.table().operations[operation.number() as usize]);
        Ok(())
    }

    fn set_on_failure(&self, failure: ClrFailure, action: PolicyAction) -> Result<(), HResult> {
        if !tables::allows_on_failure(failure, action) {
            return Err(HResult::E_INVALIDARG);
        }
        self.table().failures[failure.number() as usize] = action;
        Ok(())
    }
}
