//! What the managers of a runtime share, and what its host knows of it.

use super::RuntimeSyncManager;
use super::debug::Connections;
use crate::hosting::HResult;
use crate::hosting::availability::Availability;
use crate::hosting::escalation::{HostPolicyManager, Policies, Subscribers};
use crate::hosting::gc::{HostGcManager, Limits};
use crate::hosting::group::Groups;
use crate::hosting::host::HostControl;
use crate::hosting::method::Method;
use crate::hosting::recorder::{Outcome, Recorder};
use crate::hosting::task::HostTaskManager;
use crate::hosting::vm::{ClrGc, ClrTaskManager};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// What the managers of a runtime share.
pub(in crate::hosting) struct Inner {
    pub(in crate::hosting) shared: Arc<ClrShared>,
    pub(super) sync: RuntimeSyncManager,
    /// The host's tasks, if it offers them.
    pub(in crate::hosting) host_tasks: OnceLock<HostTaskManager>,
    /// What the host is told of collections, if it wants to be.
    pub(in crate::hosting) host_gc: OnceLock<HostGcManager>,
    /// Who is told of what policies do, if the host wants to be.
    pub(in crate::hosting) host_policies: OnceLock<Arc<dyn HostPolicyManager>>,
    pub(in crate::hosting) limits: Limits,
    pub(super) control: Mutex<Option<Arc<dyn HostControl>>>,
    pub(super) connections: Connections,
    /// The assembly and the type that a VM makes first in a group.
    pub(super) manager_type: Mutex<Option<(String, String)>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
    }
}

/// What a host knows of a runtime. It refers to nothing of the host's, so that neither keeps the other for good.
pub(in crate::hosting) struct ClrShared {
    pub(in crate::hosting) availability: Availability,
    pub(in crate::hosting) recorder: Recorder,
    pub(in crate::hosting) tasks: Arc<dyn ClrTaskManager>,
    pub(in crate::hosting) gc: Arc<dyn ClrGc>,
    pub(in crate::hosting) policies: Policies,
    pub(in crate::hosting) subscribers: Subscribers,
    pub(in crate::hosting) groups: Groups,
    /// The host's managers, as long as the runtime is kept.
    pub(super) side: OnceLock<Weak<Inner>>,
}

impl ClrShared {
    /// What the runtime has of the host's; `None`: the runtime is gone.
    pub(in crate::hosting) fn side(&self) -> Option<Arc<Inner>> {
        self.side.get()?.upgrade()
    }

    /// Makes a call of the host's, and tells of it. A failure that nothing can be done about disables the runtime for good.
    pub(in crate::hosting) fn call<R: Outcome>(
        &self,
        method: Method,
        arguments: fmt::Arguments<'_>,
        call: impl FnOnce() -> R,
    ) -> R {
        let value = self.recorder.call(method, arguments, call);
        if value.result() == HResult::E_FAIL {
            self.disable();
        }
        value
    }

    /// May something be set that is set before the start, too?
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE): the runtime is stopped, or disabled.
    pub(in crate::hosting) fn check_settable(&self) -> Result<(), HResult> {
        let is_new = !self.availability.was_started() && !self.availability.is_disabled();
        if is_new { Ok(()) } else { self.availability.check() }
    }
}

impl fmt::Debug for ClrShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClrShared")
            .field("availability", &self.availability)
            .finish_non_exhaustive()
    }
}
