//! Messages of which each receiver gets every one.
//!
//! Sending never waits: the channel keeps the latest messages, as many as it is made for, and a receiver that comes
//! later than that is told how many it has missed. A message is kept until all who were there when it was sent have
//! received it. Where no message may be missed, give each receiver a [`channel`](super::channel) of its own, whose senders
//! wait; where only the latest counts, use a [`watch`](super::watch).
//!
//! ```
//! use sortie::sync::broadcast;
//!
//! let runtime = sortie::Runtime::new()?;
//! let (sender, first) = broadcast::channel(16);
//! let second = sender.subscribe();
//! let tasks = [first, second].map(|receiver| {
//!     runtime.spawn(move || {
//!         let mut sum = 0;
//!         while let Ok(n) = receiver.recv() {
//!             sum += n;
//!         }
//!         sum
//!     })
//! });
//! (1..=3).for_each(|n| assert!(sender.send(n).is_ok()));
//! drop(sender);
//! assert_eq!(tasks.map(|task| task.join().unwrap()), [6, 6]);
//! # Ok::<(), sortie::BuildError>(())
//! ```

// `sender.rs`, `receiver.rs`: the halves, over the messages in a row (`row.rs`). `error.rs`.

mod error;
mod receiver;
mod row;
mod sender;

pub use super::channel::SendError;
pub use error::{RecvError, RecvTimeoutError, TryRecvError};
use parking_lot::Mutex;
pub use receiver::Receiver;
use row::Row;
pub use sender::Sender;
use sortie_scheduler::wait::WaitList;
use std::sync::Arc;

/// A sender and a receiver of a channel that keeps up to `capacity` messages for those who have not received them.
///
/// # Panics
/// If `capacity` is 0.
///
/// ```
/// use sortie::sync::broadcast;
///
/// let (sender, receiver) = broadcast::channel(1);
/// sender.send("a").unwrap();
/// assert_eq!(receiver.recv(), Ok("a"));
/// ```
#[must_use]
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel without room: give it a capacity of 1 or more");
    let state = State { row: Row::new(capacity), senders: 1, receivers: 1 };
    let (sent, closed) = (WaitList::new(), WaitList::new());
    let shared = Arc::new(Shared { state: Mutex::new(state), sent, closed });
    (Sender::new(shared.clone()), Receiver::new(shared, 0))
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Receivers that wait for a message.
    sent: WaitList,
    /// Senders that wait for the end of the receivers.
    closed: WaitList,
}

// What changes under its lock runs no code of others.
impl<T: std::panic::RefUnwindSafe> std::panic::UnwindSafe for Shared<T> {}
impl<T: std::panic::RefUnwindSafe> std::panic::RefUnwindSafe for Shared<T> {}

struct State<T> {
    row: Row<T>,
    senders: usize,
    receivers: usize,
}
