//! The monitor's gate: it may sleep without limit only while nobody needs it.
//!
//! The monitor is needed when a task is in native code and work waits behind it. Those who make
//! that true (a task that leaves, somebody who queues work while no worker is idle) cannot afford
//! to wake it each time, and the monitor cannot afford to look for ever. So:
//!
//! 1. The monitor calls [`Gate::close`]: it publishes "asleep", runs the heavy fence, and
//! 2. *looks again* at every carrier and queue. Work behind a native call: [`Gate::open`], go on.
//! 3. Else it sleeps.
//! 4. Who makes the monitor needed first publishes that (the carrier's word, the queued task), runs
//!    the light fence, and then looks at the gate. If it is closed, and work waits, it calls
//!    [`Gate::kick`].
//!
//! By the fences (see [`crate::crossing::fence`]) one of the two sees the other: either the leaver
//! finds the gate closed and kicks, or the monitor's second look finds the leaver. Without the
//! second look, a leave between the first look and the close is noticed by nobody: that is the
//! mutant of the model.
//!
//! A gate *ajar* stands before a short sleep: work waits, and nobody is in native code. It is worth
//! a kick to one who leaves, not to one who queues still more work. Before a short sleep because no
//! work waits it is closed without the fence: who is missed is noticed when the sleep ends.

use crate::park::Parker;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::fence;
use std::time::Duration;

/// The monitor is awake, or will be very soon.
const OPEN: u32 = 0;
/// The monitor sleeps for a short time.
const AJAR: u32 = 1;
/// The monitor sleeps.
const CLOSED: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU32,
    parker: Parker,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Gate { word: AtomicU32::new(OPEN), parker: Parker::new() }
    }

    /// The monitor means to sleep. It must look again after this, and if the answer is false (the
    /// heavy fence failed) it must not sleep without limit.
    #[must_use]
    pub(crate) fn close(&self) -> bool {
        // ORDERING(gate.word): Relaxed, the heavy fence orders it before the second look; pairs
        // with the light fence of those who look at the gate.
        self.word.store(CLOSED, Ordering::Relaxed);
        fence::heavy()
    }

    /// The monitor means to sleep for a short time.
    pub(crate) fn set_ajar(&self) {
        // ORDERING: Relaxed, a leaver that misses it is noticed when the short sleep ends.
        self.word.store(AJAR, Ordering::Relaxed);
    }

    /// The monitor means to sleep for a short time, with no work waiting.
    pub(crate) fn close_briefly(&self) {
        // ORDERING: Relaxed, as in `set_ajar`.
        self.word.store(CLOSED, Ordering::Relaxed);
    }

    /// The monitor goes on.
    pub(crate) fn open(&self) {
        // ORDERING: Relaxed, an open gate promises nothing; a kick that is too much is harmless.
        self.word.store(OPEN, Ordering::Relaxed);
    }

    /// The monitor sleeps until a kick, or for `limit`.
    pub(crate) fn sleep(&self, limit: Option<Duration>) {
        match limit {
            None => self.parker.park(),
            Some(limit) => {
                self.parker.park_timeout(limit);
            }
        }
    }

    /// For one who leaves, after its light fence: may the monitor need a kick?
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        // ORDERING(gate.word): Relaxed, after the caller's light fence; pairs with the heavy
        // fence in `close`.
        self.word.load(Ordering::Relaxed) == OPEN
    }

    /// For one who queued work, after its fence: does the monitor sleep without a near end?
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING(gate.word): Relaxed, as in `is_open`.
        self.word.load(Ordering::Relaxed) == CLOSED
    }

    /// Wakes the monitor, once per closing. May change `errno`.
    #[cold]
    pub(crate) fn kick(&self) {
        // ORDERING: AcqRel by habit of read-modify-writes; the parker's token orders what follows.
        if self.word.swap(OPEN, Ordering::AcqRel) != OPEN {
            self.parker.unpark();
        }
    }

    /// Wakes the monitor whether or not it sleeps. May change `errno`.
    pub(crate) fn ring(&self) {
        self.open();
        self.parker.unpark();
    }
}
