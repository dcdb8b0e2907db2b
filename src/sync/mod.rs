//! What tasks and threads wait at for each other.
//!
//! A task that waits here is suspended; any other thread sleeps; each may wait for the other, and outside of
//! a runtime everything works for threads. See [`task`](crate::task) for what a wait means where a task cannot be
//! suspended.
//!
//! ```
//! use sortie::sync::{Mutex, channel};
//! use std::sync::Arc;
//!
//! let runtime = sortie::Runtime::new()?;
//! let (sender, receiver) = channel::bounded(16);
//! let sum = Arc::new(Mutex::new(0));
//! let adders = [(); 4].map(|()| {
//!     let (receiver, sum) = (receiver.clone(), sum.clone());
//!     runtime.spawn(move || receiver.iter().for_each(|n| *sum.lock() += n))
//! });
//! // This thread is no task: it sleeps while the channel is full.
//! (1..=1000).for_each(|n| sender.send(n).expect("somebody receives"));
//! drop(sender);
//! adders.into_iter().for_each(|adder| adder.join().unwrap());
//! assert_eq!(*sum.lock(), 500_500);
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! | for | see | who is next |
//! |---|---|---|
//! | one at a time | [`Mutex`] | who comes to a free lock; a waiter that was woken in vain twice has it handed over |
//! | many readers, or one writer | [`RwLock`] | first come, first served; readers who stand together go together |
//! | a condition, with a mutex | [`Condvar`] | first come, first notified |
//! | so many at a time | [`Semaphore`] | first come, first served |
//! | something that happens | [`Event`] | all, or the first who came; by priority, if it is made so |
//! | each other | [`Barrier`] | all |
//! | until others have done their part | [`WaitGroup`] | all |
//! | something that is done once | [`Once`], [`OnceLock`], [`LazyLock`] | who comes first does it; if that fails, who has waited longest |
//! | messages | [`channel`] | who waits longest is woken; who comes meanwhile may be faster |
//! | an answer | [`oneshot`] | there is one |
//! | the latest value of something | [`watch`] | all |
//! | messages that all receive | [`broadcast`] | all |
//! | the first of several | [`select!`](crate::select), or [`Select`] | as in the lines that it stands in |
//!
//! The types are `std`'s in shape, without poisoning: a lock that a panic or an abort unwinds through is
//! let go.
//!
//! # Aborts and time limits
//!
//! Each wait is a suspension point: a task that is aborted in it unwinds, and leaves the line. Each has a form
//! with a limit. Whatever ends a wait early, what the waiter was woken for or handed goes to the next.
//!
//! # Priorities
//!
//! Who waits for a [`Mutex`], or for the writer of an [`RwLock`], lends its [`Priority`](crate::task::Priority) to the
//! owner meanwhile, if that is a task of a lower one. What has no one owner (readers, permits, messages) lends nothing.
//!
//! # Deadlocks
//!
//! A task that would wait for itself panics. Circles of several, and waits for any of several that are all on such
//! circles, are found by [`Runtime::deadlocks`](crate::Runtime::deadlocks), and told when they come about if the
//! runtime was built so ([`Builder::report_deadlocks`](crate::Builder::report_deadlocks)).
//!
//! # Holding a lock while suspended
//!
//! The owner of a lock is the task, not its thread: a task may hold a guard over a suspension, and over a move to
//! another thread. Others that want the lock are suspended meanwhile; nobody's worker waits. Guards are not `Send`,
//! as `std`'s are not: who took a lock lets it go.

// The files are named after what is in them. Beside those: `again.rs`, guards that let their lock go for a while, and `party.rs`,
// who waits for any of several and is claimed once, for selects and channels without room.

mod again;
mod barrier;
pub mod broadcast;
pub mod channel;
mod condvar;
mod event;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
pub mod oneshot;
mod party;
mod rwlock;
#[doc(hidden)]
pub mod select;
mod wait_group;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, RawCondvar, WaitTimeoutResult};
pub use event::Event;
pub use lazy_lock::LazyLock;
pub use mutex::{ArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard, RawMutex};
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{
    ArcRwLockReadGuard, ArcRwLockWriteGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard,
    RawRwLock, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use select::Select;
pub use sortie_scheduler::{ArcPermit, Permit, Semaphore};
pub use wait_group::WaitGroup;
