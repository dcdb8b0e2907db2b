//! What a host may ask for: the actions that each operation and each failure allows, and those that are taken if nothing
//! is said.
//!
//! Actions are ordered by severity, as their numbers are. Only data, and the questions for it.

use crate::hosting::enums::{ClrFailure, ClrOperation, INFINITE, PolicyAction};

/// May this be the action when the operation happens?
pub(super) fn allows(operation: ClrOperation, action: PolicyAction) -> bool {
    match operation {
        ClrOperation::FinalizerRun => {
            action == PolicyAction::NoAction || action >= PolicyAction::AbortThread
        }
        operation => action >= initial(operation).action,
    }
}

/// May the operation have a time limit?
pub(super) fn has_timeout(operation: ClrOperation) -> bool {
    operation != ClrOperation::AppDomainRudeUnload
}

/// May this be the action when the operation's time is over?
pub(super) fn allows_on_timeout(operation: ClrOperation, action: PolicyAction) -> bool {
    has_timeout(operation) && allows(operation, action)
}

/// May this be the action on the failure?
pub(super) fn allows_on_failure(failure: ClrFailure, action: PolicyAction) -> bool {
    use PolicyAction as Action;
    match failure {
        ClrFailure::NonCriticalResource | ClrFailure::CriticalResource => true,
        ClrFailure::FatalRuntime => action >= Action::RudeExitProcess,
        ClrFailure::OrphanedLock => action >= Action::UnloadAppDomain,
        ClrFailure::StackOverflow => action >= Action::RudeUnloadAppDomain,
        ClrFailure::AccessViolation => false,
        ClrFailure::CodeContract => {
            (Action::ThrowException..=Action::ExitProcess).contains(&action)
        }
    }
}

/// What is done about an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) action: PolicyAction,
    /// Milliseconds; [`INFINITE`]: it has none.
    pub(super) timeout: u32,
    pub(super) on_timeout: PolicyAction,
}

/// What is done about an operation if nothing is said.
pub(super) fn initial(operation: ClrOperation) -> Policy {
    use PolicyAction as Action;
    let (action, timeout, on_timeout) = match operation {
        ClrOperation::ThreadAbort => (Action::AbortThread, INFINITE, Action::AbortThread),
        ClrOperation::ThreadRudeAbortInNonCriticalRegion
        | ClrOperation::ThreadRudeAbortInCriticalRegion => {
            (Action::RudeAbortThread, INFINITE, Action::RudeAbortThread)
        }
        ClrOperation::AppDomainUnload => (Action::UnloadAppDomain, INFINITE, Action::NoAction),
        ClrOperation::AppDomainRudeUnload => {
            (Action::RudeUnloadAppDomain, INFINITE, Action::NoAction)
        }
        ClrOperation::ProcessExit => (Action::ExitProcess, 40_000, Action::RudeExitProcess),
        ClrOperation::FinalizerRun => (Action::NoAction, INFINITE, Action::NoAction),
    };
    Policy { action, timeout, on_timeout }
}

/// What is done about a failure if nothing is said.
pub(super) fn initial_on_failure(failure: ClrFailure) -> PolicyAction {
    match failure {
        ClrFailure::NonCriticalResource
        | ClrFailure::CriticalResource
        | ClrFailure::CodeContract => PolicyAction::ThrowException,
        ClrFailure::FatalRuntime | ClrFailure::StackOverflow => PolicyAction::RudeExitProcess,
        ClrFailure::OrphanedLock | ClrFailure::AccessViolation => PolicyAction::NoAction,
    }
}
