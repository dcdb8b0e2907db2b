//! The monitor's sleep: it does not sleep for ever while work waits behind a native call.
//!
//! The loop of `monitor.rs` runs over the true gate and the true carrier's word, without timers:
//! its main function needs the whole scheduler, so the loop is repeated here. It ends when it has
//! taken the worker of a carrier in native code because work waits. The others are
//!
//! - a *leaver*, which queues a task behind itself as a yield does, with no look at the gate, and
//!   leaves, comes back if it can, and leaves for good (`crossing::publish`);
//! - a *pusher*, which queues work while another carrier is in native code
//!   (`Shared::after_queueing` with no worker idle).
//!
//! Each of them alone makes the monitor needed. A look of the monitor at a queue is Relaxed, the
//! weakest that a queue could do.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::fence::light;
use crate::word::Word;
use std::sync::Arc;
use std::time::Duration;

const PROMISE: &str = "monitor: it sleeps for ever while work waits behind a native call";
const NAP: Duration = Duration::from_millis(2);

/// A version of the gate.
trait Gate: 'static {
    fn new() -> Self;
    fn close(&self) -> bool;
    fn set_ajar(&self);
    fn open(&self);
    fn sleep(&self, limit: Option<Duration>);
    fn is_open(&self) -> bool;
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
            fn open(&self) {
                self.open();
            }
            fn sleep(&self, limit: Option<Duration>) {
                self.sleep(limit);
            }
            fn is_open(&self) -> bool {
                self.is_open()
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
    light_fence: bool,
    push_fence: bool,
}

const TRUE_STEPS: Steps = Steps { second_look: true, light_fence: true, push_fence: true };

struct Place<G> {
    gate: G,
    carrier: Word,
    /// How many tasks are queued.
    queued: AtomicUsize,
    steps: Steps,
}

impl<G: Gate> Place<G> {
    fn new(steps: Steps) -> Arc<Self> {
        let place =
            Place { gate: G::new(), carrier: Word::new(), queued: AtomicUsize::new(0), steps };
        place.carrier.run();
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

    /// As `monitor::main`, without timers, until a retake.
    fn monitor(&self) {
        let mut seen = crate::word::Snapshot::NONE;
        loop {
            // As `Eye::look`.
            if self.work_waits() {
                let now = self.carrier.load();
                if now.is_native() {
                    if now == seen && self.carrier.retake(now) {
                        return;
                    }
                    seen = now;
                    self.gate.sleep(Some(NAP));
                } else {
                    self.gate.set_ajar();
                    self.gate.sleep(Some(NAP));
                }
            } else {
                seen = crate::word::Snapshot::NONE;
                let closed = self.gate.close();
                if self.steps.second_look && self.work_waits() {
                    self.gate.open();
                    continue;
                }
                self.gate.sleep(if closed { None } else { Some(NAP) });
            }
            self.gate.open();
        }
    }

    /// As `crossing::publish`.
    fn leave(&self) {
        self.carrier.leave();
        if self.steps.light_fence {
            light();
        }
        if !self.gate.is_open() && self.work_waits() {
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
        place.leave();
        if place.carrier.come_back() {
            place.leave();
        }
        join([monitor]);
    });
}

fn pusher<G: Gate>(steps: Steps) {
    explore(PROMISE, 3, move || {
        let place = Place::<G>::new(steps);
        place.carrier.leave();
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
        place.leave();
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
    leave_without_light_fence:
        leaver::<crate::gate::Gate>(Steps { light_fence: false, ..TRUE_STEPS });
    push_without_fence:
        pusher::<crate::gate::Gate>(Steps { push_fence: false, ..TRUE_STEPS });
    gate_close_without_fence_for_a_leaver:
        leaver::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_close_without_fence_for_a_pusher:
        pusher::<crate::mutants::gate_close_without_fence::Gate>(TRUE_STEPS);
    gate_kick_wakes_nobody:
        pusher::<crate::mutants::gate_kick_wakes_nobody::Gate>(TRUE_STEPS);
}
