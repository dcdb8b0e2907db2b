//! The latest value of something, for any number of those who look at it, and wait until it changes.
//!
//! Values have *versions*: each send makes the next, and a [`Receiver`] remembers which it has seen. What was sent
//! between two looks is not seen: for every value, use a [`channel`](super::channel).
//!
//! A borrowed value is a counted reference. It holds no lock, may be kept over any wait, and never keeps a sender
//! from sending.
//!
//! ```
//! use sortie::sync::watch;
//!
//! let runtime = sortie::Runtime::new()?;
//! let (sender, receiver) = watch::channel("starting");
//! let task = runtime.spawn(move || {
//!     let ready = receiver.wait_for(|state| *state == "ready").unwrap();
//!     assert_eq!(*ready, "ready");
//! });
//! sender.send("loading").unwrap();
//! sender.send("ready").unwrap();
//! task.join().unwrap();
//! # Ok::<(), sortie::BuildError>(())
//! ```

mod receiver;
mod sender;

use parking_lot::Mutex;
pub use receiver::Receiver;
pub use sender::Sender;
use sortie_scheduler::wait::WaitList;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A sender and a receiver of a value that is there from the beginning. The receiver has seen it.
///
/// ```
/// let (sender, receiver) = sortie::sync::watch::channel(1);
/// sender.send(2).unwrap();
/// assert_eq!(*receiver.borrow(), 2);
/// ```
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let state = State { value: Arc::new(value), version: 0, senders: 1, receivers: 1 };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        changed: WaitList::new(),
        closed: WaitList::new(),
    });
    (Sender::new(shared.clone()), Receiver::new(shared, 0))
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Receivers that wait for another version.
    changed: WaitList,
    /// Senders that wait for the end of the receivers.
    closed: WaitList,
}

// What changes under its lock runs no code of others.
impl<T: std::panic::RefUnwindSafe> std::panic::UnwindSafe for Shared<T> {}
impl<T: std::panic::RefUnwindSafe> std::panic::RefUnwindSafe for Shared<T> {}

struct State<T> {
    value: Arc<T>,
    version: u64,
    senders: usize,
    receivers: usize,
}

/// A value as it was when it was borrowed.
///
/// ```
/// let (sender, receiver) = sortie::sync::watch::channel(String::from("old"));
/// let before = receiver.borrow();
/// // Nobody keeps the sender from sending.
/// sender.send(String::from("new")).unwrap();
/// assert_eq!((before.as_str(), receiver.borrow().as_str()), ("old", "new"));
/// ```
pub struct Ref<T> {
    value: Arc<T>,
    version: u64,
}

impl<T> Ref<T> {
    /// How many values were sent up to this one. The first has version 0.
    ///
    /// ```
    /// let (sender, receiver) = sortie::sync::watch::channel('a');
    /// assert_eq!(receiver.borrow().version(), 0);
    /// sender.send('b').unwrap();
    /// assert_eq!(receiver.borrow().version(), 1);
    /// ```
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref").field("value", &self.value).field("version", &self.version).finish()
    }
}

impl<T> Shared<T> {
    fn borrow(&self) -> Ref<T> {
        let state = self.state.lock();
        Ref { value: state.value.clone(), version: state.version }
    }

    /// Puts a value in the place of the latest. The one before.
    fn replace(&self, value: T) -> Ref<T> {
        let value = Arc::new(value);
        let mut state = self.state.lock();
        let value = std::mem::replace(&mut state.value, value);
        let before = Ref { value, version: state.version };
        state.version += 1;
        drop(state);
        // The lock orders it.
        self.changed.notify_all_ordered();
        before
    }
}
