//! The wait group: one waits until all others have gone.

use sortie_scheduler::wait::{WaitList, Waiter, deadline};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts its clones, so that one can wait until all others are dropped.
///
/// Each task or thread that is to be waited for has a clone, and drops it when it has done its part: by a panic or an
/// abort too, so none is missed, and none is told of twice. For tasks alone a [`scope`](fn@crate::task::scope), a
/// [`JoinSet`](crate::task::JoinSet) or a [`Group`](crate::task::Group) says more; this is for a part of what they do, and for
/// threads.
///
/// What was done before a clone was dropped is seen by those that have waited for it.
///
/// ```
/// use sortie::sync::WaitGroup;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// let runtime = sortie::Runtime::new()?;
/// let (ready, warm) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
/// for _ in 0..3 {
///     let (ready, warm) = (ready.clone(), warm.clone());
///     drop(runtime.spawn(move || {
///         warm.fetch_add(1, Ordering::Relaxed);
///         drop(ready);
///         // And on it goes.
///     }));
/// }
/// ready.wait();
/// assert_eq!(warm.load(Ordering::Relaxed), 3);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub struct WaitGroup {
    shared: Arc<Shared>,
}

struct Shared {
    /// How many clones there are. Once 0 it stays so: there is none to be cloned.
    members: AtomicUsize,
    gone: WaitList,
}

impl WaitGroup {
    /// A group with this one member.
    ///
    /// ```
    /// let group = sortie::sync::WaitGroup::new();
    /// group.wait();
    /// ```
    #[must_use]
    pub fn new() -> WaitGroup {
        WaitGroup {
            shared: Arc::new(Shared { members: AtomicUsize::new(1), gone: WaitList::new() }),
        }
    }

    /// Drops this clone, and waits until all others are dropped.
    ///
    /// A suspension point if it waits. Two that wait do not wait for each other. A task that has another clone waits for
    /// itself.
    ///
    /// # Panics
    /// In debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// use sortie::sync::WaitGroup;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let group = WaitGroup::new();
    /// let member = group.clone();
    /// drop(runtime.spawn(move || drop(member)));
    /// group.wait();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn wait(self) {
        self.leave().wait(None);
    }

    /// As [`WaitGroup::wait`], but no longer than `timeout`.
    ///
    /// # Errors
    /// A clone to wait with again: others were there all that time.
    ///
    /// # Panics
    /// As [`WaitGroup::wait`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let group = sortie::sync::WaitGroup::new();
    /// let other = group.clone();
    /// let group = group.wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// drop(other);
    /// assert!(group.wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    pub fn wait_timeout(self, timeout: Duration) -> Result<(), WaitGroup> {
        self.wait_until(deadline(timeout))
    }

    /// As [`WaitGroup::wait_timeout`], until this time at the latest.
    ///
    /// # Errors
    /// As [`WaitGroup::wait_timeout`].
    ///
    /// # Panics
    /// As [`WaitGroup::wait`].
    ///
    /// ```
    /// use sortie::sync::WaitGroup;
    /// use std::time::Instant;
    ///
    /// let group = WaitGroup::new();
    /// let other = group.clone();
    /// // It is a member again.
    /// let group = group.wait_until(Instant::now()).unwrap_err();
    /// drop(other);
    /// group.wait();
    /// ```
    pub fn wait_until(self, until: Instant) -> Result<(), WaitGroup> {
        let shared = self.leave();
        if shared.wait(Some(until)) || !shared.rejoin() {
            Ok(())
        } else {
            Err(WaitGroup { shared })
        }
    }

    fn leave(self) -> Arc<Shared> {
        self.shared.clone()
    }
}

impl Shared {
    fn is_empty(&self) -> bool {
        // ORDERING(wait_group.members): Acquire, pairs with the Release of each drop, which continue each other.
        self.members.load(Ordering::Acquire) == 0
    }

    /// False: the time came first.
    fn wait(&self, until: Option<Instant>) -> bool {
        if self.is_empty() {
            return true;
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a wait for a group to be gone") };
        let place = self.gone.enter(&waiter);
        self.is_empty() || place.wait_for(until)
    }

    /// One more, unless all have gone.
    fn rejoin(&self) -> bool {
        let more = |members: usize| (members > 0).then(|| members + 1);
        // ORDERING(wait_group.members): Acquire if all have gone, as in `is_empty`; else Relaxed, as a clone.
        self.members.fetch_update(Ordering::Relaxed, Ordering::Acquire, more).is_ok()
    }
}

impl Clone for WaitGroup {
    fn clone(&self) -> WaitGroup {
        // ORDERING: Relaxed, this one keeps the count above 0.
        self.shared.members.fetch_add(1, Ordering::Relaxed);
        WaitGroup { shared: self.shared.clone() }
    }
}

impl Drop for WaitGroup {
    fn drop(&mut self) {
        // ORDERING(wait_group.members): Release, pairs with the Acquire in `is_empty`. Acquire, so that whom the last
        // one notifies sees what all did.
        if self.shared.members.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.gone.notify_all();
        }
    }
}

impl Default for WaitGroup {
    fn default() -> WaitGroup {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed, a look.
        let members = self.shared.members.load(Ordering::Relaxed);
        f.debug_struct("WaitGroup").field("members", &members).finish_non_exhaustive()
    }
}
