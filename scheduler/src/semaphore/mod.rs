//! A semaphore for tasks: so many at once, and the rest wait in line without a thread.
//!
//! It bounds how many tasks are at something at once, a native target above all. [`Permits`] is the
//! protocol, with its invariants and why no wake-up is lost; this file says who waits and how.
//!
//! - Uncontended, a permit is taken and given back by one compare-and-exchange each, without a
//!   lock, an allocation, a system call or a look at the clock.
//! - Contended, a permit that comes back is *handed* to the first in line, which is woken and
//!   finds it its own: nobody who comes later overtakes, and nobody is woken for nothing.
//! - A waiter that unwinds out of its pause leaves the line by the drop of its [`Place`], and passes
//!   on what it was handed.
//! - The line holds wakers and numbers, and nothing that points to a waiter's stack: a fiber that is
//!   kept for good after the end of its runtime leaves a dead entry, not a dangling one.
//!
//! A semaphore belongs to no runtime. It may be a `static`, used by tasks of several runtimes and by
//! threads of none.
//!
//! Must not: hold the line's lock over a pause, or keep a thread's `errno` in a register over one.

pub(crate) mod permits;
#[cfg(test)]
mod tests;

use crate::crossing::Errno;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;
use crate::wait::Waiter;
use crate::wait::line::{Line, Ticket};
use crate::wait::sleeper::Sleeper;
use permits::{Permits, Try};

/// A counting semaphore whose waiters are served first come, first served.
///
/// A permit is a number, not an object: who acquired one releases it, on whatever thread it is
/// then. A task that ends without that keeps it for ever.
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
///             PRINTERS.acquire();
///             assert!(PRINTERS.in_use() <= 2);
///             PRINTERS.release();
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.join().unwrap();
/// }
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
pub struct Semaphore {
    permits: Permits<Sleeper>,
}

/// A place in the line, left when the wait is left by unwinding.
struct Place<'a> {
    permits: &'a Permits<Sleeper>,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.permits.leave(self.ticket);
    }
}

impl Semaphore {
    /// A semaphore with so many permits, none of them taken. 0: everybody waits until
    /// [`Semaphore::set_permits`]. More than 2^31 - 1 are as many as that.
    ///
    /// ```
    /// static NO_LIMIT: sortie_scheduler::Semaphore = sortie_scheduler::Semaphore::new(u32::MAX);
    /// NO_LIMIT.acquire();
    /// ```
    #[must_use]
    pub const fn new(permits: u32) -> Semaphore {
        let word = AtomicU64::new(permits::word(permits));
        Semaphore { permits: Permits::new(word, Mutex::new(Line::new())) }
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
    /// semaphore.acquire();
    /// assert_eq!(semaphore.in_use(), 1);
    /// semaphore.release();
    /// ```
    #[inline]
    pub fn acquire(&self) {
        if self.permits.take(1) != Try::Done {
            self.wait();
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let errno = Errno::save();
        let waiter = Waiter::new("a wait for a permit");
        if let Some(ticket) = self.permits.enter(Sleeper::new(&waiter), 1) {
            let place = Place { permits: &self.permits, ticket };
            while !self.permits.take_up(ticket) {
                waiter.pause();
            }
            std::mem::forget(place);
        }
        // On whatever thread this is now.
        errno.restore();
    }

    /// Takes a permit if one is free and nobody waits. Does not wait. Keeps `errno`.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// assert!(semaphore.try_acquire());
    /// assert!(!semaphore.try_acquire());
    /// ```
    #[inline]
    #[must_use = "true: a permit was taken, and must be released"]
    pub fn try_acquire(&self) -> bool {
        match self.permits.take(1) {
            Try::Done => true,
            Try::Refused => false,
            Try::Listed => self.try_acquire_listed(),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_acquire_listed(&self) -> bool {
        let errno = Errno::save();
        let taken = self.permits.take_listed(1);
        errno.restore();
        taken
    }

    /// Gives a permit back. If somebody waits and the limit allows, it is handed to the first of
    /// them, who is woken.
    ///
    /// Does not wait. Keeps `errno`: a wake may be a system call, and what a native call has
    /// left there is for its caller.
    ///
    /// # Panics
    /// If no permit is out.
    #[inline]
    pub fn release(&self) {
        let given = match self.permits.give(1) {
            Try::Done => true,
            Try::Refused => false,
            Try::Listed => self.release_listed(),
        };
        assert!(given, "a permit is released that nobody has acquired");
    }

    #[cold]
    #[inline(never)]
    fn release_listed(&self) -> bool {
        let errno = Errno::save();
        let given = self.permits.give_listed(1);
        errno.restore();
        given
    }

    /// Changes how many permits there are. Those that are now free go to the first who wait; if it
    /// is fewer, those that are out come back first: [`Semaphore::in_use`] may be above the new
    /// number until then.
    ///
    /// Does not wait. May change `errno`.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(0);
    /// assert!(!semaphore.try_acquire());
    /// semaphore.set_permits(1);
    /// assert!(semaphore.try_acquire());
    /// ```
    pub fn set_permits(&self, permits: u32) {
        self.permits.set_limit(permits);
    }

    /// Takes back permits that were handed to tasks which never took them up, because their runtime
    /// was shut down with tasks left behind, and hands them to others.
    ///
    /// Everybody who finds waiters does this in passing. To be called after such a shutdown, in case
    /// that nobody comes. Does not wait. May change `errno`.
    pub fn reclaim(&self) {
        self.permits.reclaim();
    }

    /// How many permits there are, taken or not.
    pub fn permits(&self) -> u32 {
        self.permits.counts().1
    }

    /// How many permits are taken, or handed to somebody who is about to run.
    pub fn in_use(&self) -> u32 {
        self.permits.counts().0
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.permits.waits().0
    }

    /// How many have had to wait so far.
    pub fn waited(&self) -> u64 {
        self.permits.waits().1
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
