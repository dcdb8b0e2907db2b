//! Who sends.

use super::{Receiver, Ref, Shared};
use crate::sync::channel::SendError;
use crate::sync::channel::shared::wait_for_close;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// One that is counted already.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Sender<T> {
        Sender { shared }
    }

    /// Makes this the latest value, and wakes those who wait for one. Neither suspends nor blocks.
    ///
    /// # Errors
    /// The value, if there are no receivers. [`Sender::send_replace`] does without.
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
    /// assert_eq!(*sender.send_replace(2), 1);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn send_replace(&self, value: T) -> Ref<T> {
        self.shared.replace(value)
    }

    /// Changes a copy of the latest value, and sends that. If another comes meanwhile, `modify` is called again, with a copy of
    /// that.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel(vec![1]);
    /// sender.send_modify(|numbers| numbers.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    pub fn send_modify(&self, mut modify: impl FnMut(&mut T))
    where
        T: Clone,
    {
        self.update(|now| {
            let mut next = now.clone();
            modify(&mut next);
            next
        });
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
        let seen = state.version;
        drop(state);
        Receiver::new(self.shared.clone(), seen)
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
        wait_for_close(
            &self.shared.closed,
            "a wait for the end of receivers",
            || self.is_closed(),
            until,
        )
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
            self.shared.changed.notify_all_ordered();
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
