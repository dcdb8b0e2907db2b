//! One message from one sender to one receiver: an answer.
//!
//! A send does not wait. All is under one lock, which is held for a few instructions and never around code of
//! others.
//!
//! ```
//! use sortie::sync::{channel, oneshot};
//!
//! let runtime = sortie::Runtime::new()?;
//! let (ask, questions) = channel::bounded::<(u32, oneshot::Sender<u32>)>(8);
//! let task = runtime.spawn(move || {
//!     for (n, answer) in questions {
//!         // Who asked may have gone away.
//!         let _ = answer.send(n * n);
//!     }
//! });
//! let (answer, answered) = oneshot::channel();
//! ask.send((12, answer)).unwrap();
//! assert_eq!(answered.recv(), Ok(144));
//! # drop(ask);
//! # task.join().unwrap();
//! # Ok::<(), sortie::BuildError>(())
//! ```

use super::channel::shared::wait_for_close;
use super::channel::{RecvError, RecvTimeoutError, TryRecvError};
use parking_lot::Mutex;
use sortie_scheduler::wait::{Place, WaitList, Waiter, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A sender and a receiver for one message.
///
/// ```
/// use sortie::sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// std::thread::spawn(move || sender.send(42));
/// assert_eq!(receiver.recv(), Ok(42));
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { message: None, has_sender: true, has_receiver: true }),
        receiver: WaitList::new(),
        sender: WaitList::new(),
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

struct Shared<T> {
    state: Mutex<State<T>>,
    receiver: WaitList,
    sender: WaitList,
}

// What changes under its lock runs no code of others; messages are their owners'.
impl<T> std::panic::UnwindSafe for Shared<T> {}
impl<T> std::panic::RefUnwindSafe for Shared<T> {}

struct State<T> {
    message: Option<T>,
    has_sender: bool,
    has_receiver: bool,
}

/// Sends one message. Dropped without that, it tells the receiver that none comes.
///
/// ```
/// use sortie::sync::{channel::RecvError, oneshot};
///
/// let (sender, receiver) = oneshot::channel::<u32>();
/// drop::<oneshot::Sender<u32>>(sender);
/// assert_eq!(receiver.recv(), Err(RecvError));
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Receives one message.
///
/// Its waits are suspension points. If the task is aborted while it waits, the wait unwinds; a message that comes then
/// is dropped with the receiver.
///
/// ```
/// use sortie::sync::oneshot;
///
/// let (sender, receiver): (_, oneshot::Receiver<&str>) = oneshot::channel();
/// sender.send("an answer").unwrap();
/// assert_eq!(receiver.recv(), Ok("an answer"));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends the message. Neither suspends nor blocks.
    ///
    /// # Errors
    /// The message, if the receiver is gone.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("anybody?"), Err("anybody?"));
    /// ```
    pub fn send(self, message: T) -> Result<(), T> {
        let mut state = self.shared.state.lock();
        if !state.has_receiver {
            return Err(message);
        }
        state.message = Some(message);
        // The drop tells the receiver.
        Ok(())
    }

    /// Is the receiver gone?
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::oneshot::channel::<u32>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        !self.shared.state.lock().has_receiver
    }

    /// Waits until the receiver is gone: then nobody wants the message any more.
    ///
    /// A suspension point.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let (sender, receiver) = sortie::sync::oneshot::channel::<u32>();
    /// let task = runtime.spawn(move || sender.closed());
    /// drop(receiver);
    /// task.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn closed(&self) {
        self.wait_for_close(None);
    }

    /// As [`Sender::closed`], for so long at most. False: the receiver is still there.
    ///
    /// # Panics
    /// As [`Sender::closed`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = sortie::sync::oneshot::channel::<u32>();
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
    /// let (sender, _receiver) = sortie::sync::oneshot::channel::<u32>();
    /// assert!(!sender.closed_until(Instant::now()));
    /// ```
    pub fn closed_until(&self, until: Instant) -> bool {
        self.wait_for_close(Some(until))
    }

    fn wait_for_close(&self, until: Option<Instant>) -> bool {
        wait_for_close(
            &self.shared.sender,
            "a wait for the end of a receiver",
            || self.is_closed(),
            until,
        )
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.state.lock().has_sender = false;
        // The lock orders it.
        self.shared.receiver.notify_all_ordered();
    }
}

impl<T> Receiver<T> {
    /// Waits for the message.
    ///
    /// # Errors
    /// If the sender is gone without one.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// use sortie::sync::{channel::RecvError, oneshot};
    ///
    /// let (sender, receiver) = oneshot::channel::<u32>();
    /// drop(sender);
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    pub fn recv(self) -> Result<T, RecvError> {
        self.wait(None).map_err(|_| RecvError)
    }

    /// As [`Receiver::recv`], but waits for so long at most.
    ///
    /// # Errors
    /// If the time came first, or the sender is gone without a message, or the message was received before.
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use sortie::sync::{channel::RecvTimeoutError, oneshot};
    /// use std::time::Duration;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// let limit = Duration::from_millis(1);
    /// assert_eq!(receiver.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.recv_timeout(limit), Ok(7));
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline(timeout))
    }

    /// As [`Receiver::recv_timeout`], but waits until this time at the latest.
    ///
    /// # Errors
    /// As [`Receiver::recv_timeout`].
    ///
    /// # Panics
    /// As [`Receiver::recv`].
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, mut receiver) = sortie::sync::oneshot::channel();
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.recv_until(Instant::now() + Duration::from_secs(1)), Ok(7));
    /// ```
    pub fn recv_until(&mut self, until: Instant) -> Result<T, RecvTimeoutError> {
        self.wait(Some(until))
    }

    /// The message, if it is there. Neither suspends nor blocks.
    ///
    /// # Errors
    /// If it is not; the error says whether it may come.
    ///
    /// ```
    /// use sortie::sync::{channel::TryRecvError, oneshot};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.take()
    }

    pub(super) fn take(&self) -> Result<T, TryRecvError> {
        let mut state = self.shared.state.lock();
        match state.message.take() {
            Some(message) => Ok(message),
            None if state.has_sender => Err(TryRecvError::Empty),
            None => Err(TryRecvError::Disconnected),
        }
    }

    /// Would [`Receiver::take`] be more than `Empty`?
    pub(super) fn is_ready(&self) -> bool {
        let state = self.shared.state.lock();
        state.message.is_some() || !state.has_sender
    }

    pub(super) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.shared.receiver.enter(waiter)
    }

    fn wait(&self, until: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let ended = |result| match result {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
            Err(TryRecvError::Empty) => None,
        };
        if let Some(result) = ended(self.take()) {
            return result;
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a receive") };
        loop {
            let place = self.enter(&waiter);
            if let Some(result) = ended(self.take()) {
                return result;
            }
            let in_time = super::channel::shared::wait(place, until);
            match ended(self.take()) {
                Some(result) => return result,
                None if in_time => {}
                None => return Err(RecvTimeoutError::Timeout),
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let message = {
            let mut state = self.shared.state.lock();
            state.has_receiver = false;
            state.message.take()
        };
        // The lock orders it.
        self.shared.sender.notify_all_ordered();
        drop(message);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Receiver")
            .field("has_message", &state.message.is_some())
            .field("has_sender", &state.has_sender)
            .finish()
    }
}
