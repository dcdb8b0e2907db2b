//! The condition variable: `lock_api`'s over a wait list.

use super::RawMutex;
use super::mutex::Held;
use sortie_scheduler::wait::{Place, WaitList, Waiter};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Waiting, with a [`Mutex`](super::Mutex) let go of meanwhile, until somebody notifies.
///
/// In the shape of `std::sync::Condvar`, but a wait takes the guard by reference; for the forms that look at a
/// condition (`wait_while`) and those with a limit (`wait_for`, `wait_until`) see [`lock_api::Condvar`]. Change the
/// condition under the mutex, then notify, under it or not.
///
/// # Waiting
///
/// A wait is a suspension point, with the mutex free meanwhile; it returns with the mutex held. A task that is
/// aborted in it takes the mutex again first, then unwinds: what is held when destructors run is what the code
/// says. A notification that had come for it, or for one whose time has come, goes to the next.
///
/// Who waits is notified in the order of arrival. No wake-up is spurious: a wait ends by a notification, at its
/// time or by an abort, and what `notify_one` and `notify_all` return is exact.
///
/// # Panics
/// In debug builds, a wait under a [`NoSuspend`](crate::task::NoSuspend) guard, with the mutex still held.
///
/// ```
/// use sortie::sync::{Condvar, Mutex};
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let inbox = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
/// let reader = {
///     let inbox = inbox.clone();
///     runtime.spawn(move || {
///         let (letters, arrived) = &*inbox;
///         let mut letters = letters.lock();
///         arrived.wait_while(&mut letters, |letters| letters.is_empty());
///         letters.pop()
///     })
/// };
/// inbox.0.lock().push("from a thread");
/// inbox.1.notify_one();
/// assert_eq!(reader.join().unwrap(), Some("from a thread"));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub type Condvar = lock_api::Condvar<RawCondvar>;

pub use lock_api::WaitTimeoutResult;

/// The list inside a [`Condvar`].
#[derive(Debug)]
pub struct RawCondvar(WaitList);

impl RawCondvar {
    /// Lets the mutex go, waits by `wait`, and takes the mutex again, however the wait ended.
    #[track_caller]
    fn wait_by<R>(
        &self,
        mutex: &RawMutex,
        held: &mut Held,
        wait: impl FnOnce(Place<'_>) -> R,
    ) -> R {
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a wait for a condition") };
        let place = self.0.enter(&waiter);
        mutex.let_go(held);
        let outcome = catch_unwind(AssertUnwindSafe(|| wait(place)));
        let again = mutex.take_again(held);
        match (outcome, again) {
            (Ok(outcome), Ok(())) => outcome,
            (Err(unwinds), _) | (_, Err(unwinds)) => resume_unwind(unwinds),
        }
    }
}

// SAFETY: who waits is in the list before it lets the mutex go, and holds it again when it returns or unwinds: nothing
// unwinds before it is taken again.
unsafe impl lock_api::RawCondvar for RawCondvar {
    #[allow(clippy::declare_interior_mutable_const, reason = "how lock_api makes a constant one")]
    const INIT: RawCondvar = RawCondvar(WaitList::new());

    type RawMutex = RawMutex;

    #[track_caller]
    unsafe fn wait(&self, mutex: &RawMutex, held: &mut Held) {
        self.wait_by(mutex, held, |place| place.wait());
    }

    #[inline]
    fn notify_one(&self) -> bool {
        // Ordered by the mutex, under which the condition was changed.
        self.0.notify_one_ordered()
    }

    #[inline]
    fn notify_all(&self) -> usize {
        self.0.notify_all_ordered()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawCondvarTimed for RawCondvar {
    fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
        Instant::now().checked_add(*timeout)
    }

    #[track_caller]
    unsafe fn wait_until(&self, mutex: &RawMutex, held: &mut Held, until: &Instant) -> bool {
        !self.wait_by(mutex, held, |place| place.wait_until(*until))
    }
}
