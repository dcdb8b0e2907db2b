//! Why a send or a receive came to nothing. Where `std` has the error, it is `std`'s.

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use std::fmt;

/// There are no receivers any more: why the arm `send` of a [`select!`](crate::select) sent nothing. The message is
/// where it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disconnected;

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sending on a channel that has no receivers any more")
    }
}

impl std::error::Error for Disconnected {}

/// Why a [`send_timeout`](super::Sender::send_timeout) gave its message back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The channel was full until the time came, or nobody was there to take the message.
    Timeout(T),
    /// There are no receivers any more.
    Disconnected(T),
}

impl<T> SendTimeoutError<T> {
    /// The message.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = sortie::sync::channel::bounded(0);
    /// let error = sender.send_timeout("a", Duration::ZERO).unwrap_err();
    /// assert_eq!(error.into_inner(), "a");
    /// # drop(receiver);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(message) | SendTimeoutError::Disconnected(message) => message,
        }
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(message): SendError<T>) -> SendTimeoutError<T> {
        SendTimeoutError::Disconnected(message)
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "the channel had no room for the message in time",
            SendTimeoutError::Disconnected(_) => {
                "sending on a channel that has no receivers any more"
            }
        })
    }
}

impl<T> std::error::Error for SendTimeoutError<T> {}
