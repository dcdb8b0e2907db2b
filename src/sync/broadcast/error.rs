//! Why no message was received.

use std::fmt;

/// Why [`Receiver::recv`](super::Receiver::recv) received none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// So many messages were displaced by later ones. The next call goes on behind them.
    Lagged(u64),
    /// There are no senders any more, and no messages.
    Disconnected,
}

/// Why [`Receiver::try_recv`](super::Receiver::try_recv) received none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// As [`RecvError::Lagged`].
    Lagged(u64),
    /// As [`RecvError::Disconnected`].
    Disconnected,
}

/// Why [`Receiver::recv_timeout`](super::Receiver::recv_timeout) received none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// None came in time.
    Timeout,
    /// As [`RecvError::Lagged`].
    Lagged(u64),
    /// As [`RecvError::Disconnected`].
    Disconnected,
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> TryRecvError {
        match error {
            RecvError::Lagged(messages) => TryRecvError::Lagged(messages),
            RecvError::Disconnected => TryRecvError::Disconnected,
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> RecvTimeoutError {
        match error {
            RecvError::Lagged(messages) => RecvTimeoutError::Lagged(messages),
            RecvError::Disconnected => RecvTimeoutError::Disconnected,
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Lagged(messages) => {
                write!(
                    f,
                    "{messages} messages were displaced by later ones before they were received"
                )
            }
            RecvError::Disconnected => {
                f.write_str("receiving on a channel that has no senders any more")
            }
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryRecvError::Empty => f.write_str("no message has been sent yet"),
            TryRecvError::Lagged(messages) => RecvError::Lagged(messages).fmt(f),
            TryRecvError::Disconnected => RecvError::Disconnected.fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RecvTimeoutError::Timeout => f.write_str("no message was sent in time"),
            RecvTimeoutError::Lagged(messages) => RecvError::Lagged(messages).fmt(f),
            RecvTimeoutError::Disconnected => RecvError::Disconnected.fmt(f),
        }
    }
}

impl std::error::Error for RecvError {}
impl std::error::Error for TryRecvError {}
impl std::error::Error for RecvTimeoutError {}
