//! The receiving half.

use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::iter::{IntoIter, Iter, TryIter};
use super::shared::Shared;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The half of a channel that messages come out of. Cloned, another for the same channel: each message goes to
/// one of them.
///
/// The waits are suspension points, as those of a [`Sender`](super::Sender). If the task is aborted while it
/// waits, the wait unwinds, and no message is lost.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Receiver<T> {
        Receiver { shared }
    }

    /// Receives a message, waiting for one.
    ///
    /// # Errors
    /// If none is left and there are no senders any more.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// use sortie::sync::channel::{self, RecvError};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// sender.send("a").unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv(), Ok("a"));
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        // Without a time the other error cannot be.
        self.shared.recv(None).map_err(|_| RecvError)
    }

    /// Receives a message if one is there.
    ///
    /// Neither suspends nor blocks. In a channel without room: if a sender waits with one.
    ///
    /// # Errors
    /// If none is there; the error says whether one may come.
    ///
    /// ```
    /// use sortie::sync::channel::{self, TryRecvError};
    ///
    /// let (sender, receiver) = channel::unbounded::<u32>();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.try_recv()
    }

    /// As [`Receiver::recv`], but waits for so long at most.
    ///
    /// # Errors
    /// If the time came first, or none is left and there are no senders any more.
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use sortie::sync::channel::{self, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = channel::unbounded::<u32>();
    /// let error = receiver.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, RecvTimeoutError::Timeout);
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline(timeout))
    }

    /// As [`Receiver::recv`], but waits until this time at the latest.
    ///
    /// # Errors
    /// As [`Receiver::recv_timeout`].
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use sortie::sync::channel::{self, RecvTimeoutError};
    /// use std::time::Instant;
    ///
    /// let (_sender, receiver) = channel::unbounded::<u32>();
    /// assert_eq!(receiver.recv_until(Instant::now()), Err(RecvTimeoutError::Timeout));
    /// ```
    #[doc(alias = "recv_deadline")]
    pub fn recv_until(&self, until: Instant) -> Result<T, RecvTimeoutError> {
        self.shared.recv(Some(until))
    }

    /// The messages, waiting for each, until none is left and there are no senders any more.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are there, without a wait.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// assert_eq!(receiver.try_iter().count(), 3);
    /// # drop(sender);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Are there no senders any more? There may be messages left.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::channel::unbounded();
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many messages are in the channel.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::channel::bounded(4);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Is no message in the channel?
    ///
    /// ```
    /// let (_sender, receiver) = sortie::sync::channel::bounded::<u32>(4);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there is room for. `None`: without limit.
    ///
    /// ```
    /// use sortie::sync::channel;
    ///
    /// assert_eq!(channel::bounded::<u32>(4).1.capacity(), Some(4));
    /// assert_eq!(channel::unbounded::<u32>().1.capacity(), None);
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    /// Do both receive from the same channel?
    ///
    /// ```
    /// let (_sender, receiver) = sortie::sync::channel::bounded::<u32>(4);
    /// assert!(receiver.same_channel(&receiver.clone()));
    /// ```
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn shared(&self) -> &Shared<T> {
        &self.shared
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.shared.receivers.add_handle();
        Receiver { shared: self.shared.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.shared.receivers.drop_handle() {
            self.shared.end_of_receivers();
        }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;
    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
