//! What a runtime asks a host for.

use crate::hosting::HResult;
use crate::hosting::escalation::HostPolicyManager;
use crate::hosting::gc::HostGcManager;
use crate::hosting::iid::Iid;
use crate::hosting::method::Interface;
use crate::hosting::pool::HostThreadPoolManager;
use crate::hosting::sync::HostSyncManager;
use crate::hosting::task::HostTaskManager;
use std::fmt;
use std::sync::Arc;

/// A manager that a host gives to a runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostManager {
    /// `IHostTaskManager`.
    Task(HostTaskManager),
    /// `IHostGCManager`.
    Gc(HostGcManager),
    /// `IHostThreadPoolManager`.
    ThreadPool(HostThreadPoolManager),
    /// `IHostSyncManager`.
    Sync(HostSyncManager),
    /// `IHostPolicyManager`.
    Policy(Arc<dyn HostPolicyManager>),
}

impl fmt::Debug for dyn HostPolicyManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostPolicyManager")
    }
}

impl HostManager {
    /// Which interface it is.
    #[must_use]
    pub fn interface(&self) -> Interface {
        match self {
            HostManager::Task(_) => Interface::HostTaskManager,
            HostManager::Gc(_) => Interface::HostGcManager,
            HostManager::ThreadPool(_) => Interface::HostThreadPoolManager,
            HostManager::Sync(_) => Interface::HostSyncManager,
            HostManager::Policy(_) => Interface::HostPolicyManager,
        }
    }
}

/// The host's control object: `IHostControl`.
///
/// [`Host`](super::Host) is one that offers every manager. A program that wants to keep some from a VM wraps it.
pub trait HostControl: Send + Sync {
    /// The manager with this id.
    ///
    /// # Errors
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for [`Iid::NIL`]; [`E_NOINTERFACE`](HResult::E_NOINTERFACE) for a manager
    /// that the host does not offer: the runtime does that by itself then.
    fn get_host_manager(&self, iid: Iid) -> Result<HostManager, HResult>;

    /// A group of tasks has come into being.
    fn set_app_domain_manager(&self, id: u32) -> HResult {
        let _ = id;
        HResult::S_OK
    }
}
