//! [`RuntimePolicyManager`]: how a host sets policies; [`HostPolicyManager`]: how it is told of what they do.

use super::{Policies, tables};
use crate::hosting::HResult;
use crate::hosting::clr::ClrShared;
use crate::hosting::enums::{ClrFailure, ClrOperation, ClrUnhandledException, PolicyAction};
use crate::hosting::method::{Method, clr_policy_manager};
use std::fmt;
use std::sync::Arc;

/// `IHostPolicyManager`: who is told of an action just before it is taken. A host offers one by its
/// [`HostControl`](crate::hosting::HostControl). Does not block.
pub trait HostPolicyManager: Send + Sync {
    /// An operation's default action, escalated to the last. On the thread that asks for it.
    fn on_default_action(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        let _ = (operation, action);
        HResult::S_OK
    }

    /// An operation's time is over. On any thread.
    fn on_timeout(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        let _ = (operation, action);
        HResult::S_OK
    }

    /// A failure, but for an exhausted stack. On the task that fails.
    fn on_failure(&self, failure: ClrFailure, action: PolicyAction) -> HResult {
        let _ = (failure, action);
        HResult::S_OK
    }

    /// Nobody has handled an exception of a task, which ends by it, as the host wanted
    /// ([`HostDeterminedPolicy`](crate::hosting::ClrUnhandledException::HostDeterminedPolicy)). On that task. No method of the
    /// hosting API.
    fn on_unhandled_exception(&self) -> HResult {
        HResult::S_OK
    }
}

/// `ICLRPolicyManager`: what a runtime does about operations and failures. Each method may be called before the start,
/// too; what is set counts for what happens after it. Clones are the same manager.
///
/// Operations, failures and actions are numbers, as they come over a C interface: those of [`ClrOperation`],
/// [`ClrFailure`] and [`PolicyAction`].
///
/// ```
/// use sortie::hosting::{ClrOperation, ClrRuntimeHost, HResult, PolicyAction};
///
/// let clr = ClrRuntimeHost::builder().build();
/// let policies = clr.policy_manager();
/// let abort = ClrOperation::ThreadAbort.number();
/// let rude = PolicyAction::RudeAbortThread.number();
/// assert_eq!(policies.set_timeout_and_action(abort, 50, rude), HResult::S_OK);
/// // An abort cannot be made less of.
/// assert_eq!(policies.set_default_action(abort, 0), HResult::E_INVALIDARG);
/// ```
#[derive(Clone)]
pub struct RuntimePolicyManager {
    clr: Arc<ClrShared>,
}

impl RuntimePolicyManager {
    pub(in crate::hosting) fn new(clr: Arc<ClrShared>) -> RuntimePolicyManager {
        RuntimePolicyManager { clr }
    }

    /// What is done when the operation happens.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for a number that is none, and an action that
    /// is milder than the operation; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the runtime is stopped
    /// or disabled.
    pub fn set_default_action(&self, operation: u32, action: u32) -> HResult {
        let arguments = format_args!("{operation} {action}");
        self.call(clr_policy_manager::SET_DEFAULT_ACTION, arguments, |policies| {
            let (operation, action) = pair(operation, action)?;
            let is_allowed = tables::allows(operation, action);
            policies.set(operation, is_allowed, |policy| policy.action = action)
        })
    }

    /// How long the operation may take, in milliseconds; [`INFINITE`](crate::hosting::INFINITE): as long as it likes.
    ///
    /// Returns as [`set_default_action`](RuntimePolicyManager::set_default_action);
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for an operation that has no time limit.
    pub fn set_timeout(&self, operation: u32, milliseconds: u32) -> HResult {
        let arguments = format_args!("{operation} {milliseconds}");
        self.call(clr_policy_manager::SET_TIMEOUT, arguments, |policies| {
            let operation = ClrOperation::try_from(operation)?;
            let is_allowed = tables::has_timeout(operation);
            policies.set(operation, is_allowed, |policy| policy.timeout = milliseconds)
        })
    }

    /// What is done when the operation's time is over.
    ///
    /// Returns as [`set_timeout`](RuntimePolicyManager::set_timeout).
    pub fn set_action_on_timeout(&self, operation: u32, action: u32) -> HResult {
        let arguments = format_args!("{operation} {action}");
        self.call(clr_policy_manager::SET_ACTION_ON_TIMEOUT, arguments, |policies| {
            let (operation, action) = pair(operation, action)?;
            let is_allowed = tables::allows_on_timeout(operation, action);
            policies.set(operation, is_allowed, |policy| policy.on_timeout = action)
        })
    }

    /// [`set_timeout`](RuntimePolicyManager::set_timeout) and
    /// [`set_action_on_timeout`](RuntimePolicyManager::set_action_on_timeout), or neither.
    pub fn set_timeout_and_action(
        &self,
        operation: u32,
        milliseconds: u32,
        action: u32,
    ) -> HResult {
        let arguments = format_args!("{operation} {milliseconds} {action}");
        self.call(clr_policy_manager::SET_TIMEOUT_AND_ACTION, arguments, |policies| {
            let (operation, action) = pair(operation, action)?;
            let is_allowed = tables::allows_on_timeout(operation, action);
            policies.set(operation, is_allowed, |policy| {
                policy.timeout = milliseconds;
                policy.on_timeout = action;
            })
        })
    }

    /// What is done about a failure.
    ///
    /// Returns as [`set_default_action`](RuntimePolicyManager::set_default_action).
    pub fn set_action_on_failure(&self, failure: u32, action: u32) -> HResult {
        let arguments = format_args!("{failure} {action}");
        self.call(clr_policy_manager::SET_ACTION_ON_FAILURE, arguments, |policies| {
            policies.set_on_failure(ClrFailure::try_from(failure)?, PolicyAction::try_from(action)?)
        })
    }

    /// What an exception does that managed code does not handle. The VM tells of one by
    /// [`report_unhandled_exception`](crate::hosting::ClrRuntimeHost::report_unhandled_exception).
    ///
    /// Returns as [`set_default_action`](RuntimePolicyManager::set_default_action).
    pub fn set_unhandled_exception_policy(&self, policy: u32) -> HResult {
        let arguments = format_args!("{policy}");
        self.call(clr_policy_manager::SET_UNHANDLED_EXCEPTION_POLICY, arguments, |policies| {
            let policy = ClrUnhandledException::try_from(policy)?;
            policies.table().unhandled = policy;
            Ok(())
        })
    }

    /// What an exception does that managed code does not handle.
    #[must_use]
    pub fn unhandled_exception_policy(&self) -> ClrUnhandledException {
        self.clr.policies.table().unhandled
    }

    /// How long the operation may take, in milliseconds, and what is done when that is over.
    #[must_use]
    pub fn timeout(&self, operation: ClrOperation) -> (u32, PolicyAction) {
        let policy = self.clr.policies.of(operation);
        (policy.timeout, policy.on_timeout)
    }

    fn call(
        &self,
        method: Method,
        arguments: fmt::Arguments<'_>,
        f: impl FnOnce(&Policies) -> Result<(), HResult>,
    ) -> HResult {
        self.clr.call(method, arguments, || {
            if let Err(error) = self.clr.check_settable() {
                return error;
            }
            f(&self.clr.policies).into()
        })
    }
}

fn pair(operation: u32, action: u32) -> Result<(ClrOperation, PolicyAction), HResult> {
    Ok((ClrOperation::try_from(operation)?, PolicyAction::try_from(action)?))
}

impl fmt::Debug for RuntimePolicyManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimePolicyManager")
            .field("policies", &self.clr.policies)
            .finish_non_exhaustive()
    }
}
