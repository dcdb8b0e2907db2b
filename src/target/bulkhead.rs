//! Bulkheads: so many calls of one native function at a time, and no more.
//!
//! The others wait as tasks, without a thread, first in, first out. The limit belongs to the
//! function's policy and so to the process: all runtimes share it.

use sortie_scheduler::Semaphore;
use std::num::NonZeroU32;

/// The places of one native function.
#[derive(Debug)]
pub(super) struct Bulkhead(Semaphore);

/// One of them, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(&'static Bulkhead);

impl Bulkhead {
    pub(super) const fn new() -> Bulkhead {
        Bulkhead(Semaphore::new(0))
    }
}

impl Place {
    /// Waits for a place. A suspension point.
    pub(super) fn take(bulkhead: &'static Bulkhead, limit: NonZeroU32) -> Place {
        if bulkhead.0.permits() != limit.get() {
            bulkhead.0.set_permits(limit.get());
        }
        bulkhead.0.acquire();
        Place(bulkhead)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.release();
    }
}
