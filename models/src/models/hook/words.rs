//! The protocol: a carrier's two words, with the three ways back and who asks.

use crate::park::Parker;
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::fence::{heavy_half, light_half};
use std::cell::Cell;
use std::sync::Arc;

// The state: the phase, a flag, and the number of the call.
const PHASE: u64 = 0b11;
const RUN: u64 = 0;
const NATIVE: u64 = 1;
const AWAY: u64 = 2;
pub(super) const HOOKED: u64 = 0b100;
const EPOCH: u64 = 0b1000;

// The request.
const ASKED: u32 = 1;
const TAKEN: u32 = 2;
const HOOK: u32 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Asymmetric,
    CompareAndLook,
    Compare,
}

/// What a mutant leaves out, or does worse.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    /// The return's fence between the state and the look at the request.
    pub(super) light: bool,
    /// The hooker's fence between the request and the second look.
    pub(super) heavy: bool,
    pub(super) second_look: bool,
    /// A return that finds a hook waits for its end.
    pub(super) waits: bool,
    /// The look at the request is on the return's way at all.
    pub(super) looks: bool,
    /// Whoever ends the hook wakes the carrier.
    pub(super) wakes: bool,
    /// The hooker clears its own bit alone.
    pub(super) clears_one_bit: bool,
    /// The carrier settles its worker by an exchange that leaves the hook alone.
    pub(super) settles_one_bit: bool,
    /// The number of the call belongs to the second look.
    pub(super) epoch: bool,
    /// One hooker at a time: the bit is taken by the one who has set it.
    pub(super) exclusive: bool,
    /// The carrier whose worker is away returns by an exchange.
    pub(super) exchange_when_away: bool,
}

pub(super) const TRUE_STEPS: Steps = Steps {
    light: true,
    heavy: true,
    second_look: true,
    waits: true,
    looks: true,
    wakes: true,
    clears_one_bit: true,
    settles_one_bit: true,
    epoch: true,
    exclusive: true,
    exchange_when_away: true,
};

pub(super) struct Place {
    way: Way,
    steps: Steps,
    pub(super) state: AtomicU64,
    pub(super) request: AtomicU32,
    parker: Parker,
    /// So that loom tries both orders of what lies around it; see `crossing::Place::step`.
    noise: AtomicUsize,
    /// In the model's books: the call that the carrier is in; 0 in managed code.
    call: Cell<u64>,
    /// In the model's books: the worker's owner is somebody else.
    pub(super) taken: Cell<bool>,
    hooks: Cell<u32>,
}

impl Place {
    #[expect(clippy::arc_with_non_send_sync, reason = "loom runs all threads on one")]
    pub(super) fn new(way: Way, steps: Steps) -> Arc<Place> {
        Arc::new(Place {
            way,
            steps,
            state: AtomicU64::new(RUN),
            request: AtomicU32::new(0),
            parker: Parker::new(),
            noise: AtomicUsize::new(0),
            call: Cell::new(0),
            taken: Cell::new(false),
            hooks: Cell::new(0),
        })
    }

    fn step(&self) {
        // ORDERING: Relaxed, it must order nothing.
        self.noise.fetch_add(1, Ordering::Relaxed);
    }

    // ---- the carrier ----

    pub(super) fn leave(&self, number: u64) {
        self.call.set(number);
        // ORDERING: Release, pairs with the Acquire looks.
        self.state.store((number * EPOCH) | NATIVE, Ordering::Release);
        self.step();
    }

    /// True: with the worker.
    pub(super) fn come_back(&self, number: u64) -> bool {
        let kept = match self.way {
            Way::Asymmetric => self.come_back_asymmetric(number),
            Way::CompareAndLook => self.come_back_compare(number) && self.look(),
            Way::Compare => self.come_back_compare(number),
        };
        self.call.set(0);
        self.step();
        kept
    }

    fn come_back_asymmetric(&self, number: u64) -> bool {
        // ORDERING: Release, then the light half of the fence; pairs with the heavy one of those who ask.
        self.state.store((number * EPOCH) | RUN, Ordering::Release);
        self.look()
    }

    /// The look at the request, and what it asks for.
    fn look(&self) -> bool {
        if self.steps.light {
            light_half();
        }
        // ORDERING: Acquire, pairs with the Release of a hook's end.
        if !self.steps.looks || self.request.load(Ordering::Acquire) == 0 {
            return true;
        }
        self.settle()
    }

    /// First the worker, then the hook: the worker is not kept from others for longer than need be.
    fn settle(&self) -> bool {
        let kept = if self.steps.settles_one_bit {
            // ORDERING: AcqRel, the exchange with the taker's; the hook's bit stays.
            let before = self.request.fetch_and(!(ASKED | TAKEN), Ordering::AcqRel);
            before & TAKEN == 0
        } else {
            // ORDERING: AcqRel, as above, but for the hook's bit.
            self.request.swap(0, Ordering::AcqRel) & TAKEN == 0
        };
        self.wait_for_hook(|| {
            // ORDERING: Acquire, pairs with the Release of the hook's end.
            self.request.load(Ordering::Acquire) & HOOK != 0
        });
        kept
    }

    fn wait_for_hook(&self, is_hooked: impl Fn() -> bool) {
        while self.steps.waits && is_hooked() {
            self.parker.park();
        }
    }

    fn come_back_compare(&self, number: u64) -> bool {
        let native = (number * EPOCH) | NATIVE;
        let run = (number * EPOCH) | RUN;
        loop {
            // ORDERING: AcqRel, the exchange with takers and hookers. In `CompareAndLook` followed by the
            // light half, which an exchange is on x86.
            match self.state.compare_exchange(native, run, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) if now & HOOKED != 0 && self.steps.waits => self.wait_for_hook(|| {
                    // ORDERING: Acquire, pairs with the Release of the hook's end.
                    self.state.load(Ordering::Acquire) & HOOKED != 0
                }),
                Err(now) if now & HOOKED != 0 => {
                    // ORDERING: Release; the mutant.
                    self.state.store(run, Ordering::Release);
                    return now & PHASE == NATIVE;
                }
                Err(now) => {
                    assert_eq!(now, (number * EPOCH) | AWAY, "hook: the state is the carrier's");
                    if self.come_back_away(now, run) {
                        return false;
                    }
                }
            }
        }
    }

    /// False: a hook came first.
    fn come_back_away(&self, away: u64, run: u64) -> bool {
        if self.way == Way::CompareAndLook {
            // ORDERING: Release, as in mode A.
            self.state.store(run, Ordering::Release);
            self.look();
            return true;
        }
        if !self.steps.exchange_when_away {
            // ORDERING: Release; the mutant.
            self.state.store(run, Ordering::Release);
            return true;
        }
        // ORDERING: AcqRel, the exchange with hookers.
        self.state.compare_exchange(away, run, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    // ---- the taker ----

    pub(super) fn take(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `leave`.
        let seen = self.state.load(Ordering::Acquire);
        if seen & PHASE != NATIVE {
            return false;
        }
        let won = match self.way {
            Way::Asymmetric => self.take_asymmetric(seen),
            _ => {
                // ORDERING: AcqRel, one side of the exchange; with or without a hook under way.
                let away = seen & !PHASE | AWAY;
                self.state.compare_exchange(seen, away, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            }
        };
        if won {
            assert!(!self.taken.replace(true), "hook: a worker has two owners");
        }
        self.step();
        won
    }

    fn take_asymmetric(&self, seen: u64) -> bool {
        // ORDERING: AcqRel, pairs with the carrier's look; the hook's bit stays.
        if self.request.fetch_or(ASKED, Ordering::AcqRel) & (ASKED | TAKEN) != 0 {
            return false;
        }
        let fenced = heavy_half();
        // ORDERING: Acquire, as above.
        let same = self.state.load(Ordering::Acquire) == seen;
        // ORDERING: Relaxed, a guess that the exchange checks.
        let mut now = self.request.load(Ordering::Relaxed);
        while now & ASKED != 0 {
            let next = if fenced && same { now & !ASKED | TAKEN } else { now & !ASKED };
            // ORDERING: AcqRel, the exchange with `settle`.
            match self.request.compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return fenced && same,
                Err(newer) => now = newer,
            }
        }
        false
    }

    // ---- the hooker ----

    /// Is the carrier still in the call that was `seen`, with its worker or without?
    fn is_same_call(&self, seen: u64) -> bool {
        // ORDERING: Acquire, pairs with the Release in `leave`.
        let now = self.state.load(Ordering::Acquire);
        now & PHASE != RUN && (!self.steps.epoch || now / EPOCH == seen / EPOCH)
    }

    /// Interrupts the call that is seen. True: the hook has run.
    pub(super) fn interrupt(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `leave`.
        let seen = self.state.load(Ordering::Acquire);
        if seen & PHASE == RUN {
            return false;
        }
        let number = seen / EPOCH;
        self.step();
        let hooked = match self.way {
            Way::Compare => self.interrupt_by_state(seen, number),
            _ => self.interrupt_by_request(seen, number),
        };
        self.step();
        hooked
    }

    fn interrupt_by_request(&self, seen: u64, number: u64) -> bool {
        // ORDERING: AcqRel, pairs with the carrier's look; the heavy fence orders it before ours.
        while self.request.fetch_or(HOOK, Ordering::AcqRel) & HOOK != 0 && self.steps.exclusive {
            // Another has the bit, perhaps for a call that is over: not to be relied on.
            loom::thread::yield_now();
            if !self.is_same_call(seen) {
                return false;
            }
        }
        let fenced = !self.steps.heavy || heavy_half();
        let same = fenced && (!self.steps.second_look || self.is_same_call(seen));
        if same {
            self.hook(number);
        }
        if self.steps.clears_one_bit {
            // ORDERING: Release, pairs with the Acquire of a carrier that waits.
            self.request.fetch_and(!HOOK, Ordering::Release);
        } else {
            // ORDERING: Release; the mutant.
            self.request.store(0, Ordering::Release);
        }
        self.wake();
        same
    }

    fn interrupt_by_state(&self, seen: u64, number: u64) -> bool {
        let mut now = seen;
        loop {
            if now & HOOKED != 0 && self.steps.exclusive
                || now & PHASE == RUN
                || self.steps.epoch && now / EPOCH != number
            {
                return false;
            }
            // ORDERING: AcqRel, the exchange with the carrier's return and with takers.
            match self.state.compare_exchange(
                now,
                now | HOOKED,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                // A taker, or the carrier: the call may be the same.
                Err(newer) => now = newer,
            }
        }
        self.hook(number);
        if self.steps.clears_one_bit {
            // ORDERING: Release, pairs with the Acquire of a carrier that waits; the phase stays.
            self.state.fetch_and(!HOOKED, Ordering::Release);
        } else {
            // ORDERING: Release; the mutant: what a taker did meanwhile is lost.
            self.state.store(now & !HOOKED, Ordering::Release);
        }
        self.wake();
        true
    }

    fn wake(&self) {
        if self.steps.wakes {
            self.parker.unpark();
        }
    }

    /// The user's function.
    fn hook(&self, number: u64) {
        for _ in 0..2 {
            assert!(
                self.call.get() == number,
                "hook: it hits what follows the call that it was meant for"
            );
            self.step();
        }
        self.hooks.set(self.hooks.get() + 1);
    }
}
