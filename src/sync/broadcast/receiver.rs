//! Who receives.

use super::row::Missing;
use super::{RecvError, RecvTimeoutError, Shared, TryRecvError};
use crate::sync::channel::shared::wait;
use sortie_scheduler::wait::{Place, Waiter, deadline};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Receives each message that is sent while it is there. A clone receives from here on what this one does.
///
/// Whoever shares one receiver shares its messages: each goes to one of them.
///
/// ```
/// use sortie::sync::broadcast;
///
/// let (sender, receiver) = broadcast::channel(2);
/// sender.send('a').unwrap();
/// let clone: broadcast::Receiver<char> = receiver.clone();
/// assert_eq!((receiver.recv(), clone.recv()), (Ok('a'), Ok('a')));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the next message that it wants. Changed under the lock.
    next: AtomicU64,
}

impl<T> Receiver<T> {
    /// One that is counted already, also with the messages that it wants.
    pub(super) fn new(shared: Arc<Shared<T>>, next: u64) -> Receiver<T> {
        Receiver { shared, next: AtomicU64::new(next) }
    }

    /// Under the lock.
    fn next(&self) -> u64 {
        // ORDERING: Relaxed, the lock orders it.
        self.next.load(Ordering::Relaxed)
    }

    /// How many messages are there for it.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::broadcast::channel(2);
    /// assert!(receiver.is_empty());
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        let state = self.shared.state.lock();
        state.row.len_from(self.next())
    }

    /// Is none there for it?
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::broadcast::channel(4);
    /// assert!(receiver.is_empty());
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next message, if it does not have to be waited for. `None`: it does.
    fn take(&self) -> Option<Result<Arc<T>, RecvError>> {
        let mut state = self.shared.state.lock();
        let mut next = self.next();
        let taken = state.row.take(&mut next);
        // ORDERING: Relaxed, the lock orders it.
        self.next.store(next, Ordering::Relaxed);
        match taken {
            Ok(message) => Some(Ok(message)),
            Err(Missing::Displaced(messages)) => Some(Err(RecvError::Lagged(messages))),
            Err(Missing::NotSent) => (state.senders == 0).then_some(Err(RecvError::Disconnected)),
        }
    }

    /// Would [`Receiver::take`] give something?
    pub(in crate::sync) fn is_ready(&self) -> bool {
        let state = self.shared.state.lock();
        state.row.next() != self.next() || state.senders == 0
    }

    pub(in crate::sync) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.shared.sent.enter(waiter)
    }

    fn wait(&self, until: Option<Instant>) -> Result<Arc<T>, RecvTimeoutError> {
        if let Some(taken) = self.take() {
            return Ok(taken?);
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a receive of a broadcast") };
        loop {
            let place = self.enter(&waiter);
            if let Some(taken) = self.take() {
                return Ok(taken?);
            }
            let in_time = wait(place, until);
            match self.take() {
                Some(taken) => return Ok(taken?),
                None if in_time => {}
                None => return Err(RecvTimeoutError::Timeout),
            }
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next message: itself if all others have it, else a clone. Waits, if there is none.
    ///
    /// A suspension point if it waits. If the task is aborted while it waits, the wait unwinds, and no message is lost.
    ///
    /// # Errors
    /// If messages were displaced, or there are none and no senders any more.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive. If the
    /// message's `clone` panics: this receiver has received it.
    ///
    /// ```
    /// use sortie::sync::broadcast::{self, RecvError};
    ///
    /// let (sender, receiver) = broadcast::channel(2);
    /// (1..=3).for_each(|n| assert!(sender.send(n).is_ok()));
    /// drop(sender);
    /// assert_eq!(receiver.recv(), Err(RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv(), Ok(2));
    /// assert_eq!(receiver.recv(), Ok(3));
    /// assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        self.wait(None).map(Arc::unwrap_or_clone).map_err(|error| match error {
            RecvTimeoutError::Lagged(messages) => RecvError::Lagged(messages),
            RecvTimeoutError::Disconnected => RecvError::Disconnected,
            RecvTimeoutError::Timeout => unreachable!("a wait without a limit has no end of time"),
        })
    }

    /// As [`Receiver::recv`], without waiting.
    ///
    /// # Errors
    /// As [`Receiver::recv`], or if there is no message.
    ///
    /// ```
    /// use sortie::sync::broadcast::{self, TryRecvError};
    ///
    /// let (sender, receiver) = broadcast::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.look() {
            Some(received) => Ok(received?),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As [`Receiver::recv`], but waits for so long at most.
    ///
    /// # Errors
    /// As [`Receiver::recv`], or if the time came first.
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use sortie::sync::broadcast::{self, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = broadcast::channel::<u32>(1);
    /// let late = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(late, Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline(timeout))
    }

    /// As [`Receiver::recv_timeout`], until this time at the latest.
    ///
    /// # Errors
    /// As [`Receiver::recv_timeout`].
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let (sender, receiver) = sortie::sync::broadcast::channel(4);
    /// assert!(receiver.recv_until(Instant::now()).is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.recv_until(Instant::now()), Ok(1));
    /// ```
    pub fn recv_until(&self, until: Instant) -> Result<T, RecvTimeoutError> {
        self.wait(Some(until)).map(Arc::unwrap_or_clone)
    }

    /// As [`Receiver::recv`], if that needs no wait. `None`: it does.
    pub(in crate::sync) fn look(&self) -> Option<Result<T, RecvError>> {
        Some(self.take()?.map(Arc::unwrap_or_clone))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        let mut state = self.shared.state.lock();
        let next = self.next();
        state.receivers += 1;
        state.row.add(next);
        Receiver::new(self.shared.clone(), next)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.receivers -= 1;
        let is_last = state.receivers == 0;
        let unwanted = state.row.leave(self.next());
        drop(state);
        if is_last {
            // The lock orders it.
            self.shared.closed.notify_all_ordered();
        }
        // Without the lock.
        drop(unwanted);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}
