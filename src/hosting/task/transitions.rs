//! The four transitions, as a VM tells them to its host, and the question which calls it must tell of.
//!
//! They are those of [`crate::transition`], whose automaton has the table. Here are the checks that come before it
//! (is the runtime there, does this thread carry a task of the host's), the adoption of threads, and the results.
//! Checks are made in the order availability, thread and layer, policy, memory, worker; the first that fails decides.
//!
//! What succeeds returns exactly [`S_OK`](HResult::S_OK): VMs compare with that. What fails has changed nothing, but
//! for `ReverseLeaveRuntime` while the runtime is not available, which closes its layer and says so.

use super::birth;
use super::current;
use super::manager::HostTaskManager;
use crate::hosting::HResult;
use crate::hosting::defect::Defect;
use crate::hosting::method::host_task_manager;
use crate::native;
use crate::task::{self, local};
use crate::transition::{self, Event, Layers, TransitionError};

/// What is counted of a task's transitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TransitionCounts {
    /// Callbacks that renewed one which was open.
    pub renewals: u64,
    /// Refused because another layer was on top, by event as in [`Event::ALL`].
    pub unbalanced: [u64; 4],
}

impl HostTaskManager {
    /// Must calls of the native function at this address be told by
    /// [`leave_runtime`](HostTaskManager::leave_runtime), and not be inlined? By the policy of the function
    /// ([`native::policy`]); from any thread, at any time once the runtime was started. Cheap; the same until a policy
    /// changes.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE). Callers take a failure for `true`.
    pub fn call_needs_host_hook(&self, target: usize) -> Result<bool, HResult> {
        let host = &self.host;
        let arguments = format_args!("{target:#x}");
        host.recorder.call(host_task_manager::CALL_NEEDS_HOST_HOOK, arguments, || {
            host.check_available()?;
            Ok(native::needs_hook(target))
        })
    }

    /// The current task is about to call the native function at address `target`; 0: it is not known which.
    ///
    /// Pushes a native layer. From here on its worker may serve others. Does not block, keeps `errno`. If it fails the
    /// function must not be called.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the task is in native code
    /// or this thread carries none; [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the function's
    /// policy denies calls; [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY) if the layer cannot be recorded;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn leave_runtime(&self, target: usize) -> HResult {
        let host = &self.host;
        let arguments = format_args!("{target:#x}");
        host.recorder.call(host_task_manager::LEAVE_RUNTIME, arguments, || {
            HResult::from(self.check().and_then(|()| Ok(transition::leave(target)?)))
        })
    }

    /// The native function that the current task called has returned.
    ///
    /// Pops the native layer; if the worker was taken meanwhile, waits for another. An abort that was asked for is
    /// raised before it returns. Keeps `errno`. If it fails managed code must not go on.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the top layer was not made by
    /// [`leave_runtime`](HostTaskManager::leave_runtime) or this thread carries no task;
    /// [`HOST_E_TIMEOUT`](HResult::HOST_E_TIMEOUT) if there was no worker within the host's
    /// [bound](crate::hosting::HostBuilder::entry_bound), [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) if the runtime
    /// was stopped meanwhile; then the task is still in its native layer, and may try again;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn enter_runtime(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::ENTER_RUNTIME, format_args!(""), || {
            let entered =
                self.check().and_then(|()| Ok(host.within_bound(transition::enter_within)?));
            if host.defects.leaves_out(Defect::EnterUnchecked) {
                return HResult::S_OK;
            }
            entered.map(|()| task::checkpoint()).into()
        })
    }

    /// Native code calls back into managed code.
    ///
    /// Pushes a managed layer; a thread without a task is adopted first. Waits for a worker if it has none. Keeps
    /// `errno`. An abort that was asked for is raised before it returns. A thread that was adopted may call it again without the matching
    /// [`reverse_leave_runtime`](HostTaskManager::reverse_leave_runtime): that renews its callback, unless the host is
    /// [`strict`](crate::hosting::HostBuilder::strict).
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the task is in managed code;
    /// [`HOST_E_TIMEOUT`](HResult::HOST_E_TIMEOUT) and [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) as
    /// [`enter_runtime`](HostTaskManager::enter_runtime); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host refuses the thread;
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY); [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn reverse_enter_runtime(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::REVERSE_ENTER_RUNTIME, format_args!(""), || {
            let entered = host
                .check_available()
                .and_then(|()| birth::adopt(host))
                .and_then(|()| Ok(host.within_bound(transition::reverse_enter_within)?));
            entered.map(|()| task::checkpoint()).into()
        })
    }

    /// Managed code that native code has called returns there.
    ///
    /// Pops the managed layer. Does not block, keeps `errno`.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the top layer was not made by
    /// [`reverse_enter_runtime`](HostTaskManager::reverse_enter_runtime) or this thread carries no task;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and the layer is popped all the same.
    pub fn reverse_leave_runtime(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_task_manager::REVERSE_LEAVE_RUNTIME, format_args!(""), || {
            let available = host.check_available();
            if available.is_err() && host.defects.leaves_out(Defect::ReleaseLost) {
                return available.into();
            }
            let left: Result<(), HResult> = current::with(host, |_| ())
                .and_then(|()| Ok(transition::reverse_leave().or_else(ended)?));
            available.and(left).into()
        })
    }

    /// What was counted of the current task's transitions; `None`: this thread carries no task of the host's.
    #[must_use]
    pub fn transitions(&self) -> Option<TransitionCounts> {
        current::with(&self.host, |_| ()).ok()?;
        local::with(|local| local.layers(|layers| self.counts(layers)))
    }

    fn counts(&self, layers: &Layers) -> TransitionCounts {
        let counts_renewals = !self.host.defects.leaves_out(Defect::RenewalUncounted);
        TransitionCounts {
            renewals: if counts_renewals { layers.renewals() } else { 0 },
            unbalanced: Event::ALL.map(|event| layers.unbalanced(event)),
        }
    }

    /// Is the runtime there, and does this thread carry a task of the host's?
    fn check(&self) -> Result<(), HResult> {
        self.host.check_available()?;
        current::with(&self.host, |_| ())
    }
}

/// A release is done, also after the end of the runtime underneath.
fn ended(error: TransitionError) -> Result<(), TransitionError> {
    match error {
        TransitionError::ShutDown => Ok(()),
        error => Err(error),
    }
}
