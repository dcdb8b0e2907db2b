//! Channels: messages from any number of senders to any number of receivers, tasks and threads alike.
//!
//! [`bounded`] channels have room for so many messages and make senders wait when it is full, with a capacity
//! of 0 until a receiver takes the message out of the sender's hands; [`unbounded()`] ones have room without
//! limit. Both halves can be cloned. The channel is *disconnected* when the last of either half is dropped: then
//! sends fail, and receives fail once nothing is left in it.
//!
//! - Messages come out in the order in which they went in; those of one sender in the order of its sends. Each is
//!   received once.
//! - Who waits longest is woken first. Who comes along at that moment may take the message or the room
//!   before it; then it waits on.
//! - A wait that is ended by its time or by an abort loses nothing: a message stays with its sender or in the
//!   channel, and a wake-up that had come goes to the next who waits.
//! - When the last receiver goes, the messages that are left are dropped.
//!
//! [`select!`](crate::select) waits for several channels at once. [`Semaphore`](crate::sync::Semaphore) bounds
//! what is no message.
//!
//! There is no `mpsc` beside these, as it would have their interface and nothing else: `std`'s `mpsc::channel` is
//! [`unbounded()`], its `mpsc::sync_channel` is [`bounded`], and its errors are these. The halves of both kinds have the
//! same types, and a receiver, too, may be cloned and shared.
//!
//! ```
//! use sortie::sync::channel;
//!
//! let runtime = sortie::Runtime::new()?;
//! let (sender, receiver) = channel::bounded(16);
//! let task = runtime.spawn(move || (1..=100).for_each(|n| sender.send(n).unwrap()));
//! assert_eq!(receiver.iter().sum::<u32>(), 5050);
//! task.join().unwrap();
//! # Ok::<(), sortie::BuildError>(())
//! ```

// `sender.rs`, `receiver.rs`: the halves, over what they share (`shared.rs`), each side with its line (`side.rs`). What lies
// between: a ring of the scheduler's, `unbounded.rs`, or nothing (`rendezvous.rs`). `iter.rs`, `error.rs`.

mod error;
mod iter;

mod receiver;
pub(crate) mod rendezvous;
mod sender;
pub(crate) mod shared;
mod side;
mod unbounded;

pub use error::{
    Disconnected, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError,
    TrySendError,
};
pub use iter::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;

use shared::{Flavor, Shared};
use std::sync::Arc;

/// A channel with room for so many messages; 0: a message goes from hand to hand, and a send ends when it has
/// been received.
///
/// # Panics
/// If the capacity is a quarter of what `usize` counts, or more, or the memory for it cannot be had.
///
/// ```
/// use sortie::sync::channel::{self, TrySendError};
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send("a").unwrap();
/// assert_eq!(sender.try_send("b"), Err(TrySendError::Full("b")));
/// assert_eq!(receiver.recv(), Ok("a"));
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    halves(match capacity {
        0 => Flavor::Rendezvous(rendezvous::Rendezvous::new()),
        _ => Flavor::Bounded(sortie_scheduler::ring::Ring::new(capacity)),
    })
}

/// A channel with room without limit: a send never waits.
///
/// ```
/// let (sender, receiver) = sortie::sync::channel::unbounded();
/// for n in 0..1000 {
///     sender.send(n).unwrap();
/// }
/// assert_eq!(receiver.len(), 1000);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    halves(Flavor::Unbounded(unbounded::Unbounded::new()))
}

fn halves<T>(flavor: Flavor<T>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(flavor));
    (Sender::new(shared.clone()), Receiver::new(shared))
}
