//! Bulkheads: so many calls of one native function at a time, and no more.
//!
//! The others wait as tasks, without a thread, first in, first out. The limit belongs to the
//! function's policy and so to the process: all runtimes share it.
//!
//! INVARIANT(bulkhead.limit): nobody waits by a limit that is no longer asked for. Who changes a policy brings the limits
//! of the functions that it may be for in line with it afterwards, without the lock of the policies; who is to wait and
//! finds another limit here than it has read does so too. Each of them asks the policies anew until what it has set is
//! what they say, so the last one leaves the last limit.

use sortie_scheduler::{Permit, Semaphore};
use std::num::NonZeroU32;

/// The places of one native function.
#[derive(Debug)]
pub(super) struct Bulkhead(Semaphore);

/// One of them, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Permit<'static>);

/// As many as a semaphore can have.
const MOST: u32 = (1 << 31) - 1;

impl Bulkhead {
    pub(super) const fn new() -> Bulkhead {
        Bulkhead(Semaphore::new(0))
    }

    /// Did anybody ever ask for a place?
    pub(super) fn is_used(&self) -> bool {
        self.0.permits() > 0
    }

    /// Lets in as many as the policies say: those who wait first. May change `errno`.
    pub(super) fn follow(&self, limit: impl Fn() -> Option<NonZeroU32>) {
        loop {
            let limit = permits(limit());
            if self.0.permits() == limit {
                return;
            }
            self.0.set_permits(limit);
        }
    }
}

/// Without a limit all may come who wait by one that was.
fn permits(limit: Option<NonZeroU32>) -> u32 {
    limit.map_or(MOST, |limit| limit.get().min(MOST))
}

impl Place {
    /// Waits for a place. A suspension point. `limit`: as it was read, and as it is.
    pub(super) fn take(
        bulkhead: &'static Bulkhead,
        limit: NonZeroU32,
        now: impl Fn() -> Option<NonZeroU32>,
    ) -> Place {
        if bulkhead.0.permits() != permits(Some(limit)) {
            bulkhead.follow(now);
        }
        Place(bulkhead.0.acquire())
    }

    /// Is it one of these?
    pub(super) fn is_of(&self, bulkhead: &Bulkhead) -> bool {
        std::ptr::eq(self.0.semaphore(), &bulkhead.0)
    }
}
