//! Who sends.

use super::{Receiver, SendError, Shared};
use crate::sync::channel::shared::wait_for_close;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends to all receivers. Can be cloned.
///
/// ```
/// use sortie::sync::broadcast;
///
/// let (sender, receiver): (broadcast::Sender<u32>, _) = broadcast::channel(2);
/// sender.clone().send(1).unwrap();
/// drop(sender);
/// assert_eq!(receiver.recv(), Ok(1));
/// assert_eq!(receiver.recv(), Err(broadcast::RecvError::Disconnected));
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// One that is counted already.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Sender<T> {
        Sender { shared }
    }

    /// Sends to all who receive now, and says how many they are. Neither suspends nor blocks: if the channel is full,
    /// the oldest message is displaced.
    ///
    /// # Errors
    /// The message, if there are no receivers.
    ///
    /// ```
    /// use sortie::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(1);
    /// assert_eq!(sender.send('a'), Ok(1));
    /// assert_eq!(sender.send('b'), Ok(1));
    /// assert_eq!(receiver.recv(), Err(broadcast::RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv(), Ok('b'));
    /// drop(receiver);
    /// assert_eq!(sender.send('c'), Err(broadcast::SendError('c')));
    /// ```
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let mut state = self.shared.state.lock();
        let receivers = state.receivers;
        if receivers == 0 {
            return Err(SendError(message));
        }
        let displaced = state.row.push(Arc::new(message), receivers);
        drop(state);
        // The lock orders it.
        self.shared.sent.notify_all_ordered();
        // Last: its destructor may wait, or unwind.
        drop(displaced);
        Ok(receivers)
    }

    /// Another receiver, of what is sent from now on.
    ///
    /// ```
    /// use sortie::sync::broadcast;
    ///
    /// let (sender, first) = broadcast::channel(2);
    /// sender.send(1).unwrap();
    /// let second = sender.subscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!((first.recv(), second.recv()), (Ok(1), Ok(2)));
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.shared.state.lock();
        state.receivers += 1;
        Receiver::new(self.shared.clone(), state.row.next())
    }

    /// How many receivers there are.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::broadcast::channel::<u32>(1);
    /// assert_eq!(sender.receiver_count(), 1);
    /// drop(receiver);
    /// assert_eq!(sender.receiver_count(), 0);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.state.lock().receivers
    }

    /// Are there no receivers? Others may [subscribe](Sender::subscribe).
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::broadcast::channel::<u32>(1);
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
    /// let (sender, receiver) = sortie::sync::broadcast::channel::<u32>(1);
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
    /// let (sender, receiver) = sortie::sync::broadcast::channel::<u32>(1);
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
    /// let (sender, _receiver) = sortie::sync::broadcast::channel::<u32>(1);
    /// assert!(!sender.closed_until(Instant::now()));
    /// ```
    pub fn closed_until(&self, until: Instant) -> bool {
        self.wait_for_close(Some(until))
    }

    fn wait_for_close(&self, until: Option<Instant>) -> bool {
        let what = "a wait for the end of receivers";
        wait_for_close(&self.shared.closed, what, || self.is_closed(), until)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.state.lock().senders += 1;
        Sender::new(self.shared.clone())
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
            self.shared.sent.notify_all_ordered();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish_non_exhaustive()
    }
}
