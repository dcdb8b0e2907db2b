//! An event that lets one through: a semaphore whose only permit is made by one and spent by another.

use super::pool::{InLine, Pool};
use crate::wait::Waiter;
use std::time::Instant;

/// An event that is set by one and spent by one other: see the event that `sortie` makes of it.
///
/// Set while somebody waits, it is handed to the first who does; else it stays set for who comes next. Set
/// twice before that, it is set once. It belongs to no runtime.
///
/// ```
/// let event = sortie_scheduler::AutoReset::new(false);
/// event.set();
/// event.set();
/// event.wait();
/// assert!(!event.try_wait());
/// ```
pub struct AutoReset {
    pool: Pool,
}

impl AutoReset {
    /// An event that is set, or not.
    #[must_use]
    pub const fn new(is_set: bool) -> AutoReset {
        AutoReset { pool: if is_set { Pool::new(1) } else { Pool::exhausted(1) } }
    }

    /// Lets those who wait have their turn by their [`Priority`](crate::Priority), or a higher one that is lent to them, and
    /// only then as they came. Strictly: who waits with a low one waits as long as others come with higher ones.
    ///
    /// A level that changes during a wait counts from the waiter's next look on, for which a [`Nudge`](crate::wait::Nudge)
    /// serves; it stands among those of its new level then by when it came.
    #[must_use]
    pub fn by_priority(self) -> AutoReset {
        AutoReset { pool: self.pool.by_level() }
    }

    /// Sets it, or lets the first who waits through. Does not wait. Keeps `errno`.
    #[inline]
    pub fn set(&self) {
        self.pool.make();
    }

    /// Makes it unset. Who was let through already stays so.
    pub fn reset(&self) {
        let _ = self.pool.try_take(1);
    }

    /// Is it set, and nobody let through by it yet?
    pub fn is_set(&self) -> bool {
        let (held, all) = self.pool.permits.counts();
        held < all
    }

    /// Waits until it is set, behind all who came before, and makes it unset.
    ///
    /// A suspension point if it waits. If the task is aborted while it waits, this unwinds; what it was let
    /// through by goes to the next, or the event is set again. Keeps `errno`, on the thread that it returns on.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::NoSuspend) of the task is alive.
    #[inline]
    pub fn wait(&self) {
        if !self.pool.take(1) {
            self.pool.wait(1, "a wait for an event", None);
        }
    }

    /// Makes it unset, if it is set.
    #[inline]
    #[must_use = "true: it was set, and is no longer"]
    pub fn try_wait(&self) -> bool {
        self.pool.try_take(1)
    }

    /// As [`AutoReset::wait`], but no longer than until this time. False: it was not set by then.
    ///
    /// # Panics
    /// As [`AutoReset::wait`].
    #[inline]
    #[must_use = "false says that it was not set"]
    pub fn wait_until(&self, until: Instant) -> bool {
        self.pool.take(1) || self.pool.wait(1, "a wait for an event", Some(until))
    }

    /// A place in its line, for a wait of the current task or thread for one of several things. Once it is let through,
    /// [`InLine::try_take`] says so, and the waiter's pause has ended. May change `errno`.
    ///
    /// ```
    /// use sortie_scheduler::{AutoReset, wait::Waiter};
    ///
    /// let event = AutoReset::new(false);
    /// // SAFETY: it stays in this frame.
    /// let waiter = unsafe { Waiter::new("one of several") };
    /// let place = event.enter(&waiter);
    /// event.set();
    /// assert!(place.try_take().is_ok() && !event.is_set());
    /// // Who leaves with nothing to show lets the next through.
    /// let place = event.enter(&waiter);
    /// event.set();
    /// drop(place);
    /// assert!(event.is_set());
    /// ```
    pub fn enter(&self, waiter: &Waiter) -> InLine<'_> {
        self.pool.stand(waiter)
    }
}

impl std::fmt::Debug for AutoReset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AutoReset").field("is_set", &self.is_set()).finish_non_exhaustive()
    }
}
