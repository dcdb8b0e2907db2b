//! [`RuntimeSyncManager`]: who owns the VM's locks, as a host asks for it.

use super::ClrShared;
use super::vm_calls::answered;
use crate::hosting::HResult;
use crate::hosting::method::clr_sync_manager;
use crate::hosting::task::HostTask;
use crate::hosting::vm::ClrSyncManager;
use crate::transition;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `ICLRSyncManager`: who owns the VM's locks. A host asks when tasks wait for them without a limit. Clones are the
/// same manager.
#[derive(Clone)]
pub struct RuntimeSyncManager {
    shared: Arc<Shared>,
}

struct Shared {
    clr: Arc<ClrShared>,
    vm: Arc<dyn ClrSyncManager>,
    iterators: Mutex<Iterators>,
}

/// The owners that were not asked for yet, by iterator.
#[derive(Default)]
struct Iterators {
    open: HashMap<usize, VecDeque<HostTask>>,
    numbers: usize,
}

impl RuntimeSyncManager {
    pub(super) fn new(clr: Arc<ClrShared>, vm: Arc<dyn ClrSyncManager>) -> RuntimeSyncManager {
        RuntimeSyncManager { shared: Arc::new(Shared { clr, vm, iterators: Mutex::default() }) }
    }

    /// The task that owns the monitor which the VM calls `cookie`; `None`: nobody does. Does not block.
    ///
    /// # Errors
    /// Those of the VM; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_monitor_owner(&self, cookie: usize) -> Result<Option<HostTask>, HResult> {
        let Shared { clr, vm, .. } = &*self.shared;
        let arguments = format_args!("{cookie}");
        clr.call(clr_sync_manager::GET_MONITOR_OWNER, arguments, || {
            clr.availability.check()?;
            answered(|| vm.get_monitor_owner(cookie))
        })
    }

    /// An iterator over the tasks that hold a reader-writer lock now: its writer, or its readers. 0: nobody holds it.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the calling thread is in managed code. Those of the
    /// VM; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn create_rw_lock_owner_iterator(&self, cookie: usize) -> Result<usize, HResult> {
        self.create_iterator(cookie, true)
    }

    fn create_iterator(&self, cookie: usize, by_others: bool) -> Result<usize, HResult> {
        let Shared { clr, vm, .. } = &*self.shared;
        let arguments = format_args!("{cookie}");
        let method = clr_sync_manager::CREATE_RW_LOCK_OWNER_ITERATOR;
        clr.call(method, arguments, || {
            clr.availability.check()?;
            let is_managed = transition::layers().last().is_some_and(|layer| layer.is_managed());
            if by_others && is_managed {
                return Err(HResult::HOST_E_INVALIDOPERATION);
            }
            let owners = VecDeque::from(answered(|| vm.rw_lock_owners(cookie))?);
            if owners.is_empty() {
                return Ok(0);
            }
            let mut iterators = self.iterators();
            iterators.numbers += 1;
            let number = iterators.numbers;
            iterators.open.insert(number, owners);
            Ok(number)
        })
    }

    /// The next task of an iterator; `None`: that was the last, or the iterator is 0.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_rw_lock_owner_next(&self, iterator: usize) -> Result<Option<HostTask>, HResult> {
        let clr = &self.shared.clr;
        clr.call(clr_sync_manager::GET_RW_LOCK_OWNER_NEXT, format_args!(""), || {
            clr.availability.check()?;
            Ok(self.iterators().open.get_mut(&iterator).and_then(VecDeque::pop_front))
        })
    }

    /// Ends an iterator, and lets the tasks go that were not asked for. 0 is none.
    ///
    /// Returns [`S_OK`](HResult::S_OK), or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it is ended
    /// all the same.
    pub fn delete_rw_lock_owner_iterator(&self, iterator: usize) -> HResult {
        let clr = &self.shared.clr;
        let method = clr_sync_manager::DELETE_RW_LOCK_OWNER_ITERATOR;
        clr.call(method, format_args!(""), || {
            let owners = self.iterators().open.remove(&iterator);
            drop(owners);
            HResult::from(clr.availability.check())
        })
    }

    /// The tasks that hold a reader-writer lock, for a host that looks for deadlocks. The host looks on the task
    /// that waits, which has just come from managed code; it is for others to leave that first.
    pub(in crate::hosting) fn owners(&self, cookie: usize) -> Vec<HostTask> {
        let Ok(iterator) = self.create_iterator(cookie, false) else { return Vec::new() };
        let next = || self.get_rw_lock_owner_next(iterator).ok().flatten();
        let owners = std::iter::from_fn(next).collect();
        let _ = self.delete_rw_lock_owner_iterator(iterator);
        owners
    }

    fn iterators(&self) -> MutexGuard<'_, Iterators> {
        self.shared.iterators.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RuntimeSyncManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeSyncManager")
            .field("open_iterators", &self.iterators().open.len())
            .finish_non_exhaustive()
    }
}
