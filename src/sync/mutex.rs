//! The mutex: `lock_api`'s over a lock of the scheduler's.

use super::again;
use sortie_scheduler::{Lock, wait};
use std::marker::PhantomData;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Mutual exclusion for tasks and threads: whoever holds the guard has the value alone.
///
/// In the shape of `std::sync::Mutex`, without poisoning; of type and guards, and of what is there beside
/// (`try_lock_for`, `lock_arc`, guards that are mapped, handed over or let go of for a while) see
/// [`lock_api::Mutex`]. Uncontended, a lock is taken and let go by one atomic exchange each.
///
/// # Waiting
///
/// [`lock`](lock_api::Mutex::lock) is a suspension point if it has to wait: a task is suspended, any other thread, and a
/// task in native code, sleeps. A task that is aborted there unwinds, without the lock. The timed forms
/// [`try_lock_for`](lock_api::Mutex::try_lock_for) and [`try_lock_until`](lock_api::Mutex::try_lock_until) give up after a time.
///
/// A guard that lets the lock go for a while ([`MutexGuard::unlocked`](lock_api::MutexGuard::unlocked),
/// [`bump`](lock_api::MutexGuard::bump)) has it again when that returns or unwinds: an abort that comes meanwhile is raised at the
/// next suspension point. A task that waits for that in a callback when its runtime ends around it stays there, and its thread with it.
///
/// # Fairness
///
/// A free lock goes to whoever comes first, also past those who wait: a task that takes the lock again and
/// again does so at full speed. Who waits is woken in the order of arrival; one that finds the lock
/// taken again keeps its turn, and the second time that happens, the lock is handed to it when it is next let go.
/// So nobody starves. [`MutexGuard::unlock_fair`](lock_api::MutexGuard::unlock_fair) hands it over at once.
///
/// # Panics
/// `lock` panics if the task (or the thread, outside of a task) holds the lock already, for that wait would never end; in
/// debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// use sortie::sync::Mutex;
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let total = Arc::new(Mutex::new(0));
/// let tasks: Vec<_> = (0..10)
///     .map(|n| {
///         let total = total.clone();
///         runtime.spawn(move || {
///             let mut total = total.lock();
///             sortie::yield_now(); // suspended with the lock: others wait, and no worker does
///             *total += n;
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.join().unwrap();
/// }
/// assert_eq!(*total.lock(), 45);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;

/// The right to a [`Mutex`]'s value. Dropping it lets the lock go.
///
/// It stays with the task, or the thread, that took the lock:
///
/// ```compile_fail,E0277
/// let mutex: &'static _ = Box::leak(Box::new(sortie::sync::Mutex::new(())));
/// let held = mutex.lock();
/// sortie::spawn(move || drop(held));
/// ```
///
/// It is to be dropped before the task ends. One that lies in a thread-local, or was leaked, holds the lock beyond that, in
/// the name of a task that is gone: a later one in the same memory may be taken for it, by the panic of a second `lock` and
/// by who looks for deadlocks.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// A [`MutexGuard`] of a part of the value.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// A [`MutexGuard`] that keeps the mutex by an `Arc`.
pub type ArcMutexGuard<T> = lock_api::ArcMutexGuard<RawMutex, T>;

/// The lock inside a [`Mutex`].
pub struct RawMutex(Lock);

/// What a guard keeps: who took the lock.
///
/// Not `Send`, although the lock could be let go anywhere: a guard in other hands would make the owner that
/// the lock names a lie, and with it the check of a second lock by the same task, and the report of
/// deadlocks.
#[derive(Debug)]
pub struct Held {
    pub(super) owner: wait::Owner,
    not_send: PhantomData<*const ()>,
}

impl Held {
    #[inline]
    pub(super) fn new(owner: wait::Owner) -> Held {
        Held { owner, not_send: PhantomData }
    }
}

// SAFETY: a shared reference to it gives access to nothing.
unsafe impl Sync for Held {}

// SAFETY: `Lock` lets one owner in at a time, and what is done under it is ordered by it. A lock that unwinds
// has not been taken. A locked one may be moved or dropped while nobody borrows it.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes a constant one")]
    const INIT: RawMutex = RawMutex(Lock::new());

    type Guard = Held;

    #[inline]
    #[track_caller]
    fn lock(&self) -> Held {
        Held::new(match self.0.try_lock() {
            Some(owner) => owner,
            None => self.wait(),
        })
    }

    #[inline]
    fn try_lock(&self) -> Option<Held> {
        self.0.try_lock().map(Held::new)
    }

    #[inline]
    unsafe fn unlock(&self, held: Held) {
        self.0.unlock(held.owner);
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawMutex {
    #[inline]
    unsafe fn unlock_fair(&self, held: Held) {
        self.0.unlock_fair(held.owner);
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> Option<Held> {
        self.try_lock_until(wait::deadline(timeout))
    }

    #[inline]
    #[track_caller]
    fn try_lock_until(&self, until: Instant) -> Option<Held> {
        self.0.lock_until(until).map(Held::new)
    }
}

impl RawMutex {
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait(&self) -> wait::Owner {
        if again::is_taken(Location::caller()) { self.0.lock_again() } else { self.0.lock() }
    }

    /// Lets the lock go until [`RawMutex::take_again`]: the guard is borrowed for so long.
    pub(super) fn let_go(&self, held: &Held) {
        self.0.unlock(held.owner);
    }

    /// Takes the lock again, and raises no abort while it waits. What unwinds the wait all the same is for the caller to go
    /// on with, who holds the lock.
    #[track_caller]
    pub(super) fn take_again(&self, held: &mut Held) -> std::thread::Result<()> {
        let (owner, unwinds) = self.0.lock_undisturbed();
        *held = Held::new(owner);
        unwinds
    }
}

impl std::fmt::Debug for RawMutex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawMutex").field("is_locked", &self.0.is_locked()).finish_non_exhaustive()
    }
}
