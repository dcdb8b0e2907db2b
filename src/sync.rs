//! What tasks wait at for each other.
//!
//! A task that waits here is suspended; any other thread sleeps. See [`task`](crate::task) for what a wait
//! means where a task cannot be suspended.

pub use sortie_scheduler::Semaphore;
