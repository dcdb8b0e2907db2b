//! Who looks, and waits.

use super::{Ref, Shared};
use crate::sync::channel::shared::wait;
use crate::sync::channel::{RecvError, RecvTimeoutError};
use sortie_scheduler::wait::{Place, Waiter, deadline};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Looks at the latest value, and waits for another. A clone has seen what this one has.
///
/// ```
/// use sortie::sync::watch;
///
/// let (sender, receiver): (_, watch::Receiver<u32>) = watch::channel(1);
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(move || receiver.changed().map(|()| *receiver.borrow()));
/// sender.send(2).unwrap();
/// assert_eq!(task.join().unwrap(), Ok(2));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that it has seen.
    seen: AtomicU64,
}

impl<T> Receiver<T> {
    /// One that is counted already.
    pub(super) fn new(shared: Arc<Shared<T>>, seen: u64) -> Receiver<T> {
        Receiver { shared, seen: AtomicU64::new(seen) }
    }

    fn seen(&self) -> u64 {
        // ORDERING: Relaxed, a number of the receiver's; the value is under the lock.
        self.seen.load(Ordering::Relaxed)
    }

    fn see(&self, version: u64) {
        // ORDERING: Relaxed, as above.
        self.seen.store(version, Ordering::Relaxed);
    }

    /// The latest value. It does not count as seen.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(true), "not seen yet");
    /// ```
    pub fn borrow(&self) -> Ref<T> {
        self.shared.borrow()
    }

    /// The latest value, which is seen by that.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn borrow_and_update(&self) -> Ref<T> {
        let value = self.shared.borrow();
        self.see(value.version);
        value
    }

    /// Is there a value that it has not seen?
    ///
    /// # Errors
    /// If there is none and there are no senders any more.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let state = self.shared.state.lock();
        match state.version != self.seen() {
            false if state.senders == 0 => Err(RecvError),
            has_changed => Ok(has_changed),
        }
    }

    /// Waits for a value that it has not seen, which is seen by that.
    ///
    /// A suspension point. If the task is aborted while it waits, the wait unwinds.
    ///
    /// # Errors
    /// If there is none and there are no senders any more.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let (sender, receiver) = sortie::sync::watch::channel(0);
    /// let task = runtime.spawn(move || {
    ///     let mut seen = Vec::new();
    ///     while receiver.changed().is_ok() {
    ///         seen.push(*receiver.borrow());
    ///     }
    ///     seen.last().copied()
    /// });
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(task.join().unwrap(), Some(3));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn changed(&self) -> Result<(), RecvError> {
        self.wait(None).map_err(|_| RecvError)
    }

    /// As [`Receiver::changed`], but waits for so long at most.
    ///
    /// # Errors
    /// If the time came first, or as [`Receiver::changed`].
    ///
    /// # Panics
    /// As [`Receiver::changed`].
    ///
    /// ```
    /// use sortie::sync::{channel::RecvTimeoutError, watch};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let limit = Duration::from_millis(1);
    /// assert_eq!(receiver.changed_timeout(limit), Err(RecvTimeoutError::Timeout));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.changed_timeout(limit), Ok(()));
    /// ```
    pub fn changed_timeout(&self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        self.changed_until(deadline(timeout))
    }

    /// As [`Receiver::changed`], but waits until this time at the latest.
    ///
    /// # Errors
    /// As [`Receiver::changed_timeout`].
    ///
    /// # Panics
    /// As [`Receiver::changed`].
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.changed_until(Instant::now() + Duration::from_secs(1)), Ok(()));
    /// ```
    pub fn changed_until(&self, until: Instant) -> Result<(), RecvTimeoutError> {
        self.wait(Some(until))
    }

    /// Waits until the latest value is as wanted: that value, which is seen by that.
    ///
    /// A suspension point, if it waits.
    ///
    /// # Errors
    /// If the latest is not and there are no senders any more.
    ///
    /// # Panics
    /// As [`Receiver::changed`].
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let (sender, receiver) = sortie::sync::watch::channel(0);
    /// let task = runtime.spawn(move || *receiver.wait_for(|n| *n >= 10).unwrap());
    /// (1..=10).for_each(|n| drop(sender.send_replace(n)));
    /// assert_eq!(task.join().unwrap(), 10);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn wait_for(&self, is_wanted: impl FnMut(&T) -> bool) -> Result<Ref<T>, RecvError> {
        self.wait_until_wanted(None, is_wanted).map_err(|_| RecvError)
    }

    /// As [`Receiver::wait_for`], for so long at most.
    ///
    /// # Errors
    /// If the time came first, or as [`Receiver::wait_for`].
    ///
    /// # Panics
    /// As [`Receiver::changed`].
    ///
    /// ```
    /// use sortie::sync::{channel::RecvTimeoutError, watch};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let limit = Duration::from_millis(1);
    /// let late = receiver.wait_for_timeout(limit, |n| *n == 2).map(|n| *n);
    /// assert_eq!(late, Err(RecvTimeoutError::Timeout));
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.wait_for_timeout(limit, |n| *n == 2).unwrap(), 2);
    /// ```
    pub fn wait_for_timeout(
        &self,
        timeout: Duration,
        is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<T>, RecvTimeoutError> {
        self.wait_for_until(deadline(timeout), is_wanted)
    }

    /// As [`Receiver::wait_for_timeout`], until this time at the latest.
    ///
    /// # Errors
    /// As [`Receiver::wait_for_timeout`].
    ///
    /// # Panics
    /// As [`Receiver::changed`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let (_sender, receiver) = sortie::sync::watch::channel(1);
    /// assert_eq!(*receiver.wait_for_until(Instant::now(), |n| *n == 1).unwrap(), 1);
    /// ```
    pub fn wait_for_until(
        &self,
        until: Instant,
        is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<T>, RecvTimeoutError> {
        self.wait_until_wanted(Some(until), is_wanted)
    }

    fn wait_until_wanted(
        &self,
        until: Option<Instant>,
        mut is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<T>, RecvTimeoutError> {
        loop {
            let value = self.borrow_and_update();
            if is_wanted(&value) {
                return Ok(value);
            }
            // Not kept over the wait: others may have displaced it.
            drop(value);
            self.wait(until)?;
        }
    }

    /// As [`Receiver::changed`], if that needs no wait. `None`: it does.
    pub(in crate::sync) fn try_changed(&self) -> Option<Result<(), RecvError>> {
        let state = self.shared.state.lock();
        if state.version != self.seen() {
            self.see(state.version);
            return Some(Ok(()));
        }
        (state.senders == 0).then_some(Err(RecvError))
    }

    pub(in crate::sync) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.shared.changed.enter(waiter)
    }

    fn wait(&self, until: Option<Instant>) -> Result<(), RecvTimeoutError> {
        let tried = || Some(self.try_changed()?.map_err(|_| RecvTimeoutError::Disconnected));
        if let Some(result) = tried() {
            return result;
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a wait for another value") };
        loop {
            let place = self.enter(&waiter);
            if let Some(result) = tried() {
                return result;
            }
            let in_time = wait(place, until);
            match tried() {
                Some(result) => return result,
                None if in_time => {}
                None => return Err(RecvTimeoutError::Timeout),
            }
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.shared.state.lock().receivers += 1;
        Receiver::new(self.shared.clone(), self.seen())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.receivers -= 1;
        let is_last = state.receivers == 0;
        drop(state);
        if is_last {
            // The lock orders it.
            self.shared.closed.notify_all_ordered();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("seen", &self.seen())
            .field("has_changed", &self.has_changed())
            .finish_non_exhaustive()
    }
}
