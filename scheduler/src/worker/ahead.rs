//! What a spare fetches ahead that is called for a worker.
//!
//! It looks at the lobby, the worker, what is shown of it, its queues, the task and the fiber, and finds each by the
//! one before: on another processor that is half a dozen waits in a row for a line that the giver has just written,
//! of up to 0.14 us each. The giver knows all of these places, and tells them, so that they come at once.

use super::{Shown, Worker};
use crate::fetch;
use crate::fiber::{Fiber, FiberBox};
use crate::queue::Remote;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::task::Header;
use std::ptr;

/// Addresses only: by the time that somebody fetches them others may be there, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    worker: *const Worker,
    shown: *const Shown,
    queues: *const Remote,
    task: *const Header,
    fiber: *const Fiber,
}

impl Worker {
    /// What is touched first where this worker goes on.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead {
            worker: self,
            shown: &raw const **self.shown,
            queues: &raw const *self.shown.queues,
            task: self.shown.queues.newest().task(),
            fiber: self.fibers.last().map_or(ptr::null(), FiberBox::address),
        }
    }
}

impl Ahead {
    /// Fetches it.
    pub(crate) fn fetch(&self) {
        fetch::all_to_write(self.worker);
        fetch::all(self.shown);
        fetch::all(self.queues);
        fetch::all(self.task);
        Fiber::prefetch(self.fiber);
    }
}

/// An [`Ahead`] that one thread leaves to another. A hint: halves of two may meet.
#[derive(Debug, Default)]
pub(crate) struct Hint {
    /// Null: nothing is told.
    worker: AtomicPtr<Worker>,
    shown: AtomicPtr<Shown>,
    queues: AtomicPtr<Remote>,
    task: AtomicPtr<Header>,
    fiber: AtomicPtr<Fiber>,
}

impl Hint {
    /// Tells it, or that nothing is known.
    pub(crate) fn set(&self, ahead: Option<&Ahead>) {
        let worker = ahead.map_or(ptr::null(), |ahead| ahead.worker);
        // ORDERING: Relaxed, these and those below: addresses to fetch, which nobody follows.
        self.worker.store(worker.cast_mut(), Ordering::Relaxed);
        let Some(ahead) = ahead else { return };
        // ORDERING: Relaxed, as above.
        self.shown.store(ahead.shown.cast_mut(), Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.queues.store(ahead.queues.cast_mut(), Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.task.store(ahead.task.cast_mut(), Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.fiber.store(ahead.fiber.cast_mut(), Ordering::Relaxed);
    }

    /// What was told.
    pub(crate) fn told(&self) -> Option<Ahead> {
        let told = Ahead {
            // ORDERING: Relaxed, these: as in `set`.
            worker: self.worker.load(Ordering::Relaxed),
            shown: self.shown.load(Ordering::Relaxed),
            queues: self.queues.load(Ordering::Relaxed),
            task: self.task.load(Ordering::Relaxed),
            fiber: self.fiber.load(Ordering::Relaxed),
        };
        (!told.worker.is_null()).then_some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::{Hint, Worker};
    use std::ptr;

    #[test]
    fn what_is_known_is_told_once() {
        let (worker, hint) = (Box::new(Worker::new(0, 1)), Hint::default());
        assert!(hint.told().is_none());
        hint.set(Some(&worker.ahead()));
        let told = hint.told().expect("it was told");
        assert!(ptr::eq(told.worker, &raw const *worker));
        assert!(ptr::eq(told.queues, &raw const *worker.shown.queues));
        assert!(told.task.is_null() && told.fiber.is_null(), "it has none");
        hint.set(None);
        assert!(hint.told().is_none(), "who is called next fetches nothing of it");
    }
}
