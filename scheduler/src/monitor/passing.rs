//! Who comes back from native code and finds no worker looks at the calls of the others: the monitor's look, by a
//! thread that is awake anyhow, and that would else sleep until somebody wakes it.
//!
//! It takes the worker of a call that blocks, at once, and of one that computes by the monitor's rules (`calls.rs`).
//!
//! However many come back, one looks at a time, and who finds somebody looking waits in line at once. A look in vain is
//! paid for: for so many times as long nobody looks again. One that finds a worker has saved two switches of threads.
//!
//! Must not: cost returns that find a worker anything; take a worker past those who stand in line.

use super::sight::call_of;
use crate::idle::Placed;
use crate::shared::Shared;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::worker::Worker;
use std::time::Duration;

/// Looks in vain take one part in so many of the time.
const ONE_PART_IN: u32 = 32;

/// When looks are had in passing.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// The earliest time of the next, in nanoseconds from the runtime's start.
    next: AtomicU64,
}

impl Passing {
    fn is_due(&self, time: Duration) -> bool {
        // ORDERING: Relaxed, a limit of costs; nothing is published by it.
        time.as_nanos() as u64 >= self.next.load(Ordering::Relaxed)
    }

    /// A look in vain took from `begin` to `end`.
    fn pay(&self, begin: Duration, end: Duration) {
        let next = end + end.saturating_sub(begin) * ONE_PART_IN;
        // ORDERING: Relaxed, as in `is_due`.
        self.next.store(next.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Shared {
    /// A worker from behind the native call of another carrier, for one who has found none idle.
    #[cold]
    pub(crate) fn look_in_passing(&self) -> Option<Box<Worker>> {
        if !self.shown.iter().any(|shown| call_of(shown).is_some()) {
            return None;
        }
        let begin = self.start.elapsed();
        if !self.passing.is_due(begin) {
            return None;
        }
        let now = self.start + begin;
        let taken = self.calls.try_lock()?.look_in_passing(self, now);
        let Some(taken) = taken else {
            self.passing.pay(begin, self.start.elapsed());
            return None;
        };
        taken.tell(self, now);
        taken.hand_on(self, |worker| self.keep_or_place(worker))
    }

    /// A worker is the caller's, unless it is somebody else's turn.
    fn keep_or_place(&self, mut worker: Box<Worker>) -> Option<Box<Worker>> {
        worker.serves_timers = false;
        if worker.is_extra() {
            self.hand_on(worker);
            return None;
        }
        match self.lobby.keep_or_place(worker, self.work_is_queued()) {
            Ok(worker) => return Some(worker),
            Err(Placed::Given(worker, carrier)) => carrier.give(worker),
            Err(Placed::NoSpare(worker)) => drop(self.start_carrier_for(worker)),
            // The lobby is closed.
            Err(Placed::Idle) => {}
        }
        None
    }
}
