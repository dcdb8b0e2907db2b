//! Timers: who is to be woken when. Served by the monitor.
//!
//! A heap under a lock. A timer is not taken back when its wait ends early: it wakes a task that no
//! longer waits for it, which every wait tolerates.

use crate::sync::Mutex;
use crate::task::Waker;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

struct Timer {
    at: Instant,
    /// Timers of one instant fire in the order in which they were set.
    order: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    fn cmp(&self, other: &Timer) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Default)]
struct Heap {
    timers: BinaryHeap<Reverse<Timer>>,
    set: u64,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Timers(Mutex<Heap>);

impl Timers {
    /// Sets a timer. True: it is now the first, and whoever serves timers must be told. After
    /// [`Timers::close`] it is dropped.
    #[must_use]
    pub(crate) fn set(&self, at: Instant, waker: Waker) -> bool {
        let mut heap = self.0.lock();
        if heap.closed {
            // Nobody will serve it, and it would keep the runtime's memory through its task.
            return false;
        }
        let order = heap.set;
        heap.set += 1;
        let first = heap.timers.peek().is_none_or(|Reverse(first)| at < first.at);
        heap.timers.push(Reverse(Timer { at, order, waker }));
        first
    }

    /// When the first timer is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.lock().timers.peek().map(|Reverse(first)| first.at)
    }

    /// Wakes all whose time has come. Returns when the next is due.
    pub(crate) fn fire(&self, now: Instant) -> Option<Instant> {
        loop {
            let mut heap = self.0.lock();
            match heap.timers.peek() {
                Some(Reverse(first)) if first.at <= now => {}
                next => return next.map(|Reverse(first)| first.at),
            }
            let due = heap.timers.pop();
            drop(heap);
            if let Some(Reverse(timer)) = due {
                timer.waker.wake();
            }
        }
    }

    /// Forgets all timers, at the end, and takes none any more.
    pub(crate) fn close(&self) {
        let mut heap = self.0.lock();
        heap.closed = true;
        let timers = std::mem::take(&mut heap.timers);
        // Wakers are dropped without the lock.
        drop(heap);
        drop(timers);
    }
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers").field("next", &self.next()).finish_non_exhaustive()
    }
}
