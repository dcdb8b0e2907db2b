//! The lock for readers or a writer: `lock_api`'s over one of the scheduler's.

use super::again;
use super::mutex::Held;
use sortie_scheduler::{SharedLock, wait};
use std::marker::PhantomData;
use std::panic::Location;
use std::time::{Duration, Instant};

/// A lock that many may read under, or one may write under.
///
/// In the shape of `std::sync::RwLock`, without poisoning; for guards that are mapped, downgraded or kept by an `Arc`,
/// and for the timed forms, see [`lock_api::RwLock`]. A wait is a suspension point, as for a
/// [`Mutex`](super::Mutex); a task that is aborted there unwinds, without the lock.
/// A guard that lets the lock go for a while has it again when that returns or unwinds, as a mutex's.
///
/// # Fairness
///
/// First come, first served. Readers who stand together in line come in together; who comes while a writer waits,
/// waits behind it. So neither starves the other. The price: a task that reads, and reads again before it has
/// let go, may stand behind a writer that waits for it. Take it once. And one that writes before it has let go
/// waits for itself, for ever. Both are deadlocks that a runtime tells of which is to
/// ([`Builder::report_deadlocks`](crate::Builder::report_deadlocks)); else who reads is noted nowhere.
///
/// # Panics
/// `read` and `write` panic if the task (or the thread, outside of a task) writes under the lock already; in debug builds,
/// if they would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// use sortie::sync::{RwLock, RwLockWriteGuard};
///
/// let prices = RwLock::new(vec![1, 2, 3]);
/// {
///     let one = prices.read();
///     let two = prices.read();
///     assert_eq!(one.len(), two.len());
/// }
/// let mut held = prices.write();
/// held.push(4);
/// let held = RwLockWriteGuard::downgrade(held);
/// assert_eq!(prices.read().len(), held.len());
/// ```
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;

/// The right to read under a [`RwLock`].
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;

/// The right to write under a [`RwLock`].
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;

/// A [`RwLockReadGuard`] of a part of the value.
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;

/// A [`RwLockWriteGuard`] of a part of the value.
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

/// A [`RwLockReadGuard`] that keeps the lock by an `Arc`.
pub type ArcRwLockReadGuard<T> = lock_api::ArcRwLockReadGuard<RawRwLock, T>;

/// A [`RwLockWriteGuard`] that keeps the lock by an `Arc`.
pub type ArcRwLockWriteGuard<T> = lock_api::ArcRwLockWriteGuard<RawRwLock, T>;

/// The lock inside a [`RwLock`].
pub struct RawRwLock(SharedLock);

/// What a reader's guard keeps: nothing, but it is not `Send`, as a writer's is not.
#[derive(Debug)]
pub struct HeldShared {
    not_send: PhantomData<*const ()>,
}

impl HeldShared {
    #[inline]
    fn new() -> HeldShared {
        HeldShared { not_send: PhantomData }
    }
}

// SAFETY: a shared reference to it gives access to nothing.
unsafe impl Sync for HeldShared {}

// SAFETY: `SharedLock` lets readers in, or one writer, and what is done under it is ordered by it. A lock that
// unwinds has not been taken. A locked one may be moved or dropped while nobody borrows it.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes a constant one")]
    const INIT: RawRwLock = RawRwLock(SharedLock::new());

    type SharedGuard = HeldShared;
    type ExclusiveGuard = Held;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) -> HeldShared {
        if !self.0.read_at_once() {
            self.wait_to_read();
        }
        HeldShared::new()
    }

    #[inline]
    fn try_lock_shared(&self) -> Option<HeldShared> {
        self.0.try_read().then(HeldShared::new)
    }

    #[inline]
    unsafe fn unlock_shared(&self, _: HeldShared) {
        self.0.unlock_read();
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) -> Held {
        Held::new(match self.0.write_at_once() {
            Some(owner) => owner,
            None => self.wait_to_write(),
        })
    }

    #[inline]
    fn try_lock_exclusive(&self) -> Option<Held> {
        self.0.try_write().map(Held::new)
    }

    #[inline]
    unsafe fn unlock_exclusive(&self, held: Held) {
        self.0.unlock_write(held.owner);
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        self.0.is_write_locked()
    }
}

// SAFETY: each way to let go hands the lock over to the first who waits.
unsafe impl lock_api::RawRwLockFair for RawRwLock {
    #[inline]
    unsafe fn unlock_shared_fair(&self, _: HeldShared) {
        self.0.unlock_read();
    }

    #[inline]
    unsafe fn unlock_exclusive_fair(&self, held: Held) {
        self.0.unlock_write(held.owner);
    }
}

// SAFETY: the writer becomes a reader without letting another writer in.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    #[inline]
    unsafe fn downgrade(&self, held: Held) -> HeldShared {
        self.0.downgrade(held.owner);
        HeldShared::new()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> Option<HeldShared> {
        self.try_lock_shared_until(wait::deadline(timeout))
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared_until(&self, until: Instant) -> Option<HeldShared> {
        self.0.read_until(until).then(HeldShared::new)
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<Held> {
        self.try_lock_exclusive_until(wait::deadline(timeout))
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive_until(&self, until: Instant) -> Option<Held> {
        self.0.write_until(until).map(Held::new)
    }
}

impl RawRwLock {
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait_to_read(&self) {
        if again::is_taken(Location::caller()) { self.0.read_again() } else { self.0.read() }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait_to_write(&self) -> wait::Owner {
        if again::is_taken(Location::caller()) { self.0.write_again() } else { self.0.write() }
    }
}

impl std::fmt::Debug for RawRwLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RawRwLock").field(&self.0).finish()
    }
}
