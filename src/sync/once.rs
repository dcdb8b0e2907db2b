//! Once: done by whoever comes first, while the others wait.

use sortie_scheduler::wait::{Owner, WaitList, Waiter, blocked_on, deadline};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nobody has begun, or who had begun failed.
const FRESH: usize = 0;
/// It is done. Anything else: who is at it.
const DONE: usize = 1;

const WAIT: &str = "a wait for what is done once";

/// Something that is done once, while all others wait for it.
///
/// In the shape of `std::sync::Once`, without poisoning: if the closure panics, or its task is aborted in it, it has not
/// been done, and the next that waits, or comes, does it. The closure may suspend; others that call it then are
/// suspended too (threads sleep), and no worker waits.
///
/// ```
/// use sortie::sync::Once;
///
/// static BEGIN: Once = Once::new();
/// let mut runs = 0;
/// for _ in 0..3 {
///     BEGIN.call_once(|| runs += 1);
/// }
/// assert_eq!(runs, 1);
/// ```
#[derive(Debug)]
pub struct Once {
    state: AtomicUsize,
    /// Those who would do it. One is notified when somebody has failed, all when it is done.
    turns: WaitList,
    /// Those who wait until it is done.
    done: WaitList,
}

impl Once {
    /// Nothing is done yet.
    ///
    /// ```
    /// static SETUP: sortie::sync::Once = sortie::sync::Once::new();
    /// ```
    #[must_use]
    pub const fn new() -> Once {
        Once { state: AtomicUsize::new(FRESH), turns: WaitList::new(), done: WaitList::new() }
    }

    /// Does it, if nobody has; waits, if somebody is at it. When this returns it is done, and what was done in it is seen.
    ///
    /// # Panics
    /// If the closure panics, with its panic. If it calls this itself: it would wait for itself. In debug builds, if
    /// it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// let setup = sortie::sync::Once::new();
    /// let mut times = 0;
    /// setup.call_once(|| times += 1);
    /// setup.call_once(|| unreachable!("it is done"));
    /// assert_eq!(times, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        self.call_once_for(None, f);
    }

    /// As [`Once::call_once`], but waits for others no longer than `timeout`. False: somebody was at it all that time. What
    /// the closure takes is not limited.
    ///
    /// # Panics
    /// As [`Once::call_once`].
    ///
    /// ```
    /// use sortie::sync::Once;
    /// use std::time::Duration;
    ///
    /// let once = Once::new();
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.scope(|s| {
    ///     once.call_once(|| {
    ///         let other = s.spawn(|| once.call_once_timeout(Duration::from_millis(1), || ()));
    ///         assert!(!other.join().unwrap(), "this closure is still at it");
    ///     });
    /// });
    /// assert!(once.call_once_timeout(Duration::ZERO, || unreachable!("it is done")));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use = "false says that it is not done"]
    #[track_caller]
    pub fn call_once_timeout(&self, timeout: Duration, f: impl FnOnce()) -> bool {
        self.call_once_until(deadline(timeout), f)
    }

    /// As [`Once::call_once_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`Once::call_once`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let setup = sortie::sync::Once::new();
    /// assert!(setup.call_once_until(Instant::now(), || ()));
    /// ```
    #[must_use = "false says that it is not done"]
    #[track_caller]
    pub fn call_once_until(&self, until: Instant, f: impl FnOnce()) -> bool {
        self.call_once_for(Some(until), f)
    }

    #[inline]
    #[track_caller]
    fn call_once_for(&self, until: Option<Instant>, f: impl FnOnce()) -> bool {
        let done: Result<bool, Infallible> = self.try_call_once(until, || {
            f();
            Ok(())
        });
        let Ok(done) = done;
        done
    }

    /// Is it done?
    ///
    /// ```
    /// let setup = sortie::sync::Once::new();
    /// assert!(!setup.is_completed());
    /// setup.call_once(|| ());
    /// assert!(setup.is_completed());
    /// ```
    #[inline]
    pub fn is_completed(&self) -> bool {
        // ORDERING(once.state): Acquire, pairs with the Release in `Turn::done`.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Waits until somebody has done it.
    ///
    /// # Panics
    /// If the caller is at it: the wait would never end. In debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// let setup = sortie::sync::Once::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| setup.call_once(|| ()));
    ///     setup.wait();
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        self.wait_for(None);
    }

    /// As [`Once::wait`], but no longer than `timeout`. False: it was not done in that time.
    ///
    /// # Panics
    /// As [`Once::wait`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// assert!(!sortie::sync::Once::new().wait_timeout(Duration::from_millis(1)));
    /// ```
    #[must_use = "false says that it is not done"]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(deadline(timeout))
    }

    /// As [`Once::wait`], but no longer than until this time.
    ///
    /// # Panics
    /// As [`Once::wait`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// assert!(!sortie::sync::Once::new().wait_until(Instant::now()));
    /// ```
    #[must_use = "false says that it is not done"]
    pub fn wait_until(&self, until: Instant) -> bool {
        self.wait_for(Some(until))
    }

    /// False: others were at it until that time.
    #[inline]
    #[track_caller]
    pub(super) fn try_call_once<E>(
        &self,
        until: Option<Instant>,
        f: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.is_completed() {
            return Ok(true);
        }
        let Some(turn) = self.begin(until) else { return Ok(self.is_completed()) };
        f()?;
        turn.done();
        Ok(true)
    }

    /// The right to do it, or `None` once it is done, or that time has come.
    #[cold]
    #[track_caller]
    fn begin(&self, until: Option<Instant>) -> Option<Turn<'_>> {
        let me = Owner::current();
        loop {
            // ORDERING(once.state): Acquire, pairs with the Release in `Turn`: what was done, or was begun, is seen.
            let begun =
                self.state.compare_exchange(FRESH, me.get(), Ordering::Acquire, Ordering::Acquire);
            match begun {
                Ok(_) => return Some(Turn { once: self }),
                Err(DONE) => return None,
                Err(at_it) if at_it == me.get() => {
                    panic!("what is done once needs itself to be done")
                }
                Err(_) => {}
            }
            // SAFETY: it stays in this frame.
            let waiter = unsafe { Waiter::new(WAIT) };
            let place = self.turns.enter(&waiter);
            // ORDERING: Relaxed, the exchange decides; the fence in `enter` orders it with the look of who notifies.
            if !matches!(self.state.load(Ordering::Relaxed), FRESH | DONE) {
                let wait = || place.wait_for(until);
                if !blocked_on(WAIT, &self.state, wait) {
                    return None;
                }
            }
        }
    }

    #[track_caller]
    fn wait_for(&self, until: Option<Instant>) -> bool {
        if self.is_completed() {
            return true;
        }
        // ORDERING: Relaxed, only a word of the caller's own matters, and that it sees.
        if until.is_none() && self.state.load(Ordering::Relaxed) == Owner::current().get() {
            panic!("what is done once waits for itself");
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new(WAIT) };
        let place = self.done.enter(&waiter);
        if self.is_completed() {
            return true;
        }
        match until {
            // While somebody is at it, nobody else can do it.
            None => blocked_on(WAIT, &self.state, || place.wait_for(None)),
            Some(_) => place.wait_for(until),
        }
    }
}

impl Default for Once {
    fn default() -> Once {
        Once::new()
    }
}

/// The right to do it. Dropped before it is done, the next has it.
struct Turn<'a> {
    once: &'a Once,
}

impl Turn<'_> {
    fn done(self) {
        let once = self.once;
        std::mem::forget(self);
        // ORDERING(once.state): Release, pairs with the Acquire in `is_completed` and `begin`.
        once.state.store(DONE, Ordering::Release);
        once.turns.notify_all();
        once.done.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // ORDERING(once.state): Release, pairs with the Acquire in `begin`.
        self.once.state.store(FRESH, Ordering::Release);
        self.once.turns.notify_one();
    }
}
