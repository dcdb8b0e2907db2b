//! [`ClrRuntimeHost`]: the runtime's side, for a VM that brings no hosting of its own.
//!
//! - `control.rs`: what a host asks it for; by that it gets the managers: of tasks (`task_manager.rs`), of
//!   synchronization (`sync_manager.rs`), of debug connections (`debug.rs`).
//! - `task.rs`: the runtime's half of a task; `switching.rs`, `yielding.rs`, `abort.rs`, `asked.rs`, `ends.rs`: what the
//!   host tells it and asks of it, from its first switch to its end.
//! - `group.rs`: application domains. `helper.rs`: threads of the VM's own.
//! - `vm_calls.rs`: how the VM is called. `shared.rs`: what the managers share.

mod abort;
mod asked;
mod control;
mod debug;
mod ends;
mod group;
mod helper;
mod shared;
mod switching;
mod sync_manager;
mod task;
mod task_manager;
mod vm_calls;
mod yielding;

pub use control::{ClrControl, ClrManager};
pub use debug::{Connection, RuntimeDebugManager};
pub use sync_manager::RuntimeSyncManager;
pub use task::RuntimeTask;
pub use task_manager::RuntimeTaskManager;
pub(super) use vm_calls::{answered, guarded};

use self::debug::Connections;
pub(super) use self::shared::{ClrShared, Inner};
use super::HResult;
use super::availability::Availability;
use super::enums::{ClrFailure, PolicyAction};
use super::escalation::{Policies, RuntimeOnEventManager, RuntimePolicyManager, Subscribers};
use super::gc::{Limits, RuntimeGcManager};
use super::group::{self as groups, Groups};
use super::host::{HostControl, HostManager};
use super::method::{Interface, clr_runtime_host, host_control};
use super::observe::Observer;
use super::recorder::Recorder;
use super::task::current;
use super::vm::{ClrGc, ClrSyncManager, ClrTaskManager, Plain};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The order in which a runtime asks a host for its managers.
const ASKED_FOR: [Interface; 5] = [
    Interface::HostTaskManager,
    Interface::HostThreadPoolManager,
    Interface::HostSyncManager,
    Interface::HostGcManager,
    Interface::HostPolicyManager,
];

/// Options for a [`ClrRuntimeHost`].
#[derive(Clone)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ClrBuilder {
    tasks: Arc<dyn ClrTaskManager>,
    gc: Arc<dyn ClrGc>,
    locks: Arc<dyn ClrSyncManager>,
    recorder: Recorder,
}

impl ClrBuilder {
    /// Who makes the VM's halves of tasks. [`Plain`] if nothing is said.
    pub fn tasks(mut self, tasks: Arc<dyn ClrTaskManager>) -> ClrBuilder {
        self.tasks = tasks;
        self
    }

    /// The VM's collector. [`Plain`], which collects nothing, if nothing is said.
    pub fn gc(mut self, gc: Arc<dyn ClrGc>) -> ClrBuilder {
        self.gc = gc;
        self
    }

    /// Who knows the owners of the VM's locks. [`Plain`] if nothing is said, which has none.
    pub fn locks(mut self, locks: Arc<dyn ClrSyncManager>) -> ClrBuilder {
        self.locks = locks;
        self
    }

    /// Who is told of each call of the runtime's and to it.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> ClrBuilder {
        self.recorder = Recorder::new(Some(observer));
        self
    }

    /// The runtime, not started.
    #[must_use]
    pub fn build(self) -> ClrRuntimeHost {
        let shared = Arc::new(ClrShared {
            availability: Availability::default(),
            recorder: self.recorder,
            tasks: self.tasks,
            gc: self.gc,
            policies: Policies::default(),
            subscribers: Subscribers::default(),
            groups: Groups::default(),
            side: OnceLock::new(),
        });
        let inner = Inner {
            sync: RuntimeSyncManager::new(shared.clone(), self.locks),
            shared,
            host_tasks: OnceLock::new(),
            host_gc: OnceLock::new(),
            host_policies: OnceLock::new(),
            limits: Limits::default(),
            control: Mutex::new(None),
            connections: Connections::default(),
            manager_type: Mutex::new(None),
        };
        let inner = Arc::new(inner);
        let _ = inner.shared.side.set(Arc::downgrade(&inner));
        ClrRuntimeHost { inner }
    }
}

impl fmt::Debug for ClrBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClrBuilder").finish_non_exhaustive()
    }
}

/// The runtime that is hosted: `ICLRRuntimeHost`.
///
/// It keeps the states of tasks, counts starts and stops, and asks the host for its managers; what only the VM knows
/// it asks the VM ([`ClrBuilder`]). Clones are the same runtime.
#[derive(Clone, Debug)]
pub struct ClrRuntimeHost {
    inner: Arc<Inner>,
}

impl ClrRuntimeHost {
    /// Options for a runtime.
    pub fn builder() -> ClrBuilder {
        ClrBuilder {
            tasks: Arc::new(Plain),
            gc: Arc::new(Plain),
            locks: Arc::new(Plain),
            recorder: Recorder::default(),
        }
    }

    /// Takes the host's control object, asks it for each manager once, and hands over the counterparts. To be called
    /// before [`start`](ClrRuntimeHost::start).
    ///
    /// Returns [`E_INVALIDARG`](HResult::E_INVALIDARG) without an object,
    /// [`E_CLR_ALREADY_STARTED`](HResult::E_CLR_ALREADY_STARTED) once the runtime was started, and
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host serves another runtime.
    pub fn set_host_control(&self, control: Option<Arc<dyn HostControl>>) -> HResult {
        let Inner { shared, control: kept, .. } = &*self.inner;
        shared.call(clr_runtime_host::SET_HOST_CONTROL, format_args!(""), || {
            let Some(control) = control else { return HResult::E_INVALIDARG };
            if shared.availability.was_started() {
                return HResult::E_CLR_ALREADY_STARTED;
            }
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(control.clone());
            for interface in ASKED_FOR {
                let asked = format_args!("{}", interface.name());
                let manager = shared.recorder.call(host_control::GET_HOST_MANAGER, asked, || {
                    control.get_host_manager(interface.iid())
                });
                // A host without it leaves the matter to the runtime.
                let Ok(manager) = manager else { continue };
                let result = self.take(manager);
                if result.is_failure() {
                    return result;
                }
            }
            HResult::S_OK
        })
    }

    /// Starts the runtime. Starts are counted: [`S_FALSE`](HResult::S_FALSE) if it was started already.
    ///
    /// Hosting calls are answered from here on.
    pub fn start(&self) -> HResult {
        let Inner { shared, host_tasks, .. } = &*self.inner;
        shared.call(clr_runtime_host::START, format_args!(""), || {
            let was_started = shared.availability.was_started();
            let result = shared.availability.start();
            if result == HResult::S_OK && !was_started {
                self.tell_of_group(groups::DEFAULT);
            }
            if result == HResult::S_OK
                && let Some(tasks) = host_tasks.get()
            {
                // As the runtime does on the thread that starts it, which has no task of its own.
                let _ = tasks.begin_thread_affinity();
                let _ = tasks.end_thread_affinity();
            }
            result
        })
    }

    /// Takes one start back. [`S_FALSE`](HResult::S_FALSE) while others remain;
    /// [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if there is none. After the last one hosting calls are not answered;
    /// nothing is freed, and tasks stay.
    pub fn stop(&self) -> HResult {
        let Inner { shared, host_tasks, .. } = &*self.inner;
        shared.call(clr_runtime_host::STOP, format_args!(""), || {
            let result = shared.availability.stop();
            if let Some(tasks) = host_tasks.get() {
                // Those that wait to come in are let go.
                tasks.wake_entries();
            }
            result
        })
    }

    /// The host's way to the managers of the runtime. To be asked for before the start.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the runtime was started.
    pub fn get_clr_control(&self) -> Result<ClrControl, HResult> {
        let shared = &self.inner.shared;
        shared.call(clr_runtime_host::GET_CLR_CONTROL, format_args!(""), || {
            if shared.availability.was_started() {
                return Err(HResult::HOST_E_INVALIDOPERATION);
            }
            Ok(ClrControl::new(self.inner.clone()))
        })
    }

    pub(super) fn shared(&self) -> &Arc<ClrShared> {
        &self.inner.shared
    }

    /// Its tasks: `ICLRTaskManager`.
    #[must_use]
    pub fn task_manager(&self) -> RuntimeTaskManager {
        RuntimeTaskManager::new(self.inner.clone())
    }

    /// Its collector: `ICLRGCManager`, and how the VM stops its tasks.
    #[must_use]
    pub fn gc_manager(&self) -> RuntimeGcManager {
        RuntimeGcManager::new(self.inner.clone())
    }

    /// The owners of the VM's locks: `ICLRSyncManager`.
    #[must_use]
    pub fn sync_manager(&self) -> RuntimeSyncManager {
        self.inner.sync.clone()
    }

    /// What it does about operations and failures: `ICLRPolicyManager`.
    #[must_use]
    pub fn policy_manager(&self) -> RuntimePolicyManager {
        RuntimePolicyManager::new(self.inner.shared.clone())
    }

    /// Who is told of its events: `ICLROnEventManager`.
    #[must_use]
    pub fn on_event_manager(&self) -> RuntimeOnEventManager {
        RuntimeOnEventManager::new(self.inner.shared.clone())
    }

    /// Something has failed: the runtime itself, or the current task. The VM says so, the host is told, and what the
    /// policies want is done: the answer is that. [`ThrowException`](PolicyAction::ThrowException) is the VM's to do; it takes
    /// the place of an unload of the group that is there from the start on.
    ///
    /// A shortage while the task holds a lock is told as [`CriticalResource`](ClrFailure::CriticalResource). An abort
    /// unwinds the task from here.
    ///
    /// # Errors
    /// [`E_FAIL`](HResult::E_FAIL): the runtime is disabled from here on.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn report_failure(&self, failure: ClrFailure) -> Result<PolicyAction, HResult> {
        let shared = &self.inner.shared;
        shared.availability.check()?;
        let half = current::get().and_then(|task| task.clr_task());
        shared.fail(half.as_ref(), failure)
    }

    /// Nobody has handled an exception of the current task: the VM says so at the task's base. By the
    /// [policy](RuntimePolicyManager::set_unhandled_exception_policy) it ends the process, with the code
    /// [`E_FAIL`](HResult::E_FAIL); or the host is told, and this returns: the task is to end then, and nothing else does.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_FAIL`](HResult::E_FAIL) if the runtime is disabled in place of the process's end;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn report_unhandled_exception(&self) -> HResult {
        let shared = &self.inner.shared;
        HResult::from(shared.availability.check().and_then(|()| shared.leave_unhandled()))
    }

    /// The assembly and the type that the host wants made first in each group
    /// ([`set_app_domain_manager_type`](ClrControl::set_app_domain_manager_type)); `None`: it has named none.
    #[must_use]
    pub fn app_domain_manager_type(&self) -> Option<(String, String)> {
        self.inner.manager_type.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A group of tasks has come into being: the host is told, once.
    fn tell_of_group(&self, id: u32) {
        let Inner { shared, control, .. } = &*self.inner;
        let control = control.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(control) = control {
            let _ = shared.recorder.call(
                host_control::SET_APP_DOMAIN_MANAGER,
                format_args!("{id}"),
                || control.set_app_domain_manager(id),
            );
        }
    }

    /// Takes a manager of the host's, and gives it its counterpart.
    fn take(&self, manager: HostManager) -> HResult {
        match manager {
            HostManager::Task(tasks) => {
                let result = tasks.set_clr_task_manager(&self.task_manager());
                if result.is_success() {
                    let _ = self.inner.host_tasks.set(tasks);
                }
                result
            }
            HostManager::Gc(gc) => {
                let _ = self.inner.host_gc.set(gc);
                HResult::S_OK
            }
            HostManager::Sync(sync) => sync.set_clr_sync_manager(&self.inner.sync),
            HostManager::Policy(policies) => {
                let _ = self.inner.host_policies.set(policies);
                HResult::S_OK
            }
            // Used by the VM as it is.
            HostManager::ThreadPool(_) => HResult::S_OK,
        }
    }
}
