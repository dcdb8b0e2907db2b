//! [`HostSyncManager`]: what a VM synchronizes its tasks with.
//!
//! Each object is one of [`crate::sync`]'s or the scheduler's, and what the model adds: who owns it is a *task*, not a
//! thread; it can be gone while tasks wait for it; others may end a wait ([`super::wait`]); and who waits goes on by its level,
//! and of a level as it came.
//!
//! `crst.rs`: critical sections. `event.rs`: events, and monitors. `semaphore.rs`: semaphores.

mod crst;
mod event;
mod semaphore;

pub(super) use crst::Held;
pub use crst::HostCrst;
pub use event::{HostAutoEvent, HostManualEvent};
pub use semaphore::HostSemaphore;

use super::HResult;
use super::clr::RuntimeSyncManager;
use super::host::HostShared;
use super::method::host_sync_manager;
use super::task::current;
use super::wait::{MessageQueue, Object};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// `IHostSyncManager`: makes objects that a VM synchronizes its tasks with. Clones are the same manager.
///
/// ```
/// use sortie::hosting::{ClrRuntimeHost, HResult, Host, INFINITE, WaitOption};
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let host = Host::builder(&runtime.handle()).build();
/// let clr = ClrRuntimeHost::builder().build();
/// clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
/// clr.start().ok()?;
///
/// let event = host.sync_manager().create_auto_event()?;
/// let sets = event.clone();
/// let task = host.task_manager().create_task(0, move || u32::from(sets.set().is_failure()))?;
/// task.start().ok()?;
/// assert_eq!(event.wait(INFINITE, WaitOption::NONE), HResult::S_OK);
/// # assert_eq!(task.join(INFINITE, WaitOption::NONE), HResult::S_OK);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HostSyncManager {
    host: Arc<HostShared>,
}

/// The objects of a host.
#[derive(Debug)]
pub(super) struct Objects {
    /// So many have had a number.
    numbers: AtomicU64,
    /// So many there are.
    alive: AtomicUsize,
    limit: usize,
}

impl Objects {
    pub(super) fn new(limit: usize) -> Objects {
        Objects { numbers: AtomicU64::new(0), alive: AtomicUsize::new(0), limit }
    }
}

/// One of a host's objects: its number, and that it counts.
#[derive(Debug)]
struct Counted {
    host: Arc<HostShared>,
    id: u64,
}

impl Counted {
    /// One more. [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY): the host has as many as it may.
    fn new(host: &Arc<HostShared>) -> Result<Counted, HResult> {
        let objects = &host.objects;
        let more = |alive| (alive < objects.limit).then_some(alive + 1);
        // ORDERING: Relaxed, a count.
        let counted = objects.alive.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.map_err(|_| HResult::E_OUTOFMEMORY)?;
        // ORDERING: Relaxed, numbers only differ.
        let id = objects.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Counted { host: host.clone(), id })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // ORDERING: Relaxed, a count.
        self.host.objects.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HostSyncManager {
    pub(super) fn new(host: Arc<HostShared>) -> HostSyncManager {
        HostSyncManager { host }
    }

    /// Takes the counterpart, which is asked for the owners of the VM's locks when tasks wait for them.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host has one;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the runtime is stopped or disabled.
    pub fn set_clr_sync_manager(&self, manager: &RuntimeSyncManager) -> HResult {
        let host = &self.host;
        host.recorder.call(host_sync_manager::SET_CLR_SYNC_MANAGER, format_args!(""), || {
            host.check_settable().and_then(|()| host.set_clr_sync(manager.clone())).into()
        })
    }

    /// A critical section: a lock that its owner may take again.
    ///
    /// # Errors
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY); [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn create_crst(&self) -> Result<HostCrst, HResult> {
        self.host.recorder.call(host_sync_manager::CREATE_CRST, format_args!(""), || {
            HostCrst::new(self.counted()?, 0)
        })
    }

    /// The same, of which who comes looks so often whether it is free before it waits; not at all on one processor.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_crst_with_spin_count(&self, spins: u32) -> Result<HostCrst, HResult> {
        let arguments = format_args!("{spins}");
        let method = host_sync_manager::CREATE_CRST_WITH_SPIN_COUNT;
        self.host.recorder.call(method, arguments, || HostCrst::new(self.counted()?, spins))
    }

    /// An event that lets one wait through, and is not set.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_auto_event(&self) -> Result<HostAutoEvent, HResult> {
        self.host.recorder.call(host_sync_manager::CREATE_AUTO_EVENT, format_args!(""), || {
            Ok(HostAutoEvent::new(self.counted()?, |id| Object::Unowned { id }))
        })
    }

    /// An event that lets all waits through while it is set.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_manual_event(&self, is_set: bool) -> Result<HostManualEvent, HResult> {
        let arguments = format_args!("{is_set}");
        self.host.recorder.call(host_sync_manager::CREATE_MANUAL_EVENT, arguments, || {
            Ok(HostManualEvent::new(self.counted()?, is_set, |id| Object::Unowned { id }))
        })
    }

    /// The event behind a monitor of the VM's, which calls it `cookie`: its owner is asked for by that name.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_monitor_event(&self, cookie: usize) -> Result<HostAutoEvent, HResult> {
        let arguments = format_args!("{cookie}");
        self.host.recorder.call(host_sync_manager::CREATE_MONITOR_EVENT, arguments, || {
            Ok(HostAutoEvent::new(self.counted()?, |id| Object::Monitor { id, cookie }))
        })
    }

    /// The event that writers of a reader-writer lock of the VM's wait for.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_rw_lock_writer_event(&self, cookie: usize) -> Result<HostAutoEvent, HResult> {
        let arguments = format_args!("{cookie}");
        let method = host_sync_manager::CREATE_RW_LOCK_WRITER_EVENT;
        self.host.recorder.call(method, arguments, || {
            Ok(HostAutoEvent::new(self.counted()?, |id| Object::RwLock { id, cookie }))
        })
    }

    /// The event that readers of such a lock wait for.
    ///
    /// # Errors
    /// As [`create_crst`](HostSyncManager::create_crst).
    pub fn create_rw_lock_reader_event(
        &self,
        is_set: bool,
        cookie: usize,
    ) -> Result<HostManualEvent, HResult> {
        let arguments = format_args!("{is_set} {cookie}");
        let method = host_sync_manager::CREATE_RW_LOCK_READER_EVENT;
        self.host.recorder.call(method, arguments, || {
            Ok(HostManualEvent::new(self.counted()?, is_set, |id| Object::RwLock { id, cookie }))
        })
    }

    /// A semaphore that counts `initial`, and `max` at most.
    ///
    /// # Errors
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) if `max` is 0, above 2^31 - 1, or below `initial`. Else as
    /// [`create_crst`](HostSyncManager::create_crst).
    pub fn create_semaphore(&self, initial: u32, max: u32) -> Result<HostSemaphore, HResult> {
        let arguments = format_args!("{initial} {max}");
        self.host.recorder.call(host_sync_manager::CREATE_SEMAPHORE, arguments, || {
            self.host.check_available()?;
            HostSemaphore::new(&self.host, initial, max)
        })
    }

    /// The current task handles the messages of this queue while it waits with
    /// [`MSGPUMP`](crate::hosting::WaitOption::MSGPUMP); `None`: no more.
    ///
    /// # Errors
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): this thread carries no task of the host's.
    pub fn set_message_queue(&self, queue: Option<Arc<MessageQueue>>) -> Result<(), HResult> {
        current::with(&self.host, |task| task.waiting.set_messages(queue))
    }

    /// How many deadlocks there were so far that could not be resolved, because none of the waits may be ended. Each was
    /// told of by an event of `tracing`, too.
    #[must_use]
    pub fn unresolved_deadlocks(&self) -> u64 {
        self.host.waits.reported()
    }

    fn counted(&self) -> Result<Counted, HResult> {
        self.host.check_available()?;
        Counted::new(&self.host)
    }
}
