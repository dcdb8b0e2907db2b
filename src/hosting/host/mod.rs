//! [`Host`]: the host's side, over a runtime of this crate.
//!
//! `builder.rs`: how it is made. `control.rs`: what a VM asks it for.

mod builder;
mod control;

pub use builder::{Attach, HostBuilder, TaskMode};
pub use control::{HostControl, HostManager};

use self::builder::Options;
use super::HResult;
use super::availability::Availability;
use super::clr::{ClrShared, RuntimeSyncManager, RuntimeTask};
use super::defect::Defects;
use super::escalation::HostPolicyManager;
use super::gc::{HostGcManager, Suspender};
use super::iid::Iid;
use super::method::{Interface, Method};
use super::pool::{HostThreadPoolManager, Pool};
use super::recorder::Recorder;
use super::sync::{HostSyncManager, Objects};
use super::task::{Awaited, HostTaskManager};
use super::wait::{Waits, look_when_blocked};
use crate::Handle;
use crate::transition::Layers;
use sortie_scheduler::crossing::Bound;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A host: the managers that a VM is given, over a runtime of this crate.
///
/// Its tasks are tasks of that runtime, and its locks, events and waits are the crate's. A VM gets the managers by
/// [`ClrRuntimeHost::set_host_control`](super::ClrRuntimeHost::set_host_control). Clones are the same host.
///
/// ```
/// use sortie::hosting::{ClrRuntimeHost, HResult, Host};
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let host = Host::builder(&runtime.handle()).build();
/// let clr = ClrRuntimeHost::builder().build();
/// clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
/// clr.start().ok()?;
///
/// let task = host.task_manager().create_task(0, || 0)?;
/// task.start().ok()?;
/// # while !task.is_done() {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Host {
    shared: Arc<HostShared>,
}

impl Host {
    fn new(builder: HostBuilder) -> Host {
        let workers = builder.handle.snapshot().workers;
        sortie_scheduler::wait::look_when_blocked(look_when_blocked);
        Host {
            shared: Arc::new(HostShared {
                handle: builder.handle,
                options: builder.options,
                recorder: builder.recorder,
                defects: builder.defects,
                policies: builder.policies,
                clr: OnceLock::new(),
                tasks: AtomicU64::new(0),
                kept: Mutex::default(),
                pool: Pool::new(workers),
                awaited: Awaited::default(),
                suspender: Suspender::default(),
                forced_yields: AtomicU64::new(0),
                objects: Objects::new(builder.options.sync_objects),
                waits: Waits::default(),
                clr_sync: OnceLock::new(),
                processors: std::thread::available_parallelism().map_or(1, usize::from),
            }),
        }
    }

    /// Options for a host over this runtime.
    pub fn builder(runtime: &Handle) -> HostBuilder {
        HostBuilder::new(runtime)
    }

    /// Its tasks: `IHostTaskManager`.
    #[must_use]
    pub fn task_manager(&self) -> HostTaskManager {
        HostTaskManager::new(self.shared.clone())
    }

    /// What it is told of collections: `IHostGCManager`.
    #[must_use]
    pub fn gc_manager(&self) -> HostGcManager {
        HostGcManager::new(self.shared.clone())
    }

    /// What its tasks are synchronized with: `IHostSyncManager`.
    #[must_use]
    pub fn sync_manager(&self) -> HostSyncManager {
        HostSyncManager::new(self.shared.clone())
    }

    /// Its thread pool: `IHostThreadPoolManager`.
    #[must_use]
    pub fn thread_pool_manager(&self) -> HostThreadPoolManager {
        HostThreadPoolManager::new(self.shared.clone())
    }

    /// How often its tasks have let others run only because they were asked to
    /// ([`HostTask::forced_yields`](super::HostTask::forced_yields)).
    #[must_use]
    pub fn forced_yields(&self) -> u64 {
        // ORDERING: Relaxed, a count that stands for itself.
        self.shared.forced_yields.load(Ordering::Relaxed)
    }
}

impl HostControl for Host {
    fn get_host_manager(&self, iid: Iid) -> Result<HostManager, HResult> {
        self.shared.check_settable()?;
        if iid == Iid::NIL {
            return Err(HResult::E_INVALIDARG);
        }
        match iid.interface() {
            Some(Interface::HostTaskManager) => Ok(HostManager::Task(self.task_manager())),
            Some(Interface::HostGcManager) => Ok(HostManager::Gc(self.gc_manager())),
            Some(Interface::HostSyncManager) => Ok(HostManager::Sync(self.sync_manager())),
            Some(Interface::HostThreadPoolManager) => {
                Ok(HostManager::ThreadPool(self.thread_pool_manager()))
            }
            Some(Interface::HostPolicyManager) => {
                let policies = self.shared.policies.clone().ok_or(HResult::E_NOINTERFACE)?;
                Ok(HostManager::Policy(policies))
            }
            _ => Err(HResult::E_NOINTERFACE),
        }
    }
}

/// What the managers of a host share.
pub(super) struct HostShared {
    pub(super) handle: Handle,
    pub(super) options: Options,
    pub(super) recorder: Recorder,
    pub(super) defects: Defects,
    /// For the runtime that asks for it.
    policies: Option<Arc<dyn HostPolicyManager>>,
    /// The runtime that has given its task manager: the other side.
    clr: OnceLock<Arc<ClrShared>>,
    /// So many tasks have had a number.
    tasks: AtomicU64,
    /// Halves of the runtime's that were reset, for the next tasks.
    kept: Mutex<Vec<RuntimeTask>>,
    pub(super) pool: Pool,
    /// Switched out while the VM waits for them, and not in again.
    pub(super) awaited: Awaited,
    pub(super) suspender: Suspender,
    /// So many times its tasks were made to yield.
    forced_yields: AtomicU64,
    pub(super) objects: Objects,
    /// The waits of its tasks that are under way.
    pub(super) waits: Waits,
    /// Who knows the owners of the VM's locks.
    clr_sync: OnceLock<RuntimeSyncManager>,
    pub(super) processors: usize,
}

impl HostShared {
    /// The other side is known from here on.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): it was before.
    pub(super) fn set_clr(&self, clr: Arc<ClrShared>) -> Result<(), HResult> {
        self.clr.set(clr).map_err(|_| HResult::HOST_E_INVALIDOPERATION)
    }

    /// The owners of the VM's locks are to be had from here on.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): they were before.
    pub(super) fn set_clr_sync(&self, sync: RuntimeSyncManager) -> Result<(), HResult> {
        self.clr_sync.set(sync).map_err(|_| HResult::HOST_E_INVALIDOPERATION)
    }

    pub(super) fn clr_sync(&self) -> Option<&RuntimeSyncManager> {
        self.clr_sync.get()
    }

    /// Is the runtime there?
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    #[inline]
    pub(super) fn check_available(&self) -> Result<(), HResult> {
        self.availability().ok_or(HResult::HOST_E_CLRNOTAVAILABLE)?.check()
    }

    /// May something be set that is set before the start, too?
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE): the runtime is stopped, or disabled.
    pub(super) fn check_settable(&self) -> Result<(), HResult> {
        self.clr.get().map_or(Ok(()), |clr| clr.check_settable())
    }

    pub(super) fn availability(&self) -> Option<&Availability> {
        self.clr.get().map(|clr| &clr.availability)
    }

    /// Makes a call of the VM's that may fail for good, and tells of it: such a failure disables the runtime.
    pub(super) fn call(
        &self,
        method: Method,
        arguments: fmt::Arguments<'_>,
        call: impl FnOnce() -> HResult,
    ) -> HResult {
        let result = self.recorder.call(method, arguments, call);
        if result == HResult::E_FAIL
            && let Some(clr) = self.clr.get()
        {
            clr.disable();
        }
        result
    }

    /// A half that was reset waits for its next task.
    pub(super) fn keep(&self, half: RuntimeTask) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(half);
    }

    /// A half for another task.
    pub(super) fn take_kept(&self) -> Option<RuntimeTask> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// A number for a new task.
    pub(super) fn next_task(&self) -> u64 {
        // ORDERING: Relaxed, numbers only differ.
        self.tasks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A task of its was made to yield.
    pub(super) fn count_forced_yield(&self) {
        // ORDERING: Relaxed, a count that stands for itself.
        self.forced_yields.fetch_add(1, Ordering::Relaxed);
    }

    /// Enters managed code within the host's bound, and while the runtime is there.
    pub(super) fn within_bound<R>(&self, enter: impl FnOnce(&Bound<'_>) -> R) -> R {
        let until = self.options.entry_bound.map(deadline);
        enter(&Bound { until, is_cancelled: &|| self.check_available().is_err() })
    }

    /// The layers of a new task behave as the host was told.
    pub(super) fn set_up_layers(&self, layers: &mut Layers) {
        layers.set_strict(self.options.strict);
        layers.set_depth_limit(self.options.depth_limit);
    }
}

impl fmt::Debug for HostShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostShared")
            .field("options", &self.options)
            .field("availability", &self.availability())
            .finish_non_exhaustive()
    }
}
