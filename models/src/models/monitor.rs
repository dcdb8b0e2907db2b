//! The monitor's sleep: it does not sleep for ever while work waits behind a native call.
//!
//! The loop of `monitor/mod.rs` runs over the true gate and the crossing's true files, without timers:
//! its main function needs the whole scheduler, so the loop is repeated here. It ends when it has
//! taken the worker of a carrier in native code because work waits. The others are
//!
//! - a *leaver*, which queues a task behind itself, and leaves, comes back if it can, and leaves for good
//!   (`Here::leave`);
//! - a *pusher*, which queues work while another carrier is in native code
//!   (`Shared::after_queueing` with no worker idle);
//! - a *returner*, which has come back without a worker: it looks itself, as the monitor does, and stands in line if
//!   it has taken none, or somebody else looked (`crossing/reentry.rs`).
//!
//! Each of them alone makes the monitor needed, unless the returner takes the worker. A look of the monitor at a queue
//! is Relaxed, the weakest that a queue could do. It has one credit, so that it naps with the gate ajar, or
//! on the latch where the workers get on briskly, and with the gate open.

use crate::crossing::carrier::Carrier;
use crate::crossing::retake::Retaking;
use crate::crossing::word::{Native, Snapshot};
use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::fence::{light, light_half};
use crate::worker::Worker;
use std::sync::Arc;
use std::time::Duration;

const PROMISE: &str = "monitor: it sleeps for ever while work waits behind a native call";
const TWICE: &str = "monitor: the worker of one call was taken twice";
const NAP: Duration = Duration::from_millis(2);
/// Fewer than the monitor's, so that the model stays small.
const QUIET_NAPS: u32 = 1;

/// A version of the gate.
trait Gate: 'static {
    fn new() -> Self;
    fn close(&self) -> bool;
    fn set_ajar(&self);
    fn latch(&self);
    fn set_both(&self);
    fn close_briefly(&self);
    fn close_knowing(&self);
    fn open(&self);
    fn sleep(&self, limit: Option<Duration>) -> bool;
    fn asks_who_leaves<const COMPARE: bool>(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn kick(&self);
    fn ring(&self);
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Gate for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn close(&self) -> bool {
                self.close()
            }
            fn set_ajar(&self) {
                self.set_ajar();
            }
            fn latch(&self) {
                self.latch();
            }
            fn set_both(&self) {
                self.set_both();
            }
            fn close_briefly(&self) {
                self.close_briefly();
            }
            fn close_knowing(&self) {
                self.close_knowing();
            }
            fn open(&self) {
                self.open();
            }
            fn sleep(&self, limit: Option<Duration>) -> bool {
                self.sleep(limit)
            }
            fn asks_who_leaves<const COMPARE: bool>(&self) -> bool {
                self.asks_who_leaves::<COMPARE>()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
            fn kick(&self) {
                self.kick();
            }
            fn ring(&self) {
                self.ring();
            }
        }
    )*};
}

versions!(
    crate::gate::Gate,
    crate::mutants::gate_close_without_fence::Gate,
    crate::mutants::gate_kick_wakes_nobody::Gate,
    crate::mutants::gate_both_is_ajar::Gate,
);

/// The steps that the model repeats, each of which a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    second_look: bool,
    push_fence: bool,
    /// Who has looked in vain tells that it stands in line.
    returner_tells: bool,
    /// Not left out, but other: the workers get on briskly, as the monitor sees it.
    is_brisk: bool,
}

const TRUE_STEPS: Steps =
    Steps { second_look: true, push_fence: true, returner_tells: true, is_brisk: false };
const BRISK_STEPS: Steps = Steps { is_brisk: true, ..TRUE_STEPS };

struct Place<G> {
    gate: G,
    carrier: Carrier,
    retaking: Retaking,
    /// The call that was seen last: `Shared::calls`.
    calls: Mutex<Option<Snapshot>>,
    /// How often the worker was taken.
    taken: AtomicUsize,
    /// How many tasks are queued.
    queued: AtomicUsize,
    steps: Steps,
}

/// As `cadence::Look`, and the end of the model.
enum Look {
    Native,
    Quiet,
    Taken,
    Waiting,
}

/// As `Purse::spend` in `monitor/cadence.rs`.
fn spend(credits: &mut u32) -> bool {
    let can = *credits > 0;
    *credits -= u32::from(can);
    can
}

impl<G: Gate> Place<G> {
    fn new(steps: Steps) -> Arc<Self> {
        let place = Place {
            gate: G::new(),
            carrier: Carrier::new(),
            retaking: Retaking::default(),
            calls: Mutex::new(None),
            taken: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            steps,
        };
        place.carrier.put_worker(Worker::new(0));
        Arc::new(place)
    }

    fn work_waits(&self) -> bool {
        // ORDERING: Relaxed, the weakest look.
        self.queued.load(Ordering::Relaxed) > 0
    }

    fn queue(&self) {
        // ORDERING: Release, as a queue's push.
        self.queued.fetch_add(1, Ordering::Release);
    }

    /// As `monitor::main` with `Cadence::after`, without timers, until it has taken the worker.
    fn monitor(&self) {
        // Nothing was up for long.
        let mut naps = QUIET_NAPS;
        let mut credits = 1;
        loop {
            let look = self.look();
            if !matches!(look, Look::Quiet) {
                naps = 0;
            }
            let limit = match look {
                Look::Taken => return,
                Look::Native => Some(NAP),
                Look::Waiting => {
                    if spend(&mut credits) {
                        if self.steps.is_brisk {
                            self.gate.latch();
                        } else {
                            self.gate.set_ajar();
                        }
                    }
                    Some(NAP)
                }
                Look::Quiet if naps < QUIET_NAPS => {
                    naps += 1;
                    if spend(&mut credits) {
                        if self.steps.is_brisk {
                            // As if a task kept others.
                            self.gate.close_knowing();
                        } else {
                            self.gate.close_briefly();
                        }
                    }
                    Some(NAP)
                }
                Look::Quiet => {
                    let closed = self.gate.close();
                    if self.steps.second_look && self.work_waits() {
                        self.gate.open();
                        continue;
                    }
                    if closed { None } else { Some(NAP) }
                }
            };
            if self.gate.sleep(limit) {
                naps = 0;
            }
            self.gate.open();
        }
    }

    /// As `Watch::look` with no worker idle, and `Calls::look`: a call that is seen twice is taken.
    fn look(&self) -> Look {
        // ORDERING: Relaxed, the end of the model: nothing else is to be taken.
        if self.taken.load(Ordering::Relaxed) > 0 {
            return Look::Taken;
        }
        if !self.work_waits() {
            if let Some(mut calls) = self.calls.try_lock() {
                *calls = None;
            }
            return Look::Quiet;
        }
        let Some(mut seen) = self.calls.try_lock() else { return Look::Native };
        let now = self.carrier.word.load();
        if self.carrier.takeable(now).is_none() {
            *seen = None;
            return Look::Waiting;
        }
        if *seen != Some(now) {
            *seen = Some(now);
            return Look::Native;
        }
        if self.take(now) { Look::Taken } else { Look::Native }
    }

    fn take(&self, now: Snapshot) -> bool {
        let mut taken = false;
        self.retaking.take(&[(self.carrier.as_ref(), now)], |_, _| {
            taken = true;
            // ORDERING: Relaxed, a count that stands for itself.
            assert_eq!(self.taken.fetch_add(1, Ordering::Relaxed), 0, "{TWICE}");
        });
        taken
    }

    /// As `Shared::look_in_passing`, and `Calls::look_in_passing` where the call's thread sleeps.
    fn look_in_passing(&self) -> bool {
        let Some(mut seen) = self.calls.try_lock() else { return false };
        let now = self.carrier.word.load();
        if self.carrier.takeable(now).is_none() {
            *seen = None;
            return false;
        }
        *seen = Some(now);
        self.take(now)
    }

    /// As `reenter`, and `regain`, with no worker idle.
    fn reenter(&self) {
        if self.look_in_passing() {
            // Not the protocol's: the model is over.
            self.gate.ring();
        } else {
            self.queue();
            if self.steps.returner_tells {
                self.after_queueing();
            }
        }
    }

    /// As `Here::leave`, and in mode C as `crossing::publish`.
    fn leave(&self, native: Native) {
        self.carrier.word.leave(native);
        let is_asked = match native {
            Native::Asymmetric => {
                light_half();
                self.gate.asks_who_leaves::<false>()
            }
            _ => {
                light();
                self.gate.asks_who_leaves::<true>()
            }
        };
        if is_asked && self.work_waits() {
            self.gate.kick();
        }
    }

    /// As `Shared::after_queueing` while no worker is idle.
    fn after_queueing(&self) {
        if self.steps.push_fence {
            // ORDERING: SeqCst, between the push and the look at the gate.
            fence(Ordering::SeqCst);
        }
        if self.gate.is_closed() {
            self.gate.kick();
        }
    }
}

fn leaver<G: Gate>(steps: Steps) {
    explore(PROMISE, 3, move || {
        let place = Place::<G>::new(steps);
        let monitor = {
            let place = place.clone();
            spawn(move || place.monitor())
        };
        place.queue();
        place.after_queueing();
        place.leave(Native::Asymmetric);
        if place.carrier.come_back() {
            place.leave(Native::Compare);
        }
        join([monitor]);
    });
}

fn pusher<G: Gate>(steps: Steps) {
    explore(PROMISE, 3, move || {
        let place = Place::<G>::new(steps);
        place.carrier.word.leave(Native::Asymmetric);
        let monitor = {
            let place = place.clone();
            spawn(move || place.monitor())
        };
        place.queue();
        place.after_queueing();
        join([monitor]);
    });
}

/// A push while somebody else, who has left work waiting, asks for the looks of those who leave.
fn asker<G: Gate>(steps: Steps) {
    explore(PROMISE, 2, move || {
        let place = Place::<G>::new(steps);
        place.carrier.word.leave(Native::Asymmetric);
        let others: [fn(&Place<G>); 2] = [Place::monitor, |place| place.gate.set_both()];
        let threads = others.map(|run| {
            let place = place.clone();
            spawn(move || run(&place))
        });
        place.queue();
        place.after_queueing();
        join(threads);
    });
}

/// A push while the carrier is about to leave: either may be the one that finds the gate closed.
fn both<G: Gate>(steps: Steps) {
    explore(PROMISE, 2, move || {
        let place = Place::<G>::new(steps);
        let others: [fn(&Place<G>); 2] = [Place::monitor, |place| {
            place.queue();
            place.after_queueing();
        }];
        let threads = others.map(|run| {
            let place = place.clone();
            spawn(move || run(&place))
        });
        place.leave(Native::Asymmetric);
        join(threads);
    });
}

/// One comes back without a worker, while the carrier is about to leave in this mode.
fn returner<G: Gate>(steps: Steps, native: Native) {
    explore(PROMISE, 2, move || {
        let place = Place::<G>::new(steps);
        let others: [fn(&Place<G>); 2] = [Place::monitor, Place::reenter];
        let threads = others.map(|run| {
            let place = place.clone();
            spawn(move || run(&place))
        });
        place.leave(native);
        join(threads);
    });
}

#[test]
fn work_behind_a_leave_is_noticed() {
    leaver::<crate::gate::Gate>(TRUE_STEPS);
    leaver::<crate::gate::Gate>(BRISK_STEPS);
}

#[test]
fn work_pushed_behind_a_call_is_noticed() {
    pusher::<crate::gate::Gate>(TRUE_STEPS);
}

#[test]
fn who_asks_leavers_to_look_keeps_no_kick_back() {
    asker::<crate::gate::Gate>(TRUE_STEPS);
    asker::<crate::gate::Gate>(BRISK_STEPS);
}

#[test]
fn each_gate_asks_whom_it_is_to_ask() {
    explore(PROMISE, 0, || {
        let gate = crate::gate::Gate::new();
        // Who leaves in mode A, in mode C, who queues, and who leaves a call to be made.
        let asked = || {
            let leavers = [gate.asks_who_leaves::<false>(), gate.asks_who_leaves::<true>()];
            [leavers[0], leavers[1], gate.is_closed(), gate.is_closed_or_latched()]
        };
        let both = |expected| {
            gate.set_both();
            assert_eq!(asked(), expected);
            gate.shut();
            assert_eq!(asked(), [false, false, true, true]);
        };
        gate.set_both();
        assert_eq!(asked(), [false; 4]);
        gate.set_ajar();
        assert_eq!(asked(), [true, true, false, false]);
        gate.set_both();
        assert_eq!(asked(), [true, true, false, false]);
        gate.latch();
        assert_eq!(asked(), [false, true, false, true]);
        both([true, true, false, true]);
        gate.close_briefly();
        assert_eq!(asked(), [false, false, true, true]);
        both([true; 4]);
        gate.close_knowing();
        assert_eq!(asked(), [false, false, true, true]);
        gate.kick_for_pinned();
        assert!(gate.is_closed(), "the monitor knows");
        both([true; 4]);
        gate.kick_for_pinned();
        assert_eq!(asked(), [false; 4]);
    });
}

#[test]
fn a_push_and_a_leave_together_are_noticed() {
    both::<crate::gate::Gate>(TRUE_STEPS);
}

#[test]
fn who_comes_back_is_noticed_or_takes_the_worker() {
    returner::<crate::gate::Gate>(TRUE_STEPS, Native::Asymmetric);
}

#[test]
fn who_comes_back_is_noticed_or_takes_the_worker_by_one_exchange() {
    returner::<crate::gate::Gate>(TRUE_STEPS, Native::Compare);
    returner::<crate::gate::Gate>(BRISK_STEPS, Native::Compare);
}

macro_rules! caught {
    ($($mutant:ident: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = "monitor: it sleeps for ever while work waits behind a native")]
        fn $mutant() {
            $run;
        }
    )*};
}

caught! {
    no_second_look_for_a_leaver:
        leaver::<crate::gate::Gate>(Steps { second_look: false, ..TRUE_STEPS });
    no_second_look_for_a_pusher:
        pusher::<crate::gate::Gate>(Steps { second_look: false, ..TRUE_STEPS });
    push_without_fence:
        pusher::<crate::gate::Gate>(Steps { push_fence: false, ..TRUE_STEPS });
    who_looked_in_vain_stands_in_line_unheard:
        returner::<crate::gate::Gate>(
            Steps { returner_tells: false, ..TRUE_STEPS },
            Native::Asymmetric,
        );
    no_second_look_for_a_returner:
        returner::<crate::gate::Gate>(
            Steps { second_look: false, ..TRUE_STEPS },
            Native::Compare,
        );
    gate_close_without_fence_for_a_leaver:
        leaver::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_close_without_fence_for_a_pusher:
        pusher::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_both_is_ajar:
        asker::<crate::mutants::gate_both_is_ajar::Gate>(TRUE_STEPS);
    gate_kick_wakes_nobody:
        pusher::<crate::mutants::gate_kick_wakes_nobody::Gate>(TRUE_STEPS);
}
