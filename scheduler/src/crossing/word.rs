//! The carrier's state: does this carrier own a worker, and may others take it?
//!
//! | phase | the carrier | its worker cell |
//! |---|---|---|
//! | `RUN` | owns a worker: runs a task in managed code, or its own loop | its own |
//! | `NATIVE_A` | its task is in native code, mode A | whoever wins the request |
//! | `NATIVE_C` | its task is in native code, mode C | whoever wins the next exchange on the state |
//! | `KEPT` | its task is in native code, and the worker stays | its own |
//! | `AWAY` | its task is in native code, without a worker: taken, or handed over before | stale or empty |
//! | `WAITING` | has no worker and waits for one, or waits in place for a wake | empty |
//! | `SPARE` | has no worker and nothing to do: parked in the lobby | empty |
//!
//! ```text
//!   RUN --leave--> NATIVE_A, NATIVE_C, KEPT --return--> RUN
//!   RUN --hand over--> AWAY --return--> WAITING
//!   NATIVE_C --retake--> AWAY         NATIVE_A, a request that is TAKEN --return--> WAITING
//!   RUN, WAITING <--> SPARE, WAITING <--> RUN
//! ```
//!
//! The state is written by the carrier itself, and in mode C by the winner of an exchange. In mode A others ask for the
//! worker by another word, on another cache line: the [request](super::request).
//!
//! The upper bits of the state count the leaves (the *epoch*), so that what was prepared for one
//! call cannot win on the next. The words belong to the carrier and never travel with a worker: a
//! late store of an old carrier could else hide the state of the new one.

use super::request::Request;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::fence;

const PHASE: u64 = 0b111;
const RUN: u64 = 0;
const NATIVE_A: u64 = 1;
const NATIVE_C: u64 = 2;
const KEPT: u64 = 3;
const AWAY: u64 = 4;
const WAITING: u64 = 5;
const SPARE: u64 = 6;
const EPOCH: u64 = PHASE + 1;

/// What a carrier is doing. See the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Owns a worker: runs a task, or looks for one.
    Run,
    /// Its task is in native code.
    Native,
    /// Waits for a worker, or in place for a wake.
    Waiting,
    /// Has no worker and nothing to do.
    Spare,
}

/// How the two ends of a native call meet those who want the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// Mode A: stores, and a request behind a heavy fence.
    Asymmetric,
    /// Mode C: one exchange.
    Compare,
    /// Nobody may take the worker.
    Kept,
}

impl Native {
    #[inline]
    const fn phase(self) -> u64 {
        match self {
            Native::Asymmetric => NATIVE_A,
            Native::Compare => NATIVE_C,
            Native::Kept => KEPT,
        }
    }
}

/// A copy of the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    /// How the worker may be taken; `None` if it may not, or there is none.
    pub(crate) fn takeable(self) -> Option<Native> {
        match self.0 & PHASE {
            NATIVE_A => Some(Native::Asymmetric),
            NATIVE_C => Some(Native::Compare),
            _ => None,
        }
    }

    /// The number of the carrier's last native call.
    pub(crate) fn epoch(self) -> u64 {
        self.0 / EPOCH
    }

    /// The whole state: it changes with each step of the carrier.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The state of which these are the [`bits`](Snapshot::bits).
    #[inline(always)]
    pub(crate) fn from_bits(bits: u64) -> Snapshot {
        Snapshot(bits)
    }

    /// Is the carrier in a native call that keeps its worker?
    pub(crate) fn is_kept(self) -> bool {
        self.0 & PHASE == KEPT
    }

    /// For the carrier itself: the state after a return from a call in mode A, in which only the owner changes the
    /// word. `None`: it has not left in that mode.
    #[inline(always)]
    pub(crate) fn run_after_asymmetric(self) -> Option<Snapshot> {
        // `RUN` is zero: one subtraction for the state and for the question.
        let run = Snapshot(self.0.wrapping_sub(NATIVE_A));
        run.is_run().then_some(run)
    }

    /// The state after a return from the call, with the worker.
    #[inline(always)]
    pub(crate) fn run(self) -> Snapshot {
        Snapshot(self.0 & !PHASE | RUN)
    }

    #[inline(always)]
    pub(crate) fn is_run(self) -> bool {
        self.0 & PHASE == RUN
    }

    pub(crate) fn is_spare(self) -> bool {
        self.0 & PHASE == SPARE
    }

    pub(crate) fn phase(self) -> Phase {
        match self.0 & PHASE {
            RUN => Phase::Run,
            NATIVE_A | NATIVE_C | KEPT | AWAY => Phase::Native,
            WAITING => Phase::Waiting,
            _ => Phase::Spare,
        }
    }
}

/// The state. See the module.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    /// A carrier that is about to get its first worker.
    pub(crate) fn new() -> Self {
        Word(AtomicU64::new(WAITING))
    }

    pub(crate) fn load(&self) -> Snapshot {
        // ORDERING(crossing.word): Acquire, pairs with the Release store in `leave`: whoever sees a
        // native phase sees the target and the worker's queues as they were left.
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
    pub(crate) fn leave(&self, native: Native) -> Snapshot {
        self.leave_from(self.own(), native)
    }

    /// The word, for the carrier itself.
    #[inline(always)]
    pub(crate) fn own(&self) -> Snapshot {
        // ORDERING: Relaxed, only the owner changes the word while it is `RUN`.
        Snapshot(self.0.load(Ordering::Relaxed))
    }

    /// [`Word::leave`] for a carrier that has looked at its word, and found `RUN`.
    #[inline(always)]
    pub(crate) fn leave_from(&self, now: Snapshot, native: Native) -> Snapshot {
        debug_assert!(now.is_run(), "leave without a worker: {:?}", now.phase());
        // `RUN` is zero, so this sets the phase and counts in one addition.
        let left = now.0.wrapping_add(EPOCH | native.phase());
        // ORDERING(crossing.word): Release, pairs with the Acquire in `load` and in `retake`: who
        // takes the worker sees all that its old carrier did with it.
        self.0.store(left, Ordering::Release);
        Snapshot(left)
    }

    /// The carrier's task leaves for native code, and its worker goes elsewhere beforehand.
    pub(crate) fn leave_without_worker(&self) {
        // ORDERING: Relaxed, as in `leave`.
        let now = self.0.load(Ordering::Relaxed);
        debug_assert!(now & PHASE == RUN, "leave without a worker: {:?}", Snapshot(now).phase());
        // ORDERING(crossing.word): Release, for those who look; nobody takes anything.
        self.0.store((now & !PHASE | AWAY).wrapping_add(EPOCH), Ordering::Release);
    }

    /// A carrier without a worker begins a native call for a task.
    pub(crate) fn away(&self) {
        // ORDERING: Relaxed, only the owner changes the word while it has no worker.
        let now = self.0.load(Ordering::Relaxed);
        debug_assert!(now & PHASE >= WAITING, "an offloaded call beside {:?}", Snapshot(now));
        // ORDERING(crossing.word): Release, for those who look.
        self.0.store((now & !PHASE | AWAY).wrapping_add(EPOCH), Ordering::Release);
    }

    /// The task comes back. True: the worker is still the carrier's own. False: it has none, and the
    /// state says `WAITING`.
    pub(crate) fn come_back(&self, request: &Request) -> bool {
        // ORDERING(crossing.word): Acquire, pairs with the exchange in `retake`: who finds `AWAY` sees
        // what the taker wrote before.
        let now = Snapshot(self.0.load(Ordering::Acquire));
        match now.0 & PHASE {
            NATIVE_A => self.come_back_unasked(now, request) || self.settle(request),
            NATIVE_C if self.exchange_back(now) => true,
            // It was taken in between.
            NATIVE_C => {
                self.set(WAITING);
                false
            }
            KEPT => {
                self.set(RUN);
                true
            }
            AWAY => {
                self.set(WAITING);
                false
            }
            // A foreign thread outside, or a task that was refused its return before.
            WAITING => false,
            // Raw transitions have crossed the call, and have come back before.
            RUN => true,
            _ => panic!("a return from native code without a leave: {now:?}"),
        }
    }

    /// For the carrier itself: is the word as it was? Who goes on with what it was then waits for no load.
    #[inline(always)]
    pub(crate) fn is(&self, before: Snapshot) -> bool {
        // ORDERING: Relaxed, in `RUN` and `NATIVE_A` only the owner changes the word.
        self.0.load(Ordering::Relaxed) == before.0
    }

    /// For the carrier itself: if its task is in native code, the word becomes another than the one with which the
    /// call left, as if a callback had left anew. False: it is not in native code, and nothing was done.
    pub(crate) fn touch(&self) -> bool {
        let now = self.own();
        let touched = now.0.wrapping_add(EPOCH);
        match now.0 & PHASE {
            // ORDERING(crossing.word): Release, as in `leave_from`: who takes the worker of the call sees no
            // less for this.
            NATIVE_A => self.0.store(touched, Ordering::Release),
            // ORDERING(crossing.word): Release, as above. A failure means that the worker was taken, so that
            // the call finds another word anyhow.
            NATIVE_C => {
                let _ =
                    self.0.compare_exchange(now.0, touched, Ordering::Release, Ordering::Relaxed);
            }
            KEPT | AWAY => {}
            _ => return false,
        }
        true
    }

    /// [`Word::come_back`] for a task that `left` in mode A, up to the point where somebody asks: then
    /// false, and [`Word::settle`] decides.
    #[inline(always)]
    pub(crate) fn come_back_unasked(&self, left: Snapshot, request: &Request) -> bool {
        self.run_unasked(left.run(), request)
    }

    /// [`Word::come_back_unasked`], for whoever knows what the word will be.
    #[inline(always)]
    pub(crate) fn run_unasked(&self, run: Snapshot, request: &Request) -> bool {
        // ORDERING(crossing.word): Release, and then the compiler's half of the asymmetric fence: this
        // store comes before the load of the request. Pairs with the heavy fence between the two
        // looks of a taker; see the README.
        self.0.store(run.0, Ordering::Release);
        fence::light_half();
        request.is_unasked()
    }

    /// Somebody asked meanwhile: an exchange decides. True: the worker is still the carrier's own.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle(&self, request: &Request) -> bool {
        let is_kept = request.settle();
        if !is_kept {
            self.set(WAITING);
        }
        is_kept
    }

    /// [`Word::come_back`] for a task that `left` in mode C; false, and nothing was done, if its worker
    /// was taken or a callback has left anew.
    #[inline(always)]
    pub(crate) fn exchange_back(&self, left: Snapshot) -> bool {
        let run = left.0 & !PHASE | RUN;
        // ORDERING(crossing.word): AcqRel, one side of the exchange that decides; pairs with
        // `retake`. On failure Acquire, as in `come_back`.
        self.0.compare_exchange(left.0, run, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Somebody takes the worker of a carrier that was `seen` in mode C. True: it is the caller's, as
    /// it was read from the carrier's cell between the look and this.
    pub(crate) fn retake(&self, seen: Snapshot) -> bool {
        debug_assert_eq!(seen.takeable(), Some(Native::Compare));
        let taken = seen.0 & !PHASE | AWAY;
        // ORDERING(crossing.word): AcqRel, the other side of the exchange in `exchange_back`;
        // Acquire also pairs with the Release store in `leave`.
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

    /// For the owner, where nobody else may change the state.
    fn set(&self, phase: u64) {
        // ORDERING: Relaxed, nobody but the owner changes the word in these phases.
        let now = self.0.load(Ordering::Relaxed);
        // ORDERING(crossing.word): Release, so that a reader of the phase sees what led to it.
        self.0.store(now & !PHASE | phase, Ordering::Release);
    }
}
