//! The sending half.

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::shared::Shared;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The half of a channel that messages go in by. Cloned, another for the same channel.
///
/// The waits are suspension points: a task is switched away, inside a callback its carrier waits, any other
/// thread sleeps. If the task is aborted while it waits, the wait unwinds; the message is dropped with it and
/// was not sent. If a receiver has it by then, it was sent: the abort, or the end of a time limit, is raised at the next
/// suspension point.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Sender<T> {
        Sender { shared }
    }

    /// Sends a message, waiting for room; in a channel without room, until it has been received.
    ///
    /// That it was sent does not say that it will be received: the receivers may all go before that.
    ///
    /// # Errors
    /// The message, if there are no receivers any more.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// use sortie::sync::channel::{self, SendError};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// sender.send("a").unwrap();
    /// assert_eq!(receiver.recv(), Ok("a"));
    /// drop(receiver);
    /// assert_eq!(sender.send("b"), Err(SendError("b")));
    /// ```
    #[inline(always)]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.shared.send(message, None).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends a message if that needs no wait.
    ///
    /// Neither suspends nor blocks. A channel without room takes a message if a receiver waits for one.
    ///
    /// # Errors
    /// The message, if there is no room or there are no receivers any more.
    ///
    /// ```
    /// use sortie::sync::channel::{self, TrySendError};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(message)
    }

    /// As [`Sender::send`], but waits for so long at most.
    ///
    /// # Errors
    /// The message, if the time came first or there are no receivers any more.
    ///
    /// # Panics
    /// As [`Sender::send`].
    ///
    /// ```
    /// use sortie::sync::channel::{self, SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// let error = sender.send_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, SendTimeoutError::Timeout(2));
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, deadline(timeout))
    }

    /// As [`Sender::send`], but waits until this time at the latest.
    ///
    /// # Errors
    /// As [`Sender::send_timeout`].
    ///
    /// # Panics
    /// As [`Sender::send`].
    ///
    /// ```
    /// use sortie::sync::channel::{self, SendTimeoutError};
    /// use std::time::Instant;
    ///
    /// let (sender, _receiver) = channel::bounded(0);
    /// assert_eq!(sender.send_until(1, Instant::now()), Err(SendTimeoutError::Timeout(1)));
    /// ```
    #[doc(alias = "send_deadline")]
    pub fn send_until(&self, message: T, until: Instant) -> Result<(), SendTimeoutError<T>> {
        self.shared.send(message, Some(until))
    }

    /// Are there no receivers any more?
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::channel::unbounded::<u32>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until there are no receivers any more: then nobody wants what the sender would make.
    ///
    /// What is in the channel is dropped by then, or soon. A suspension point.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let (sender, receiver) = sortie::sync::channel::bounded::<u32>(1);
    /// let task = runtime.spawn(move || sender.closed());
    /// drop(receiver);
    /// task.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn closed(&self) {
        self.shared.wait_for_end_of_receivers(None);
    }

    /// As [`Sender::closed`], for so long at most. False: there still are receivers.
    ///
    /// # Panics
    /// As [`Sender::closed`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = sortie::sync::channel::unbounded::<u32>();
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
    /// let (sender, _receiver) = sortie::sync::channel::unbounded::<u32>();
    /// assert!(!sender.closed_until(Instant::now()));
    /// ```
    pub fn closed_until(&self, until: Instant) -> bool {
        self.shared.wait_for_end_of_receivers(Some(until))
    }

    /// How many messages are in the channel.
    ///
    /// ```
    /// let (sender, _receiver) = sortie::sync::channel::bounded(4);
    /// sender.send(1).unwrap();
    /// assert_eq!(sender.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Is no message in the channel?
    ///
    /// ```
    /// let (sender, _receiver) = sortie::sync::channel::bounded::<u32>(4);
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there is room for. `None`: without limit.
    ///
    /// ```
    /// use sortie::sync::channel;
    ///
    /// assert_eq!(channel::bounded::<u32>(8).0.capacity(), Some(8));
    /// assert_eq!(channel::bounded::<u32>(0).0.capacity(), Some(0));
    /// assert_eq!(channel::unbounded::<u32>().0.capacity(), None);
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    /// Do both send to the same channel?
    ///
    /// ```
    /// let (sender, _receiver) = sortie::sync::channel::bounded::<u32>(4);
    /// assert!(sender.same_channel(&sender.clone()));
    /// ```
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn shared(&self) -> &Shared<T> {
        &self.shared
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.add_handle();
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.drop_handle() {
            self.shared.end_of_senders();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
