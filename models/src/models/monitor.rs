//! The monitor's sleep: it does not sleep for ever while work waits behind a native call.
//!
//! The loop of `monitor/mod.rs` runs over the true gate and the crossing's true files, without timers:
//! its main function needs the whole scheduler, so the loop is repeated here. It ends when it has
//! taken the worker of a carrier in native code because work waits. The others are
//!
//! - a *leaver*, which queues a task behind itself, and leaves, comes back if it can, and leaves for good
//!   (`Here::leave`);
//! - a *pusher*, which queues work while another carrier is in native code
//!   (`Shared::after_queueing` with no worker idle).
//!
//! Each of them alone makes the monitor needed. A look of the monitor at a queue is Relaxed, the
//! weakest that a queue could do. It has one credit, so that it naps with the gate ajar and with the
//! gate open.

use crate::crossing::carrier::Carrier;
use crate::crossing::retake::Retaking;
use crate::crossing::word::{Native, Snapshot};
use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::fence::{light, light_half};
use crate::worker::Worker;
use std::sync::Arc;
use std::time::Duration;

const PROMISE: &str = "monitor: it sleeps for ever while work waits behind a native call";
const NAP: Duration = Duration::from_millis(2);
/// Fewer than the monitor's, so that the model stays small.
const QUIET_NAPS: u32 = 1;

/// A version of the gate.
trait Gate: 'static {
    fn new() -> Self;
    fn close(&self) -> bool;
    fn set_ajar(&self);
    fn close_briefly(&self);
    fn open(&self);
    fn sleep(&self, limit: Option<Duration>) -> bool;
    fn is_ajar(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn kick(&self);
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
            fn close_briefly(&self) {
                self.close_briefly();
            }
            fn open(&self) {
                self.open();
            }
            fn sleep(&self, limit: Option<Duration>) -> bool {
                self.sleep(limit)
            }
            fn is_ajar(&self) -> bool {
                self.is_ajar()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
            fn kick(&self) {
                self.kick();
            }
        }
    )*};
}

versions!(
    crate::gate::Gate,
    crate::mutants::gate_close_without_fence::Gate,
    crate::mutants::gate_kick_wakes_nobody::Gate,
);

/// The steps that the model repeats, each of which a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    second_look: bool,
    push_fence: bool,
}

const TRUE_STEPS: Steps = Steps { second_look: true, push_fence: true };

struct Place<G> {
    gate: G,
    carrier: Carrier,
    retaking: Retaking,
    /// How many tasks are queued.
    queued: AtomicUsize,
    steps: Steps,
}

/// As `monitor::Look`, and the end of the model.
enum Look {
    Native,
    Quiet,
    Taken,
    Waiting,
}

/// As `Purse::spend`.
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

    /// As `monitor::main`, without timers, until it has taken the worker.
    fn monitor(&self) {
        let mut seen = None;
        // Nothing was up for long.
        let mut naps = QUIET_NAPS;
        let mut credits = 1;
        loop {
            let look = self.look(&mut seen);
            if !matches!(look, Look::Quiet) {
                naps = 0;
            }
            let limit = match look {
                Look::Taken => return,
                Look::Native => Some(NAP),
                Look::Waiting => {
                    if spend(&mut credits) {
                        self.gate.set_ajar();
                    }
                    Some(NAP)
                }
                Look::Quiet if naps < QUIET_NAPS => {
                    naps += 1;
                    if spend(&mut credits) {
                        self.gate.close_briefly();
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

    /// As `monitor::look` with no worker idle, and `Calls::look`: a call that is seen twice is taken.
    fn look(&self, seen: &mut Option<Snapshot>) -> Look {
        if !self.work_waits() {
            *seen = None;
            return Look::Quiet;
        }
        let now = self.carrier.word.load();
        if self.carrier.takeable(now).is_none() {
            *seen = None;
            return Look::Waiting;
        }
        if *seen != Some(now) {
            *seen = Some(now);
            return Look::Native;
        }
        let mut taken = false;
        self.retaking.take(&[(self.carrier.as_ref(), now)], |_, _| taken = true);
        if taken { Look::Taken } else { Look::Native }
    }

    /// As `Here::leave`, and in mode C as `crossing::publish`.
    fn leave(&self, native: Native) {
        self.carrier.word.leave(native);
        match native {
            Native::Asymmetric => light_half(),
            _ => light(),
        }
        if self.gate.is_ajar() && self.work_waits() {
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

#[test]
fn work_behind_a_leave_is_noticed() {
    leaver::<crate::gate::Gate>(TRUE_STEPS);
}

#[test]
fn work_pushed_behind_a_call_is_noticed() {
    pusher::<crate::gate::Gate>(TRUE_STEPS);
}

#[test]
fn a_push_and_a_leave_together_are_noticed() {
    both::<crate::gate::Gate>(TRUE_STEPS);
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
    gate_close_without_fence_for_a_leaver:
        leaver::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_close_without_fence_for_a_pusher:
        pusher::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_kick_wakes_nobody:
        pusher::<crate::mutants::gate_kick_wakes_nobody::Gate>(TRUE_STEPS);
}
