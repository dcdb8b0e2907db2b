//! Permits, and how one waits for them: what the semaphore, the lock for readers and a writer, and the event
//! that lets one through have in common.
//!
//! Must not: hold the line's lock over a pause, or keep a thread's `errno` in a register over one.

use super::permits::{self, Permits, Try};
use crate::crossing::Errno;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;
use crate::wait::Waiter;
use crate::wait::line::{Line, Ticket};
use crate::wait::sleeper::Sleeper;
use std::time::Instant;

/// See the module.
pub(crate) struct Pool {
    pub(crate) permits: Permits<Sleeper>,
}

/// A place in a line in which turns are handed over. Dropping it leaves the line: what was handed to it goes to the next,
/// or back.
#[must_use = "dropping a place leaves the line"]
pub struct InLine<'a> {
    permits: &'a Permits<Sleeper>,
    ticket: Ticket,
}

impl InLine<'_> {
    /// Takes what was handed to it, and leaves the line with that. May change `errno`.
    ///
    /// # Errors
    /// The place, if nothing was.
    pub fn try_take(self) -> Result<(), Self> {
        if !self.permits.take_up(self.ticket) {
            return Err(self);
        }
        std::mem::forget(self);
        Ok(())
    }

    /// Was something handed to it? A look.
    pub fn is_handed(&self) -> bool {
        self.permits.is_handed(self.ticket)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.permits.leave(self.ticket);
    }
}

impl std::fmt::Debug for InLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InLine").field("is_handed", &self.is_handed()).finish_non_exhaustive()
    }
}

// Who unwinds out of a wait has left the line, and holds no permit.
impl std::panic::UnwindSafe for Pool {}
impl std::panic::RefUnwindSafe for Pool {}

impl Pool {
    /// So many permits, all free.
    pub(crate) const fn new(permits: u32) -> Pool {
        Pool::with_word(permits::word(permits))
    }

    /// So many permits, none of them free.
    pub(crate) const fn exhausted(permits: u32) -> Pool {
        Pool::with_word(permits::exhausted(permits))
    }

    /// Who waits has its turn by its level first. Before anybody waits.
    pub(crate) fn by_level(self) -> Pool {
        Pool { permits: self.permits.by_level() }
    }

    const fn with_word(word: u64) -> Pool {
        Pool { permits: Permits::new(AtomicU64::new(word), Mutex::new(Line::new())) }
    }

    /// Takes permits by the word alone. False: [`Pool::wait`] for them.
    #[inline]
    pub(crate) fn take(&self, wants: u32) -> bool {
        self.permits.take(wants) == Try::Done
    }

    /// Takes permits if they are free and nobody waits. Keeps `errno`.
    #[inline]
    pub(crate) fn try_take(&self, wants: u32) -> bool {
        match self.permits.take(wants) {
            Try::Done => true,
            Try::Refused => false,
            Try::Listed => self.try_take_listed(wants),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_take_listed(&self, wants: u32) -> bool {
        let errno = Errno::save();
        let taken = self.permits.take_listed(wants);
        errno.restore();
        taken
    }

    /// Waits for permits, behind all who came before. False: the time came first. Keeps `errno`, on the thread
    /// that it returns on.
    #[cold]
    #[inline(never)]
    pub(crate) fn wait(&self, wants: u32, what: &'static str, until: Option<Instant>) -> bool {
        let errno = Errno::save();
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new(what) };
        let taken = self.wait_in_line(wants, &waiter, until);
        // On whatever thread this is now.
        errno.restore();
        taken
    }

    fn wait_in_line(&self, wants: u32, waiter: &Waiter, until: Option<Instant>) -> bool {
        let Some(ticket) = self.permits.enter(Sleeper::new(waiter), wants) else { return true };
        let mut in_line = InLine { permits: &self.permits, ticket };
        let mut in_time = true;
        while let Err(still) = in_line.try_take() {
            if !in_time {
                return false;
            }
            in_line = still;
            in_time = waiter.pause_for(until);
        }
        true
    }

    /// As [`Pool::wait`], but no abort unwinds it. May change `errno`.
    pub(crate) fn wait_undisturbed(&self, wants: u32) {
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::undisturbed() };
        let Some(ticket) = self.permits.enter(Sleeper::new(&waiter), wants) else { return };
        let mut in_line = InLine { permits: &self.permits, ticket };
        while let Err(still) = in_line.try_take() {
            in_line = still;
            waiter.pause_undisturbed();
        }
    }

    /// A place in the line for one permit, for a waiter that waits for other things, too. May change `errno`.
    pub(crate) fn stand(&self, waiter: &Waiter) -> InLine<'_> {
        InLine { permits: &self.permits, ticket: self.permits.stand(Sleeper::new(waiter), 1) }
    }

    /// One permit more, up to as many as there are. Keeps `errno`.
    #[inline]
    pub(crate) fn make(&self) {
        if self.permits.make() == Try::Listed {
            self.make_listed();
        }
    }

    #[cold]
    #[inline(never)]
    fn make_listed(&self) {
        let errno = Errno::save();
        self.permits.make_listed();
        errno.restore();
    }

    /// So many permits more. How many there were; `None`: there was no room for all, and nothing was done. Keeps
    /// `errno`.
    #[inline]
    pub(crate) fn make_many(&self, permits: u32) -> Option<u32> {
        match self.permits.make_many(permits) {
            (Try::Done, before) => Some(before),
            (Try::Refused, _) => None,
            (Try::Listed, _) => self.make_many_listed(permits),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_many_listed(&self, permits: u32) -> Option<u32> {
        let errno = Errno::save();
        let before = self.permits.make_many_listed(permits);
        errno.restore();
        before
    }

    /// Gives permits back. False: fewer are out, and nothing was done. Keeps `errno`.
    #[inline]
    pub(crate) fn give(&self, permits: u32) -> bool {
        match self.permits.give(permits) {
            Try::Done => true,
            Try::Refused => false,
            Try::Listed => self.give_listed(permits),
        }
    }

    #[cold]
    #[inline(never)]
    fn give_listed(&self, permits: u32) -> bool {
        let errno = Errno::save();
        let given = self.permits.give_listed(permits);
        errno.restore();
        given
    }
}
