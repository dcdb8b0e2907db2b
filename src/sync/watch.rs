//! The latest value of something, for any number of those who look at it, and wait until it changes.
//!
//! Values have *versions*: each send makes the next, and a [`Receiver`] remembers which it has seen. What was sent
//! between two looks is not seen: for every value, use a [`channel`](super::channel).
//!
//! A borrowed value is a counted reference. It holds no lock, may be kept over any wait, and never keeps a sender
//! from sending.
//!
//! ```
//! use sortie::sync::watch;
//!
//! let runtime = sortie::Runtime::new()?;
//! let (sender, receiver) = watch::channel("starting");
//! let task = runtime.spawn(move || {
//!     let ready = receiver.wait_for(|state| *state == "ready").unwrap();
//!     assert_eq!(*ready, "ready");
//! });
//! sender.send("loading").unwrap();
//! sender.send("ready").unwrap();
//! task.join().unwrap();
//! # Ok::<(), sortie::BuildError>(())
//! ```

use super::channel::{RecvError, RecvTimeoutError, SendError};
use parking_lot::Mutex;
use sortie_scheduler::wait::{Place, WaitList, Waiter, deadline};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A sender and a receiver of a value that is there from the beginning. The receiver has seen it.
///
/// ```
/// let (sender, receiver) = sortie::sync::watch::channel(1);
/// sender.send(2).unwrap();
/// assert_eq!(*receiver.borrow(), 2);
/// ```
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let state = State { value: Arc::new(value), version: 0, senders: 1, receivers: 1 };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        changed: WaitList::new(),
        closed: WaitList::new(),
    });
    (Sender { shared: shared.clone() }, Receiver { shared, seen: AtomicU64::new(0) })
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Receivers that wait for another version.
    changed: WaitList,
    /// Senders that wait for the end of the receivers.
    closed: WaitList,
}

struct State<T> {
    value: Arc<T>,
    version: u64,
    senders: usize,
    receivers: usize,
}

/// A value as it was when it was borrowed.
///
/// ```
/// let (sender, receiver) = sortie::sync::watch::channel(String::from("old"));
/// let before = receiver.borrow();
/// // Nobody keeps the sender from sending.
/// sender.send(String::from("new")).unwrap();
/// assert_eq!((before.as_str(), receiver.borrow().as_str()), ("old", "new"));
/// ```
pub struct Ref<T> {
    value: Arc<T>,
    version: u64,
}

impl<T> Ref<T> {
    /// How many values were sent up to this one. The first has version 0.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel('a');
    /// assert_eq!(receiver.borrow().version(), 0);
    /// sender.send('b').unwrap();
    /// assert_eq!(receiver.borrow().version(), 1);
    /// ```
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref").field("value", &self.value).field("version", &self.version).finish()
    }
}

impl<T> Shared<T> {
    fn borrow(&self) -> Ref<T> {
        let state = self.state.lock();
        Ref { value: state.value.clone(), version: state.version }
    }

    /// Puts a value in the place of the latest. The one before.
    fn replace(&self, value: T) -> Ref<T> {
        let value = Arc::new(value);
        let mut state = self.state.lock();
        let value = std::mem::replace(&mut state.value, value);
        let before = Ref { value, version: state.version };
        state.version += 1;
        drop(state);
        // The lock orders it.
        self.changed.notify_all_ordered();
        before
    }
}

/// Sends values. Can be cloned.
///
/// ```
/// use sortie::sync::watch;
///
/// let (sender, receiver): (watch::Sender<u32>, _) = watch::channel(1);
/// let other = sender.clone();
/// other.send(2).unwrap();
/// drop((sender, other));
/// assert_eq!(*receiver.borrow(), 2, "the last value stays");
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Makes this the latest value, and wakes those who wait for one. Neither suspends nor blocks.
    ///
    /// # Errors
    /// The value, if there are no receivers. [`Sender::replace`] does without.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().0, 3);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.shared.replace(value);
        Ok(())
    }

    /// As [`Sender::send`], also without receivers. Gives the value before.
    ///
    /// ```
    /// let (sender, _) = sortie::sync::watch::channel(1);
    /// assert_eq!(*sender.replace(2), 1);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn replace(&self, value: T) -> Ref<T> {
        self.shared.replace(value)
    }

    /// Makes the next value out of the latest. If another comes meanwhile, `next` is called again, with that.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// sender.update(|n| n + 1);
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    pub fn update(&self, mut next: impl FnMut(&T) -> T) {
        loop {
            let now = self.shared.borrow();
            let value = Arc::new(next(&now));
            let mut state = self.shared.state.lock();
            if state.version == now.version {
                let before = std::mem::replace(&mut state.value, value);
                state.version += 1;
                drop(state);
                // The lock orders it.
                self.shared.changed.notify_all_ordered();
                drop(before);
                return;
            }
        }
    }

    /// The latest value.
    ///
    /// ```
    /// let (sender, _receiver) = sortie::sync::watch::channel(1);
    /// assert_eq!(*sender.borrow(), 1);
    /// ```
    pub fn borrow(&self) -> Ref<T> {
        self.shared.borrow()
    }

    /// Another receiver, which has seen the latest value.
    ///
    /// ```
    /// let (sender, first) = sortie::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// let second = sender.subscribe();
    /// assert_eq!((first.has_changed(), second.has_changed()), (Ok(true), Ok(false)));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.shared.state.lock();
        state.receivers += 1;
        let seen = AtomicU64::new(state.version);
        drop(state);
        Receiver { shared: self.shared.clone(), seen }
    }

    /// How many receivers there are.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// let other = receiver.clone();
    /// assert_eq!(sender.receiver_count(), 2);
    /// # drop(other);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.state.lock().receivers
    }

    /// Are there no receivers? Others may [subscribe](Sender::subscribe).
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// let _another = sender.subscribe();
    /// assert!(!sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there are no receivers.
    ///
    /// A suspension point.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// let task = runtime.spawn(move || sender.closed());
    /// drop(receiver);
    /// task.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn closed(&self) {
        self.wait_for_close(None);
    }

    /// As [`Sender::closed`], for so long at most. False: there still are receivers.
    ///
    /// # Panics
    /// As [`Sender::closed`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = sortie::sync::watch::channel(1);
    /// assert!(!sender.closed_timeout(Duration::from_millis(1)));
    /// drop(receiver);
    /// assert!(sender.closed_timeout(Duration::from_millis(1)));
    /// ```
    pub fn closed_timeout(&self, timeout: Duration) -> bool {
        self.closed_until(deadline(timeout))
    }

    /// As [`Sender::closed_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`Sender::closed`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let (sender, _receiver) = sortie::sync::watch::channel(1);
    /// assert!(!sender.closed_until(Instant::now()));
    /// ```
    pub fn closed_until(&self, until: Instant) -> bool {
        self.wait_for_close(Some(until))
    }

    fn wait_for_close(&self, until: Option<Instant>) -> bool {
        if self.is_closed() {
            return true;
        }
        let waiter = Waiter::new("a wait for the end of receivers");
        loop {
            let place = self.shared.closed.enter(&waiter);
            if self.is_closed() {
                return true;
            }
            if !super::channel::shared::wait(place, until) {
                return self.is_closed();
            }
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.state.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            // The lock orders it.
            self.shared.changed.notify_all_ordered();
        }
    }
}

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
    /// (1..=10).for_each(|n| drop(sender.replace(n)));
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
            self.wait(until)?;
        }
    }

    /// As [`Receiver::changed`], if that needs no wait. `None`: it does.
    pub(super) fn try_changed(&self) -> Option<Result<(), RecvError>> {
        let state = self.shared.state.lock();
        if state.version != self.seen() {
            self.see(state.version);
            return Some(Ok(()));
        }
        (state.senders == 0).then_some(Err(RecvError))
    }

    pub(super) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.shared.changed.enter(waiter)
    }

    fn wait(&self, until: Option<Instant>) -> Result<(), RecvTimeoutError> {
        let tried = || Some(self.try_changed()?.map_err(|_| RecvTimeoutError::Disconnected));
        if let Some(result) = tried() {
            return result;
        }
        let waiter = Waiter::new("a wait for another value");
        loop {
            let place = self.enter(&waiter);
            if let Some(result) = tried() {
                return result;
            }
            let in_time = super::channel::shared::wait(place, until);
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
        Receiver { shared: self.shared.clone(), seen: AtomicU64::new(self.seen()) }
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

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Sender")
            .field("version", &state.version)
            .field("receivers", &state.receivers)
            .finish_non_exhaustive()
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
