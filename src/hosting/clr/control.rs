//! [`ClrControl`]: what a host asks a runtime for.

use super::debug::RuntimeDebugManager;
use super::{Inner, RuntimeTaskManager};
use crate::hosting::HResult;
use crate::hosting::escalation::{RuntimeOnEventManager, RuntimePolicyManager};
use crate::hosting::gc::RuntimeGcManager;
use crate::hosting::iid::Iid;
use crate::hosting::method::{Interface, clr_control};
use std::sync::{Arc, PoisonError};

/// A manager of the runtime's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClrManager {
    /// `ICLRTaskManager`.
    Task(RuntimeTaskManager),
    /// `ICLRGCManager`.
    Gc(RuntimeGcManager),
    /// `ICLRDebugManager`.
    Debug(RuntimeDebugManager),
    /// `ICLRPolicyManager`.
    Policy(RuntimePolicyManager),
    /// `ICLROnEventManager`.
    OnEvent(RuntimeOnEventManager),
}

/// `ICLRControl`: a host's way to the managers of the runtime. Clones are the same.
#[derive(Clone, Debug)]
pub struct ClrControl {
    inner: Arc<Inner>,
}

impl ClrControl {
    pub(super) fn new(inner: Arc<Inner>) -> ClrControl {
        ClrControl { inner }
    }

    /// The manager with this id. Before the start, too.
    ///
    /// # Errors
    /// [`E_NOINTERFACE`](HResult::E_NOINTERFACE): there is none. [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE): the
    /// runtime is stopped or disabled.
    pub fn get_clr_manager(&self, iid: Iid) -> Result<ClrManager, HResult> {
        let Inner { shared, .. } = &*self.inner;
        shared.call(clr_control::GET_CLR_MANAGER, format_args!("{iid:?}"), || {
            shared.check_settable()?;
            self.manager(iid).ok_or(HResult::E_NOINTERFACE)
        })
    }

    fn manager(&self, iid: Iid) -> Option<ClrManager> {
        let shared = || self.inner.shared.clone();
        Some(match iid.interface()? {
            Interface::ClrTaskManager => {
                ClrManager::Task(RuntimeTaskManager::new(self.inner.clone()))
            }
            Interface::ClrGcManager => ClrManager::Gc(RuntimeGcManager::new(self.inner.clone())),
            Interface::ClrDebugManager => {
                ClrManager::Debug(RuntimeDebugManager::new(self.inner.clone()))
            }
            Interface::ClrPolicyManager => ClrManager::Policy(RuntimePolicyManager::new(shared())),
            Interface::ClrOnEventManager => {
                ClrManager::OnEvent(RuntimeOnEventManager::new(shared()))
            }
            _ => return None,
        })
    }

    /// Names what a VM makes first in each of its groups: a type, and the assembly that it is in. The VM reads it by
    /// [`ClrRuntimeHost::app_domain_manager_type`](super::ClrRuntimeHost::app_domain_manager_type). Before the start, too; the
    /// last call counts.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) if either has no name;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the runtime is stopped or disabled.
    pub fn set_app_domain_manager_type(&self, assembly: &str, name: &str) -> HResult {
        let shared = &self.inner.shared;
        let arguments = format_args!("{assembly} {name}");
        shared.call(clr_control::SET_APP_DOMAIN_MANAGER_TYPE, arguments, || {
            if let Err(error) = shared.check_settable() {
                return error;
            }
            if assembly.is_empty() || name.is_empty() {
                return HResult::E_INVALIDARG;
            }
            let named = Some((assembly.to_owned(), name.to_owned()));
            *self.inner.manager_type.lock().unwrap_or_else(PoisonError::into_inner) = named;
            HResult::S_OK
        })
    }
}
