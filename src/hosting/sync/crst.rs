//! [`HostCrst`]: a critical section.

use super::Counted;
use crate::hosting::HResult;
use crate::hosting::enums::{INFINITE, WaitOption};
use crate::hosting::host::HostShared;
use crate::hosting::method::host_crst;
use crate::hosting::task::{adopt, current};
use crate::hosting::wait::{Object, Waitable, wait};
use sortie_scheduler::Lock;
use sortie_scheduler::abort;
use sortie_scheduler::wait::Owner;
use std::fmt;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// `IHostCrst`: a lock whose owner, a task, may take it again, and lets it go as often. Made by
/// [`HostSyncManager::create_crst`](super::HostSyncManager::create_crst). Clones are the same lock.
#[derive(Clone)]
pub struct HostCrst {
    shared: Arc<Shared>,
}

struct Shared {
    counted: Counted,
    lock: Lock,
    /// The number of the task that holds it; 0: none. Changed by the holder only.
    owner: AtomicU64,
    /// How often it has taken it. The holder's.
    levels: AtomicU32,
    spins: AtomicU32,
    /// Its owner has ended with it in its hands.
    is_orphaned: AtomicBool,
}

impl Shared {
    fn is_owned_by(&self, task: u64) -> bool {
        // ORDERING: Relaxed, a task sees what it wrote itself: whether it is its own.
        self.owner.load(Ordering::Relaxed) == task
    }

    /// The current task has taken the lock.
    fn taken(self: &Arc<Shared>, task: u64) {
        // ORDERING: Relaxed, the lock orders it between holders; others only look.
        self.owner.store(task, Ordering::Relaxed);
        // ORDERING: Relaxed, the holder's.
        self.levels.store(1, Ordering::Relaxed);
        let _ = current::with(&self.counted.host, |current| current.held.add(self));
        // Until it lets go aborts wait, but for rude ones.
        abort::begin_critical();
    }

    /// The holder takes it once more.
    fn take_again(&self) {
        // ORDERING: Relaxed, the holder's.
        self.levels.fetch_add(1, Ordering::Relaxed);
    }
}

impl Waitable for Shared {
    fn object(&self) -> Object {
        Object::Crst { id: self.counted.id }
    }

    fn take(&self) -> bool {
        self.lock.try_lock().is_some()
    }

    fn wait(&self, until: Instant) -> bool {
        // ORDERING: Relaxed, a number that stands for itself.
        let spins = self.spins.load(Ordering::Relaxed);
        if self.counted.host.processors > 1 {
            for _ in 0..spins {
                if self.take() {
                    return true;
                }
                spin_loop();
            }
        }
        self.lock.lock_until(until).is_some()
    }

    fn owner(&self) -> Option<(&'static str, &AtomicUsize)> {
        Some(("a wait for a critical section", self.lock.owner_word()))
    }

    fn is_gone(&self) -> bool {
        // ORDERING: Relaxed, the lock of the host's waits orders it with who waits.
        self.is_orphaned.load(Ordering::Relaxed)
    }
}

impl HostCrst {
    pub(super) fn new(counted: Counted, spins: u32) -> Result<HostCrst, HResult> {
        let shared = Shared {
            counted,
            lock: Lock::new().by_priority(),
            owner: AtomicU64::new(0),
            levels: AtomicU32::new(0),
            spins: AtomicU32::new(spins),
            is_orphaned: AtomicBool::new(false),
        };
        Ok(HostCrst { shared: Arc::new(shared) })
    }

    /// Takes the lock for the current task, and waits for it if another holds it.
    ///
    /// A suspension point if it waits; if the task is aborted meanwhile, this unwinds.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) if its owner has ended without letting
    /// it go; [`HOST_E_DEADLOCK`](HResult::HOST_E_DEADLOCK) if the wait was chosen to resolve one;
    /// [`HOST_E_INTERRUPTED`](HResult::HOST_E_INTERRUPTED) after an alert, if the wait is alertable;
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host refuses the thread;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn enter(&self, option: WaitOption) -> HResult {
        let host = &self.shared.counted.host;
        host.recorder.call(host_crst::ENTER, format_args!("{option:?}"), || {
            let task = match self.task() {
                Ok(task) => task,
                Err(error) => return error,
            };
            if self.shared.is_owned_by(task) {
                self.shared.take_again();
                return HResult::S_OK;
            }
            let result = wait(host, &*self.shared, INFINITE, option);
            if result.is_success() {
                self.shared.taken(task);
            }
            result
        })
    }

    /// Takes the lock if no other task holds it. False: one does. Does not wait.
    ///
    /// # Errors
    /// [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED): its owner has ended without letting it go.
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn try_enter(&self, option: WaitOption) -> Result<bool, HResult> {
        let host = &self.shared.counted.host;
        host.recorder.call(host_crst::TRY_ENTER, format_args!("{option:?}"), || {
            let task = self.task()?;
            if self.shared.is_owned_by(task) {
                self.shared.take_again();
                return Ok(true);
            }
            let is_taken = self.shared.take();
            if is_taken {
                self.shared.taken(task);
            } else if self.shared.is_gone() {
                return Err(HResult::HOST_E_ABANDONED);
            }
            Ok(is_taken)
        })
    }

    /// Lets one level of the lock go, and with the last one the lock. Does not wait.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the current task does not hold it;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it is let go all the same.
    pub fn leave(&self) -> HResult {
        let host = &self.shared.counted.host;
        host.recorder.call(host_crst::LEAVE, format_args!(""), || {
            let is_owner = current::id().is_some_and(|task| self.shared.is_owned_by(task));
            if !is_owner {
                return host.check_available().err().unwrap_or(HResult::HOST_E_NOT_OWNER);
            }
            // ORDERING: Relaxed, the holder's.
            if self.shared.levels.fetch_sub(1, Ordering::Relaxed) == 1 {
                let _ = current::with(host, |current| current.held.remove(&self.shared));
                // ORDERING: Relaxed, as in `taken`.
                self.shared.owner.store(0, Ordering::Relaxed);
                self.shared.lock.unlock(Owner::current());
                abort::end_critical();
            }
            HResult::from(host.check_available())
        })
    }

    /// How often who comes looks whether the lock is free before it waits.
    ///
    /// Returns [`S_OK`](HResult::S_OK), or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_spin_count(&self, spins: u32) -> HResult {
        let host = &self.shared.counted.host;
        host.recorder.call(host_crst::SET_SPIN_COUNT, format_args!("{spins}"), || {
            // ORDERING: Relaxed, a number that stands for itself.
            HResult::from(
                host.check_available().map(|()| self.shared.spins.store(spins, Ordering::Relaxed)),
            )
        })
    }

    /// The current task. A thread that has none is adopted.
    fn task(&self) -> Result<u64, HResult> {
        let host = &self.shared.counted.host;
        host.check_available()?;
        adopt(host)?;
        current::with(host, |task| task.id)
    }
}

/// The critical sections that a task holds.
#[derive(Default)]
pub(in crate::hosting) struct Held(Mutex<Vec<Arc<Shared>>>);

impl Held {
    fn add(&self, crst: &Arc<Shared>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(crst.clone());
    }

    fn remove(&self, crst: &Arc<Shared>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held.iter().rposition(|held| Arc::ptr_eq(held, crst));
        let removed = at.map(|at| held.swap_remove(at));
        drop(held);
        drop(removed);
    }

    /// How many there are.
    pub(in crate::hosting) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many levels of how many there are.
    pub(in crate::hosting) fn levels(&self) -> usize {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // ORDERING: Relaxed, a look; the holder's own is exact.
        held.iter().map(|crst| crst.levels.load(Ordering::Relaxed) as usize).sum()
    }

    /// Their owner has ended: they are nobody's for good. How many there were.
    pub(in crate::hosting) fn orphan(&self, host: &HostShared) -> usize {
        let held = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for crst in &held {
            // ORDERING: Relaxed, as in `is_gone`.
            crst.is_orphaned.store(true, Ordering::Relaxed);
            let id = Some(crst.counted.id);
            host.waits.abandon(|object| object.id() == id);
        }
        held.len()
    }
}

impl fmt::Debug for HostCrst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed, a look.
        let owner = self.shared.owner.load(Ordering::Relaxed);
        f.debug_struct("HostCrst")
            .field("id", &self.shared.counted.id)
            .field("owner", &(owner != 0).then_some(owner))
            .finish_non_exhaustive()
    }
}
