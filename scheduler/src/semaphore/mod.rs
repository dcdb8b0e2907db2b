//! A semaphore for tasks: so many at once, and the rest wait in line without a thread.
//!
//! It bounds how many tasks are at something at once, a native target above all. [`Permits`](permits::Permits) is the
//! protocol, with its invariants and why no wake-up is lost; [`Pool`] says who waits and how (`pool.rs`), and `permit.rs`
//! has what is given back by a drop. The same protocol serves the event that lets one through (`auto_reset.rs`), and
//! permits that are spent and never given back (`counting.rs`).
//!
//! - Uncontended, a permit is taken and given back by one compare-and-exchange each, without a
//!   lock, an allocation, a system call or a look at the clock.
//! - Contended, a permit that comes back is *handed* to the first in line, which is woken and
//!   finds it its own: nobody who comes later overtakes, and nobody is woken for nothing.
//! - A waiter that unwinds out of its pause, or whose time has come, leaves the line by a drop, and passes
//!   on what it was handed.
//! - The line holds wakers and numbers, and nothing that points to a waiter's stack: a fiber that is
//!   kept for good after the end of its runtime leaves a dead entry, not a dangling one.
//!
//! A semaphore belongs to no runtime. It may be a `static`, used by tasks of several runtimes and by
//! threads of none.

mod auto_reset;
mod counting;
mod permit;
pub(crate) mod permits;
pub(crate) mod pool;
#[cfg(test)]
mod tests;

pub use auto_reset::AutoReset;
pub use counting::CountingSemaphore;
pub use permit::{ArcPermit, Permit};
pub use pool::InLine;

use crate::wait::deadline;
use pool::Pool;
use std::time::{Duration, Instant};

/// What a wait is called.
const WAIT: &str = "a wait for a permit";

/// A counting semaphore whose waiters are served first come, first served.
///
/// Who acquires gets a [`Permit`], which comes back when it is dropped: where its task ends, by a panic or an abort too.
/// What is [forgotten](Permit::forget) is [released](Semaphore::release) by whoever does so, on whatever thread. There is
/// no end of a semaphore at which its waiters fail: who shall not wait any longer is aborted, or waits with a limit.
///
/// ```
/// use sortie_scheduler::{Config, Semaphore};
///
/// static PRINTERS: Semaphore = Semaphore::new(2);
///
/// let runtime = Config::new().start()?;
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         runtime.spawn(|| {
///             let _printer = PRINTERS.acquire();
///             assert!(PRINTERS.in_use() <= 2);
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.join().unwrap();
/// }
/// assert_eq!(PRINTERS.in_use(), 0);
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
pub struct Semaphore {
    pool: Pool,
}

impl Semaphore {
    /// A semaphore with so many permits, none of them taken. 0: everybody waits until
    /// [`Semaphore::set_permits`]. More than 2^31 - 1 are as many as that.
    ///
    /// ```
    /// static NO_LIMIT: sortie_scheduler::Semaphore = sortie_scheduler::Semaphore::new(u32::MAX);
    /// let _permit = NO_LIMIT.acquire();
    /// ```
    #[must_use]
    pub const fn new(permits: u32) -> Semaphore {
        Semaphore { pool: Pool::new(permits) }
    }

    /// Takes a permit, waiting for one behind all who came before.
    ///
    /// A suspension point if it waits: a task is switched away; inside a callback, where it cannot
    /// be, it waits in place and its worker goes to somebody else; any other thread, and a task in
    /// native code, sleeps. A task that waits in place is served before tasks that are pinned to the
    /// carrier which it holds: they could not run before it. If the task is aborted while it waits,
    /// this unwinds, and takes no permit.
    ///
    /// Keeps `errno`, on the thread that it returns on.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::NoSuspend) of the task is alive. No
    /// permit is taken then.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.acquire();
    /// assert_eq!(semaphore.in_use(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.in_use(), 0);
    /// ```
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        self.acquire_many(1)
    }

    /// Takes so many permits at once, waiting for them behind all who came before: who comes later waits behind
    /// this, also for fewer. More than there are: until [`Semaphore::set_permits`].
    ///
    /// Else as [`Semaphore::acquire`].
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let bytes = sortie_scheduler::Semaphore::new(1024);
    /// let most = bytes.acquire_many(1000);
    /// assert_eq!((most.permits(), bytes.available_permits()), (1000, 24));
    /// ```
    #[inline]
    pub fn acquire_many(&self, permits: u32) -> Permit<'_> {
        if !self.takes_at_once(permits) {
            self.pool.wait(permits, WAIT, None);
        }
        Permit::of(self, permits)
    }

    /// As [`Semaphore::acquire`], but waits no longer than until this time. `None`: no permit was free by then.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(0);
    /// assert!(semaphore.acquire_until(std::time::Instant::now()).is_none());
    /// ```
    #[inline]
    pub fn acquire_until(&self, until: Instant) -> Option<Permit<'_>> {
        self.acquire_many_until(1, until)
    }

    /// As [`Semaphore::acquire_until`], for so long from now.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.acquire_timeout(Duration::MAX);
    /// assert!(permit.is_some() && semaphore.acquire_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[inline]
    pub fn acquire_timeout(&self, timeout: Duration) -> Option<Permit<'_>> {
        self.acquire_many_timeout(1, timeout)
    }

    /// As [`Semaphore::acquire_many`], but waits no longer than until this time. `None`: so many were not free by then, and
    /// none was taken.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let bytes = sortie_scheduler::Semaphore::new(1024);
    /// let most = bytes.acquire_many_until(1000, Instant::now());
    /// assert!(most.is_some() && bytes.acquire_many_until(25, Instant::now()).is_none());
    /// ```
    #[inline]
    pub fn acquire_many_until(&self, permits: u32, until: Instant) -> Option<Permit<'_>> {
        let taken = self.takes_at_once(permits) || self.pool.wait(permits, WAIT, Some(until));
        taken.then(|| Permit::of(self, permits))
    }

    /// As [`Semaphore::acquire_many_until`], for so long from now.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let bytes = sortie_scheduler::Semaphore::new(1024);
    /// assert!(bytes.acquire_many_timeout(1025, Duration::from_millis(1)).is_none());
    /// ```
    #[inline]
    pub fn acquire_many_timeout(&self, permits: u32, timeout: Duration) -> Option<Permit<'_>> {
        // Looks at the clock only if it has to wait.
        let taken =
            self.takes_at_once(permits) || self.pool.wait(permits, WAIT, Some(deadline(timeout)));
        taken.then(|| Permit::of(self, permits))
    }

    /// Takes a permit if one is free and nobody waits. Does not wait. Keeps `errno`.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.try_acquire();
    /// assert!(permit.is_some() && semaphore.try_acquire().is_none());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are free and nobody waits. Does not wait. Keeps `errno`.
    ///
    /// ```
    /// let bytes = sortie_scheduler::Semaphore::new(3);
    /// let two = bytes.try_acquire_many(2);
    /// assert!(two.is_some() && bytes.try_acquire_many(2).is_none());
    /// ```
    #[inline]
    pub fn try_acquire_many(&self, permits: u32) -> Option<Permit<'_>> {
        let taken = permits == 0 || self.pool.try_take(permits);
        taken.then(|| Permit::of(self, permits))
    }

    /// Takes permits by the word alone; false: they have to be waited for. None is never waited for.
    #[inline]
    fn takes_at_once(&self, permits: u32) -> bool {
        permits == 0 || self.pool.take(permits)
    }

    /// Gives a [forgotten](Permit::forget) permit back. If somebody waits and the limit allows, it is handed to the first of
    /// them, who is woken.
    ///
    /// Does not wait. Keeps `errno`: a wake may be a system call, and what a native call has
    /// left there is for its caller.
    ///
    /// # Panics
    /// If no permit is out.
    ///
    /// ```
    /// static TURN: sortie_scheduler::Semaphore = sortie_scheduler::Semaphore::new(1);
    /// TURN.acquire().forget();
    /// // Whoever is told that it is over.
    /// std::thread::spawn(|| TURN.release()).join().unwrap();
    /// assert!(TURN.try_acquire().is_some());
    /// ```
    #[inline]
    pub fn release(&self) {
        self.release_many(1);
    }

    /// Gives so many permits back. Else as [`Semaphore::release`].
    ///
    /// # Panics
    /// If fewer are out.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(3);
    /// semaphore.acquire_many(3).forget();
    /// semaphore.release_many(2);
    /// assert_eq!(semaphore.in_use(), 1);
    /// ```
    #[inline]
    pub fn release_many(&self, permits: u32) {
        let given = self.pool.give(permits);
        assert!(given, "a permit is released that nobody has acquired");
    }

    /// Changes how many permits there are. Those that are now free go to the first who wait; if it
    /// is fewer, those that are out come back first: [`Semaphore::in_use`] may be above the new
    /// number until then.
    ///
    /// Does not wait. May change `errno`.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(0);
    /// assert!(semaphore.try_acquire().is_none());
    /// semaphore.set_permits(1);
    /// assert!(semaphore.try_acquire().is_some());
    /// ```
    #[doc(alias = "add_permits")]
    pub fn set_permits(&self, permits: u32) {
        self.pool.permits.set_limit(permits);
    }

    /// Takes back permits that were handed to tasks which never took them up, because their runtime
    /// was shut down with tasks left behind, and hands them to others.
    ///
    /// Everybody who finds waiters does this in passing. To be called after such a shutdown, in case
    /// that nobody comes. Does not wait. May change `errno`.
    pub fn reclaim(&self) {
        self.pool.permits.reclaim();
    }

    /// How many permits there are, taken or not.
    ///
    /// ```
    /// assert_eq!(sortie_scheduler::Semaphore::new(3).permits(), 3);
    /// ```
    pub fn permits(&self) -> u32 {
        self.pool.permits.counts().1
    }

    /// How many permits are taken, or handed to somebody who is about to run.
    ///
    /// ```
    /// let slots = sortie_scheduler::Semaphore::new(3);
    /// let two = slots.acquire_many(2);
    /// assert_eq!(slots.in_use(), 2);
    /// # drop(two);
    /// ```
    pub fn in_use(&self) -> u32 {
        self.pool.permits.counts().0
    }

    /// How many permits are free: none, if more are in use than there are by now.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(3);
    /// let _permit = semaphore.acquire();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> u32 {
        let (held, limit) = self.pool.permits.counts();
        limit.saturating_sub(held)
    }

    /// How many wait now.
    ///
    /// ```
    /// assert_eq!(sortie_scheduler::Semaphore::new(3).waiting(), 0);
    /// ```
    pub fn waiting(&self) -> usize {
        self.pool.permits.waits().0
    }

    /// How many have had to wait so far.
    pub fn waited(&self) -> u64 {
        self.pool.permits.waits().1
    }
}

impl std::fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits())
            .field("in_use", &self.in_use())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
