//! The monitor's gate: it may sleep without limit only while nobody needs it.
//!
//! The monitor is needed when a task is in native code and work waits behind it. It stays awake, or
//! naps, as long as any work waits. Who queues work while no worker is idle cannot afford to wake it
//! each time, and the monitor cannot afford to look for ever when there is none. So:
//!
//! 1. The monitor calls [`Gate::close`]: it publishes "asleep", runs the heavy fence, and
//! 2. *looks again* at every carrier and queue. Work behind a native call: [`Gate::open`], go on.
//! 3. Else it sleeps.
//! 4. Who queues work first publishes it, runs a fence, and then looks at the gate. If it is closed it
//!    calls [`Gate::kick`]. A task that yields behind others queues nothing that did not wait before.
//!
//! By the fences (see [`crate::crossing::fence`]) one of the two sees the other: either the one who
//! queues finds the gate closed and kicks, or the monitor's second look finds the work. So no work
//! waits while the gate is closed, and a task that leaves need not look for any: a call costs it one
//! load. Without the second look, work that is queued between the first look and the close is noticed
//! by nobody: that is the mutant of the model.
//!
//! A gate *ajar* stands before a short sleep: work waits, and nobody is in native code. It is worth
//! a kick to one who leaves, not to one who queues still more work. Before a short sleep because no
//! work waits it is closed without the fence: who is missed is noticed when the sleep ends.
//!
//! A gate *on the latch* stands before a longer sleep: work waits, and the workers get on. It is worth a kick to one who
//! leaves for a function that is not known to be short (mode C), not to the others, of whom there is one each microsecond.
//!
//! Where no work waits, but tasks that are pinned to a carrier of which the monitor *knows*, it is closed for as long as a sleep
//! that has an end: who keeps such tasks need not tell it again.
//!
//! After somebody has queued work, and told nobody of it ([`crate::worker::put_off`]), a gate that is closed or on the latch
//! is ajar as well: before a sleep that has an end a kick is worth its price to each who leaves then, and to one who queues as ever.

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
/// The monitor sleeps for a time, and only those who leave in mode C are to look.
const LATCHED: u32 = 4;
/// Beside [`CLOSED`], for a time: the monitor knows that a task keeps others.
const KNOWS: u32 = 8;

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

    /// The monitor means to sleep for a longer time.
    pub(crate) fn latch(&self) {
        // ORDERING: Relaxed, as in `set_ajar`.
        self.word.store(LATCHED, Ordering::Relaxed);
    }

    /// The monitor means to sleep for a short time, with no work waiting.
    pub(crate) fn close_briefly(&self) {
        // ORDERING: Relaxed, as in `set_ajar`.
        self.word.store(CLOSED, Ordering::Relaxed);
    }

    /// As [`Gate::close_briefly`], where a task keeps others that are pinned.
    pub(crate) fn close_knowing(&self) {
        // ORDERING: Relaxed, as in `set_ajar`.
        self.word.store(CLOSED | KNOWS, Ordering::Relaxed);
    }

    /// For one who leaves, and has found no work behind a gate that is ajar or on the latch: the next who leaves need not look.
    #[cold]
    pub(crate) fn shut(&self) {
        // ORDERING: Relaxed, as in `set_ajar`; an exchange, so that a gate that was opened stays open.
        let change = |word| (word & (AJAR | LATCHED) != 0).then_some(CLOSED);
        // ORDERING: Relaxed, as above.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// For one who has left work waiting without telling anybody: who leaves is to look.
    pub(crate) fn set_both(&self) {
        // ORDERING: Relaxed, as in `set_ajar`; an exchange, as in `shut`.
        let change = |word| (word & (CLOSED | LATCHED) != 0).then_some(word | AJAR);
        // ORDERING: Relaxed, as above.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// The monitor goes on.
    pub(crate) fn open(&self) {
        // ORDERING: Relaxed, an open gate promises nothing; a kick that is too much is harmless.
        self.word.store(OPEN, Ordering::Relaxed);
    }

    /// The monitor sleeps until a kick, or for `limit`. True: it was kicked.
    pub(crate) fn sleep(&self, limit: Option<Duration>) -> bool {
        match limit {
            None => {
                self.parker.park();
                true
            }
            Some(limit) => self.parker.park_timeout(limit),
        }
    }

    /// For one who leaves, in mode C if `COMPARE`: does the monitor sleep, and is it to be told of work behind this call?
    #[inline(always)]
    pub(crate) fn asks_who_leaves<const COMPARE: bool>(&self) -> bool {
        let asks = if COMPARE { AJAR | LATCHED } else { AJAR };
        // ORDERING: Relaxed, who misses it is noticed when the sleep ends.
        self.word.load(Ordering::Relaxed) & asks != 0
    }

    /// For one who queued work, after its fence: does the monitor sleep without a near end?
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING(gate.word): Relaxed, after the caller's fence; pairs with the heavy fence in
        // `close`.
        self.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// For one who leaves a call for a thread to make, after its fence: does the monitor sleep for longer than such a call may wait?
    pub(crate) fn is_closed_or_latched(&self) -> bool {
        // ORDERING(gate.word): Relaxed, as in `is_closed`.
        self.word.load(Ordering::Relaxed) & (CLOSED | LATCHED) != 0
    }

    /// Wakes the monitor, once per closing. May change `errno`.
    #[cold]
    pub(crate) fn kick(&self) {
        // ORDERING: Relaxed, the parker's token orders what follows. Who finds the gate open need not wake anybody: before
        // the monitor sleeps again it closes the gate, and looks once more behind its heavy fence.
        if self.word.swap(OPEN, Ordering::Relaxed) != OPEN {
            self.parker.unpark();
        }
    }

    /// For one who keeps others that are pinned, as [`Gate::kick`]: unless the monitor knows, and comes by soon.
    pub(crate) fn kick_for_pinned(&self) {
        // ORDERING: Relaxed, who finds it changed tells at its next checkpoint.
        if self.word.load(Ordering::Relaxed) & KNOWS == 0 {
            self.kick();
        }
    }

    /// Wakes the monitor whether or not it sleeps. May change `errno`.
    pub(crate) fn ring(&self) {
        self.open();
        self.parker.unpark();
    }
}
