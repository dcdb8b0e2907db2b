//! The carrier's word: does this carrier own a worker, and may others take it?
//!
//! | phase | the carrier | its worker cell |
//! |---|---|---|
//! | `RUN` | owns a worker: runs a task in managed code, or its own loop | its own |
//! | `NATIVE` | its task is in native code | whoever wins the next exchange on the word |
//! | `TAKEN` | its task is in native code, and the worker was taken | stale |
//! | `WAITING` | has no worker and waits for one, or waits in place for a wake | empty |
//! | `SPARE` | has no worker and nothing to do: parked in the lobby | empty |
//!
//! ```text
//!   RUN --leave--> NATIVE --return--> RUN                       the carrier, store and exchange
//!                  NATIVE --retake--> TAKEN --return--> WAITING  the monitor's exchange wins
//!   RUN, WAITING <--> SPARE, WAITING <--> RUN                    the carrier, while nobody can take
//! ```
//!
//! This is mode C of the design: both ends of a native call meet in one compare-and-exchange, and
//! the winner owns the worker. The upper bits count the leaves (the *epoch*), so that an exchange
//! prepared for one call cannot win on the next.
//!
//! The word belongs to the carrier and never travels with a worker: a late store of an old carrier
//! could else hide the state of the new one.

use crate::sync::atomic::{AtomicU64, Ordering};

const PHASE: u64 = 0b111;
const RUN: u64 = 0;
const NATIVE: u64 = 1;
const TAKEN: u64 = 2;
const WAITING: u64 = 3;
const SPARE: u64 = 4;
const EPOCH: u64 = PHASE + 1;

/// What a carrier is doing. See the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Owns a worker: runs a task, or looks for one.
    Run,
    /// Its task is in native code; the worker is still here.
    Native,
    /// Its task is in native code; the worker was taken.
    Taken,
    /// Waits for a worker, or in place for a wake.
    Waiting,
    /// Has no worker and nothing to do.
    Spare,
}

/// A copy of the word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    /// Nothing was seen yet: equal to no word that is in native code.
    pub(crate) const NONE: Snapshot = Snapshot(u64::MAX);

    /// True while a worker may be taken.
    pub(crate) fn is_native(self) -> bool {
        self.0 & PHASE == NATIVE
    }

    pub(crate) fn is_spare(self) -> bool {
        self.0 & PHASE == SPARE
    }

    pub(crate) fn phase(self) -> Phase {
        match self.0 & PHASE {
            RUN => Phase::Run,
            NATIVE => Phase::Native,
            TAKEN => Phase::Taken,
            WAITING => Phase::Waiting,
            _ => Phase::Spare,
        }
    }
}

/// The word. See the module.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    /// A carrier that is about to get its first worker.
    pub(crate) fn new() -> Self {
        Word(AtomicU64::new(WAITING))
    }

    pub(crate) fn load(&self) -> Snapshot {
        // ORDERING(crossing.word): Acquire, pairs with the Release store in `leave`: whoever sees
        // NATIVE sees the target and the worker's queues as they were left.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// For the carrier itself: does it own a worker? `RUN` is left and entered by its owner only,
    /// so the answer holds until the owner's next step.
    #[inline]
    pub(crate) fn is_run(&self) -> bool {
        // ORDERING: Relaxed, the owner reads what it wrote itself.
        self.0.load(Ordering::Relaxed) & PHASE == RUN
    }

    /// The carrier's task leaves for native code; from here on the worker may be gone.
    #[inline]
    pub(crate) fn leave(&self) {
        // ORDERING: Relaxed, only the owner changes the word while it is `RUN`.
        let now = self.0.load(Ordering::Relaxed);
        debug_assert!(now & PHASE == RUN, "leave without a worker: {:?}", Snapshot(now).phase());
        let next = (now & !PHASE | NATIVE).wrapping_add(EPOCH);
        // ORDERING(crossing.word): Release, pairs with the Acquire in `load` and in `retake`: who
        // takes the worker sees all that its old carrier did with it.
        self.0.store(next, Ordering::Release);
    }

    /// The task comes back. True: the worker is still the carrier's own. False: it was taken, and
    /// the word says `WAITING`.
    #[inline]
    pub(crate) fn come_back(&self) -> bool {
        // ORDERING: Relaxed, a guess that the exchange checks.
        let now = self.0.load(Ordering::Relaxed);
        let native = now & !PHASE | NATIVE;
        let run = now & !PHASE | RUN;
        // ORDERING(crossing.word): AcqRel, one side of the exchange that decides; pairs with
        // `retake`. On failure the worker is another's, and the word is the owner's again.
        match self.0.compare_exchange(native, run, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(found) => {
                assert!(found & PHASE != RUN, "a return from native code without a leave");
                self.set(WAITING);
                false
            }
        }
    }

    /// Somebody takes the worker of a carrier that was `seen` in native code. True: it is the
    /// caller's, as it was read from the carrier's cell between the look and this.
    pub(crate) fn retake(&self, seen: Snapshot) -> bool {
        if !seen.is_native() {
            return false;
        }
        let taken = seen.0 & !PHASE | TAKEN;
        // ORDERING(crossing.word): AcqRel, the other side of the exchange in `come_back`; Acquire
        // also pairs with the Release store in `leave`.
        self.0.compare_exchange(seen.0, taken, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The carrier has been given a worker and put it into its cell.
    pub(crate) fn run(&self) {
        self.set(RUN);
    }

    /// The carrier has no worker, and waits.
    pub(crate) fn wait(&self) {
        self.set(WAITING);
    }

    /// The carrier has no worker, and nothing to do.
    pub(crate) fn spare(&self) {
        self.set(SPARE);
    }

    /// For the owner, in every phase but `NATIVE`.
    fn set(&self, phase: u64) {
        // ORDERING: Relaxed, nobody but the owner changes the word in these phases.
        let now = self.0.load(Ordering::Relaxed);
        // ORDERING(crossing.word): Release, so that a reader of the phase sees what led to it.
        self.0.store(now & !PHASE | phase, Ordering::Release);
    }
}
