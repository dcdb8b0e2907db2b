//! A lock with one owner, a task or a thread: what a mutex is made of.
//!
//! [`Exclusive`] is the protocol, with its invariants and why no wake-up is lost (`exclusive.rs`); this file says who
//! waits and how. `shared.rs` has the lock for many readers or one writer, `readers.rs` who reads under one.
//!
//! - Uncontended, it is taken and let go by one compare-and-exchange each, without a look at the clock, a
//!   fence, or a call.
//! - The word names the owner. The owner is a task, not a thread: a task may hold the lock while it is
//!   suspended, and let it go on whatever thread it is then.
//! - A waiter spins a little before it gets into line, where its runtime has more than one worker: what is done under a
//!   lock is mostly shorter than a switch.
//! - A waiter lends its level to the owner ([`crate::task::lent`]).
//! - A waiter that unwinds, or whose time has come, leaves the line by the drop of its [`InLine`], and passes on
//!   what it was called for.
//!
//! Must not: hold the line's lock over a pause, or keep a thread's `errno` in a register over one.

mod exclusive;
mod readers;
mod shared;

pub(crate) use readers::note_readers;
pub use shared::SharedLock;

use crate::crossing::{Errno, stay};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;
use crate::task::lent::lend;
use crate::wait::blocked::{blocked_on, blocked_undisturbed};
use crate::wait::line::{Line, Ticket};
use crate::wait::owner::Owner;
use crate::wait::sleeper::Sleeper;
use crate::wait::spin::spin;
use crate::wait::{Waiter, task};
use exclusive::Exclusive;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

/// A lock with one owner at a time, and no data: see the mutex that `sortie` makes of it.
///
/// Who comes takes a free lock, also while others wait; a waiter that was called in vain twice has it handed
/// over. It belongs to no runtime, and may be a `static`, used by tasks of several and by threads of none.
///
/// ```
/// let lock = sortie_scheduler::Lock::new();
/// let owner = lock.lock();
/// assert_eq!(lock.try_lock(), None);
/// lock.unlock(owner);
/// ```
pub struct Lock {
    exclusive: Exclusive<Sleeper>,
}

// Who unwinds out of a wait has left the line, and does not own it.
impl std::panic::UnwindSafe for Lock {}
impl std::panic::RefUnwindSafe for Lock {}

/// How one waits.
#[derive(Clone, Copy)]
enum Wait {
    Long,
    Until(Instant),
    /// As long, and no abort is raised.
    Undisturbed,
}

/// A place in the line, left when the wait ends without the lock.
struct InLine<'a> {
    lock: &'a Lock,
    ticket: Ticket,
    owner: Owner,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.lock.exclusive.leave(self.ticket, self.owner.get());
    }
}

impl Lock {
    /// A free lock.
    #[must_use]
    pub const fn new() -> Lock {
        Lock { exclusive: Exclusive::new(AtomicUsize::new(0), Mutex::new(Line::new())) }
    }

    /// Lets those who wait have their turn by their [`Priority`](crate::Priority), or a higher one that is lent to them, and
    /// only then as they came. Strictly: who waits with a low one waits as long as others come with higher ones.
    ///
    /// A level that changes during a wait counts from the waiter's next look on, for which a [`Nudge`](crate::wait::Nudge)
    /// serves; it stands among those of its new level then by when it came.
    #[must_use]
    pub fn by_priority(self) -> Lock {
        Lock { exclusive: self.exclusive.by_level() }
    }

    /// The word that names the owner, for those who note their waits themselves
    /// ([`blocked_unreported`](crate::wait::blocked_unreported)).
    pub fn owner_word(&self) -> &AtomicUsize {
        self.exclusive.owner_word()
    }

    /// Takes the lock for the current task or thread, waiting for it if it is held.
    ///
    /// A suspension point if it waits. If the task is aborted while it waits, this unwinds, without the lock.
    /// Keeps `errno`, on the thread that it returns on.
    ///
    /// # Panics
    /// If the caller holds the lock already: the wait would never end. In debug builds, if it would wait while a
    /// [`NoSuspend`](crate::NoSuspend) of the task is alive.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Owner {
        let owner = Owner::current();
        if !self.exclusive.take(owner.get()) {
            self.wait(owner, Wait::Long);
        }
        owner
    }

    /// Takes the lock if it is free. Does not wait.
    #[inline]
    pub fn try_lock(&self) -> Option<Owner> {
        let owner = Owner::current();
        self.exclusive.take(owner.get()).then_some(owner)
    }

    /// As [`Lock::lock`], but waits no longer than until this time. `None`: it was held until then.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::NoSuspend) of the task is alive.
    #[inline]
    #[track_caller]
    pub fn lock_until(&self, until: Instant) -> Option<Owner> {
        let owner = Owner::current();
        let taken = self.exclusive.take(owner.get()) || self.wait(owner, Wait::Until(until));
        taken.then_some(owner)
    }

    /// As [`Lock::lock`], for those who hold the lock again when they unwind: an abort is not raised while it waits, and
    /// what unwinds the wait all the same, as the end of a runtime does to a task that waits in place, is handed to the
    /// caller, who holds the lock then, to go on with. Who holds it already waits.
    ///
    /// ```
    /// let lock = sortie_scheduler::Lock::new();
    /// let (owner, unwinds) = lock.lock_undisturbed();
    /// assert!(unwinds.is_ok());
    /// lock.unlock(owner);
    /// ```
    #[track_caller]
    pub fn lock_undisturbed(&self) -> (Owner, std::thread::Result<()>) {
        let owner = Owner::current();
        if self.exclusive.take(owner.get()) {
            return (owner, Ok(()));
        }
        let waited = catch_unwind(AssertUnwindSafe(|| self.wait(owner, Wait::Undisturbed)));
        (owner, waited.map(drop).inspect_err(|_| self.wait_as_thread(owner)))
    }

    /// As [`Lock::lock`], for a guard that has let the lock go for a while, and stays: nothing unwinds before it has the
    /// lock again. An abort is raised at the next suspension point. Who holds it already waits.
    ///
    /// ```
    /// let lock = sortie_scheduler::Lock::new();
    /// let owner = lock.lock_again();
    /// lock.unlock(owner);
    /// ```
    #[track_caller]
    pub fn lock_again(&self) -> Owner {
        let owner = Owner::current();
        if !self.exclusive.take(owner.get()) {
            wait_for_good(|| _ = self.wait(owner, Wait::Undisturbed));
        }
        owner
    }

    /// Lets the lock go, which `owner` has taken. Does not wait. Keeps `errno`.
    ///
    /// # Panics
    /// If `owner` does not hold it.
    #[inline]
    pub fn unlock(&self, owner: Owner) {
        if !self.exclusive.give(owner.get()) {
            self.unlock_listed(owner, false);
        }
    }

    /// As [`Lock::unlock`], and hands the lock to the first that waits: nobody gets in between.
    ///
    /// # Panics
    /// As [`Lock::unlock`].
    #[inline]
    pub fn unlock_fair(&self, owner: Owner) {
        self.unlock_listed(owner, true);
    }

    /// Is it held now?
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.exclusive.word() != 0
    }

    /// How many wait, and the level of the one whose turn it is.
    #[cfg(test)]
    pub(crate) fn waits(&self) -> (usize, Option<u8>) {
        self.exclusive.waits()
    }

    #[cold]
    #[inline(never)]
    fn unlock_listed(&self, owner: Owner, hand_over: bool) {
        let errno = Errno::save();
        let is_owner = self.exclusive.give_listed(owner.get(), hand_over);
        errno.restore();
        assert!(is_owner, "a lock is let go that its caller does not hold");
    }

    /// Waits for the lock. False: the time came first.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait(&self, owner: Owner, how: Wait) -> bool {
        if matches!(how, Wait::Long) && Owner::of(self.exclusive.word()) == Some(owner) {
            panic!("this task or thread holds the lock already, and would wait for itself");
        }
        let looks = || match self.exclusive.word() {
            0 => self.exclusive.take(owner.get()).then_some(true),
            // Others stand in line: the lock is held for long, or it is their turn.
            _ => self.exclusive.is_called_for().then_some(false),
        };
        if spin(looks) {
            return true;
        }
        let errno = Errno::save();
        let lending = lend(self.exclusive.owner_word(), || self.exclusive.is_by_level());
        let what = "a wait for a lock";
        let (word, wait) = (self.exclusive.owner_word(), || self.wait_in_line(owner, how));
        let in_time = match how {
            Wait::Until(_) => wait(),
            Wait::Long => blocked_on(what, word, wait),
            Wait::Undisturbed => blocked_undisturbed(what, word, wait),
        };
        drop(lending);
        // On whatever thread this is now.
        errno.restore();
        in_time
    }

    fn wait_in_line(&self, owner: Owner, how: Wait) -> bool {
        let waiter = match how {
            // SAFETY: it stays in this frame.
            Wait::Undisturbed => unsafe { Waiter::undisturbed() },
            // SAFETY: as above.
            Wait::Long | Wait::Until(_) => unsafe { Waiter::new("a wait for a lock") },
        };
        let Some(ticket) = self.exclusive.enter(Sleeper::new(&waiter), owner.get()) else {
            return true;
        };
        let in_line = InLine { lock: self, ticket, owner };
        let mut in_time = true;
        while !self.exclusive.take_up(ticket, owner.get()) {
            if !in_time {
                return false;
            }
            in_time = match how {
                Wait::Long => waiter.pause_for(None),
                Wait::Until(until) => waiter.pause_until(until),
                Wait::Undisturbed => waiter.pause_undisturbed(),
            };
        }
        std::mem::forget(in_line);
        true
    }

    /// Waits for the lock where nothing can unwind: as a thread that runs no task.
    #[cold]
    fn wait_as_thread(&self, owner: Owner) {
        let waiter = Waiter::of_thread();
        if let Some(ticket) = self.exclusive.enter(Sleeper::new(&waiter), owner.get()) {
            while !self.exclusive.take_up(ticket, owner.get()) {
                waiter.pause();
            }
        }
    }
}

/// Runs the wait of a guard that is there meanwhile: code that runs next takes it for one that has its lock. So a task that
/// outlives its runtime in it, and would be unwound, stays there.
fn wait_for_good(wait: impl FnOnce()) {
    let Err(unwinds) = catch_unwind(AssertUnwindSafe(wait)) else { return };
    match task().filter(|task| task.shared.is_terminated()) {
        Some(task) => stay(task, "where a guard waits for its lock"),
        // Of an embedder's, or a subscriber's: the guard's to deal with.
        None => resume_unwind(unwinds),
    }
}

impl Default for Lock {
    fn default() -> Lock {
        Lock::new()
    }
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lock").field("is_locked", &self.is_locked()).finish_non_exhaustive()
    }
}
