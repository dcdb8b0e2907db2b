//! A counting semaphore whose permits are spent: made by some, taken by others, and never given back.

use super::WAIT;
use super::pool::Pool;
use std::time::Instant;

/// A count that anybody adds to, up to a maximum, and of which each wait takes one: first come, first served.
///
/// Of a [`Semaphore`](super::Semaphore) permits are lent, and come back from who has them. Here who takes one has spent
/// it, from the moment on at which it is handed to somebody in line: that makes room for another. It belongs to no
/// runtime.
///
/// ```
/// let jobs = sortie_scheduler::CountingSemaphore::new(1, 3);
/// assert_eq!(jobs.post(2), Some(1));
/// assert_eq!(jobs.post(1), None, "three are the most");
/// jobs.wait();
/// assert_eq!(jobs.count(), 2);
/// ```
pub struct CountingSemaphore {
    pub(super) pool: Pool,
}

impl CountingSemaphore {
    /// A count of `count`, and of `max` at most. A maximum above 2^31 - 1 is that, a count above the maximum is the
    /// maximum.
    #[must_use]
    pub fn new(count: u32, max: u32) -> CountingSemaphore {
        let pool = Pool::exhausted(max);
        let (_, max) = pool.permits.counts();
        let posted = pool.make_many(count.min(max));
        debug_assert!(posted.is_some(), "there is room for `max`");
        CountingSemaphore { pool }
    }

    /// Lets those who wait have their turn by their [`Priority`](crate::Priority), or a higher one that is lent to them, and
    /// only then as they came. Strictly: who waits with a low one waits as long as others come with higher ones.
    ///
    /// A level that changes during a wait counts from the waiter's next look on, for which a [`Nudge`](crate::wait::Nudge)
    /// serves; it stands among those of its new level then by when it came.
    #[must_use]
    pub fn by_priority(self) -> CountingSemaphore {
        CountingSemaphore { pool: self.pool.by_level() }
    }

    /// Adds to the count; the first who wait are woken. What it was before; `None`: it would be above its maximum, and is
    /// as it was. Does not wait. Keeps `errno`.
    #[inline]
    #[must_use = "`None` says that nothing was added"]
    pub fn post(&self, count: u32) -> Option<u32> {
        self.pool.make_many(count)
    }

    /// The count. A look.
    pub fn count(&self) -> u32 {
        let (held, max) = self.pool.permits.counts();
        max - held
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.pool.permits.waits().0
    }

    /// Takes one, waiting for it behind all who came before.
    ///
    /// A suspension point if it waits. If the task is aborted while it waits, this unwinds; what it was handed goes to the
    /// next, or is counted again. Keeps `errno`, on the thread that it returns on.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::NoSuspend) of the task is alive.
    #[inline]
    pub fn wait(&self) {
        if !self.pool.take(1) {
            self.pool.wait(1, WAIT, None);
        }
    }

    /// Takes one if the count is not 0 and nobody waits. Does not wait. Keeps `errno`.
    #[inline]
    #[must_use = "true: one was taken"]
    pub fn try_wait(&self) -> bool {
        self.pool.try_take(1)
    }

    /// As [`CountingSemaphore::wait`], but no longer than until this time. False: there was none by then.
    ///
    /// # Panics
    /// As [`CountingSemaphore::wait`].
    #[inline]
    #[must_use = "true: one was taken"]
    pub fn wait_until(&self, until: Instant) -> bool {
        self.pool.take(1) || self.pool.wait(1, WAIT, Some(until))
    }
}

impl std::fmt::Debug for CountingSemaphore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountingSemaphore").field("count", &self.count()).finish_non_exhaustive()
    }
}
