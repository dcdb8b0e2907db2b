//! What everybody may see of a worker, wherever it is; and moments of its life, by which others see whether it gets on.
//!
//! Must not: decide who has the worker. The holder is a hint; the carrier's word decides.

use super::Worker;
use crate::carrier::{Carrier, CarrierRef};
use crate::metrics::WorkerMetrics;
use crate::queue::Remote;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::ptr::{self, NonNull};

/// What everybody may see of a worker, wherever it is.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) queues: Arc<Remote>,
    pub(crate) metrics: WorkerMetrics,
    /// The carrier that has the worker; null while it has none. A hint: the carrier's word decides.
    holder: AtomicPtr<Carrier>,
    /// Picks so far, for who looks whether the worker gets on.
    picks: AtomicU32,
    /// How often the worker came to a carrier.
    pub(super) arrivals: AtomicU32,
}

/// A moment in a worker's life: another after each pick, and after each change of hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    picks: u32,
    arrivals: u32,
}

impl Turn {
    /// A number that changes with it.
    pub(crate) fn sum(self) -> u64 {
        u64::from(self.picks) + u64::from(self.arrivals)
    }
}

/// What a worker's turn was when a task ran on it: another once it has run anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    index: usize,
    turn: Turn,
    lends: u8,
}

impl Shown {
    pub(super) fn new(queues: Arc<Remote>) -> Shown {
        Shown {
            queues,
            metrics: WorkerMetrics::default(),
            holder: AtomicPtr::new(ptr::null_mut()),
            picks: AtomicU32::new(0),
            arrivals: AtomicU32::new(0),
        }
    }

    /// By the worker's owner, at each pick.
    #[inline]
    pub(super) fn set_picks(&self, picks: u32) {
        // ORDERING: Relaxed, a look of others may be late.
        self.picks.store(picks, Ordering::Relaxed);
    }

    /// By the worker's owner.
    pub(crate) fn set_holder(&self, carrier: *const Carrier) {
        if !carrier.is_null() {
            // ORDERING: Relaxed, for those who look; the owner alone writes.
            let arrivals = self.arrivals.load(Ordering::Relaxed).wrapping_add(1);
            // ORDERING: Relaxed, as above.
            self.arrivals.store(arrivals, Ordering::Relaxed);
        }
        // ORDERING(worker.holder): Release, pairs with the Acquire in `holder`.
        self.holder.store(carrier.cast_mut(), Ordering::Release);
    }

    /// The carrier that has, or just had, the worker.
    pub(crate) fn holder(&self) -> Option<CarrierRef> {
        // ORDERING(worker.holder): Acquire, pairs with the Release in `set_holder`.
        let holder = NonNull::new(self.holder.load(Ordering::Acquire))?;
        // SAFETY: carriers stay in the arena as long as the runtime, which the caller holds.
        Some(unsafe { holder.as_ref() }.as_ref())
    }

    /// Whether it changes tells if the worker gets on.
    pub(crate) fn turn(&self) -> Turn {
        // ORDERING: Relaxed, a look.
        let picks = self.picks.load(Ordering::Relaxed);
        // ORDERING: Relaxed, a look.
        Turn { picks, arrivals: self.arrivals.load(Ordering::Relaxed) }
    }
}

impl Worker {
    /// Now, see [`Moment`].
    pub(crate) fn moment(&self) -> Moment {
        Moment { index: self.index, turn: self.shown.turn(), lends: self.lends }
    }
}
