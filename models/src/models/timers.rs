//! The monitor's alarm: it does not sleep past a timer.
//!
//! The monitor runs as in `monitor::main` with nothing to look for but timers, over the true gate and the
//! true alarm, until it has served all. Others set a timer each, and tell the monitor if it sleeps past it.
//! What the shards show of their wheels is one number here, and Relaxed, the weakest that it could be; all
//! ticks are the same.

use crate::explore::{explore, join, spawn};
use crate::gate::Gate;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const PROMISE: &str = "timers: the monitor sleeps past a timer";
const TICK: u64 = 1;
const NEVER: u64 = u64::MAX;
const NAP: Duration = Duration::from_millis(2);

/// A version of the alarm.
trait Alarm: 'static {
    fn new() -> Self;
    fn set(&self, until: u64);
    fn lower(&self, until: u64);
    fn take(&self);
    fn is_after(&self, tick: u64) -> bool;
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Alarm for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn set(&self, until: u64) {
                self.set(until);
            }
            fn lower(&self, until: u64) {
                self.lower(until);
            }
            fn take(&self) {
                self.take();
            }
            fn is_after(&self, tick: u64) -> bool {
                self.is_after(tick)
            }
        }
    )*};
}

versions!(
    crate::alarm::Alarm,
    crate::mutants::alarm_set_without_fence::Alarm,
    crate::mutants::alarm_asked_without_fence::Alarm,
    crate::mutants::alarm_lies_to_who_asks::Alarm,
);

/// The step that the model repeats, and a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    second_look: bool,
}

const TRUE_STEPS: Steps = Steps { second_look: true };

struct Place<A> {
    gate: Gate,
    alarm: A,
    /// Timers that were set and not served.
    set: AtomicU64,
    steps: Steps,
}

impl<A: Alarm> Place<A> {
    fn next(&self) -> u64 {
        // ORDERING: Relaxed, the weakest look.
        if self.set.load(Ordering::Relaxed) > 0 { TICK } else { NEVER }
    }

    /// As `monitor::main` with `Timers::set_alarm`, until so many were served.
    fn monitor(&self, mut timers: u64) {
        loop {
            // ORDERING: Relaxed, as above.
            timers -= self.set.swap(0, Ordering::Relaxed);
            if timers == 0 {
                return;
            }
            self.alarm.set(NEVER);
            let due = if self.steps.second_look { self.next() } else { NEVER };
            let limit = if due == NEVER {
                None
            } else {
                self.alarm.lower(due);
                Some(NAP)
            };
            self.gate.sleep(limit);
            self.alarm.take();
            self.gate.open();
        }
    }

    /// As `Timers::set` with `Shared::set_timer`.
    fn set_timer(&self) {
        // ORDERING: Relaxed, the weakest that it could be.
        self.set.fetch_add(1, Ordering::Relaxed);
        if self.alarm.is_after(TICK) {
            self.gate.ring();
        }
    }
}

fn setters<A: Alarm>(setters: u64, steps: Steps) {
    explore(PROMISE, 3, move || {
        let place =
            Arc::new(Place { gate: Gate::new(), alarm: A::new(), set: AtomicU64::new(0), steps });
        let threads: Vec<_> = (0..setters)
            .map(|_| {
                let place = place.clone();
                spawn(move || place.set_timer())
            })
            .collect();
        place.monitor(setters);
        join(threads);
    });
}

#[test]
fn a_timer_is_served() {
    setters::<crate::alarm::Alarm>(1, TRUE_STEPS);
}

#[test]
fn two_timers_are_served() {
    setters::<crate::alarm::Alarm>(2, TRUE_STEPS);
}

macro_rules! caught {
    ($($mutant:ident: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = "timers: the monitor sleeps past a timer")]
        fn $mutant() {
            $run;
        }
    )*};
}

caught! {
    no_second_look_at_timers:
        setters::<crate::alarm::Alarm>(1, Steps { second_look: false });
    alarm_set_without_fence:
        setters::<crate::mutants::alarm_set_without_fence::Alarm>(1, TRUE_STEPS);
    alarm_asked_without_fence:
        setters::<crate::mutants::alarm_asked_without_fence::Alarm>(1, TRUE_STEPS);
    alarm_lies_to_who_asks:
        setters::<crate::mutants::alarm_lies_to_who_asks::Alarm>(1, TRUE_STEPS);
}
