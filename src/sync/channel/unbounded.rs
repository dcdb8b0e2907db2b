//! A queue without limit, made of linked blocks (crossbeam's), and its end.
//!
//! The queue itself cannot be closed. A flag says that it is, and who has pushed beside the end looks at the
//! flag again and takes out what nobody will:
//!
//! | push | end by the receivers |
//! |---|---|
//! | 1. the message | 1. the flag |
//! | 2. fence | 2. fence |
//! | 3. looks at the flag; set: takes all out | 3. takes all out |
//!
//! One of the fences comes first, so that a message is taken out by one of the two.

use super::error::{TryRecvError, TrySendError};
use crossbeam_queue::SegQueue;
use sortie_scheduler::wait::WaitList;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// See the module.
pub(crate) struct Unbounded<T> {
    queue: SegQueue<T>,
    is_closed: AtomicBool,
}

impl<T> Unbounded<T> {
    pub(super) fn new() -> Unbounded<T> {
        Unbounded { queue: SegQueue::new(), is_closed: AtomicBool::new(false) }
    }

    /// Puts a message in, and wakes one of those who wait for it.
    #[inline]
    pub(super) fn push(&self, message: T, receivers: &WaitList) -> Result<(), TrySendError<T>> {
        if self.is_closed() {
            return Err(TrySendError::Disconnected(message));
        }
        self.queue.push(message);
        // Its fence is also the one between the message and the flag (unbounded.end).
        receivers.notify_one();
        if self.is_closed() {
            self.clear();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn pop(&self) -> Result<T, TryRecvError> {
        if let Some(message) = self.queue.pop() {
            return Ok(message);
        }
        if !self.is_closed() {
            return Err(TryRecvError::Empty);
        }
        // What was sent before the end is there now.
        self.queue.pop().ok_or(TryRecvError::Disconnected)
    }

    /// Lets nothing more in.
    pub(super) fn close(&self) {
        // ORDERING(unbounded.end): Release, pairs with the Acquire in `is_closed`: who sees the end sees what was
        // sent before it.
        self.is_closed.store(true, Ordering::Release);
        // ORDERING(unbounded.end): SeqCst, between the flag and what the caller takes out; pairs with the fence of
        // `notify_one` in `push`.
        fence(Ordering::SeqCst);
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // ORDERING(unbounded.end): Acquire, pairs with the Release in `close`.
        self.is_closed.load(Ordering::Acquire)
    }

    /// Drops all messages.
    pub(super) fn clear(&self) {
        while self.queue.pop().is_some() {}
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
