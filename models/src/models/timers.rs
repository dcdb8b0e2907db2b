//! The monitor's alarm: it does not sleep past a timer.
//!
//! The monitor runs as in `monitor::main` with nothing to look for but timers, over the true gate and the
//! true alarm, until it has served all. Others set a timer each, and tell the monitor if it sleeps past it.
//! Or somebody fires a timer, and queues whom it has woken without telling anybody, unless the monitor would not look in
//! time (`worker/put_off.rs`): then the monitor runs until it has seen that.
//! What the shards show of their wheels is one number here, and Relaxed, the weakest that it could be; so is a queue; all
//! ticks are the same.

use crate::explore::{explore, join, spawn};
use crate::gate::Gate;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const PROMISE: &str = "timers: the monitor sleeps past a timer";
const WATCH: &str = "timers: the monitor sleeps while work waits that nobody was told of";
const TICK: u64 = 1;
const NEVER: u64 = u64::MAX;
const NAP: Duration = Duration::from_millis(2);

/// A version of the alarm.
trait Alarm: 'static {
    fn new() -> Self;
    fn set(&self, until: u64, is_lax: bool);
    fn lower(&self, until: u64, is_lax: bool);
    fn take(&self);
    fn is_after(&self, tick: u64) -> bool;
    fn is_before(&self, tick: u64) -> bool;
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Alarm for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn set(&self, until: u64, is_lax: bool) {
                self.set(until, is_lax);
            }
            fn lower(&self, until: u64, is_lax: bool) {
                self.lower(until, is_lax);
            }
            fn take(&self) {
                self.take();
            }
            fn is_after(&self, tick: u64) -> bool {
                self.is_after(tick)
            }
            fn is_before(&self, tick: u64) -> bool {
                self.is_before(tick)
            }
        }
    )*};
}

versions!(
    crate::alarm::Alarm,
    crate::mutants::alarm_set_without_fence::Alarm,
    crate::mutants::alarm_asked_without_fence::Alarm,
    crate::mutants::alarm_lies_to_who_asks::Alarm,
    crate::mutants::alarm_watch_without_fence::Alarm,
    crate::mutants::alarm_awake_is_a_watch::Alarm,
    crate::mutants::alarm_late_is_a_watch::Alarm,
);

/// The step that the model repeats, and a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    second_look: bool,
    second_look_at_work: bool,
    /// Timers may wait longer. No mutant: it is of no use to who has put something off.
    is_lax: bool,
}

const TRUE_STEPS: Steps = Steps { second_look: true, second_look_at_work: true, is_lax: false };
const LAX_STEPS: Steps = Steps { is_lax: true, ..TRUE_STEPS };

/// What the monitor is at when somebody else fires a timer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finds {
    /// About to look at what is queued.
    Awake,
    /// Behind that.
    Asleep,
}

struct Place<A> {
    gate: Gate,
    alarm: A,
    /// Timers that were set and not served.
    set: AtomicU64,
    /// Tasks that are queued.
    queued: AtomicU64,
    steps: Steps,
}

impl<A: Alarm> Place<A> {
    fn new(steps: Steps) -> Arc<Self> {
        Arc::new(Place {
            gate: Gate::new(),
            alarm: A::new(),
            set: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            steps,
        })
    }

    fn next(&self) -> u64 {
        // ORDERING: Relaxed, the weakest look.
        if self.set.load(Ordering::Relaxed) > 0 { TICK } else { NEVER }
    }

    /// Until the timer that is `due`, or without one for as long as this.
    fn sleep(&self, due: u64, without: Option<Duration>) {
        let limit = if due == NEVER {
            without
        } else {
            self.alarm.lower(due, self.steps.is_lax);
            Some(NAP)
        };
        self.gate.sleep(limit);
        self.alarm.take();
        self.gate.open();
    }

    /// As `monitor::main` with `Timers::set_alarm`, until so many were served.
    fn monitor(&self, mut timers: u64) {
        loop {
            // ORDERING: Relaxed, as above.
            timers -= self.set.swap(0, Ordering::Relaxed);
            if timers == 0 {
                return;
            }
            self.alarm.set(NEVER, self.steps.is_lax);
            let due = if self.steps.second_look { self.next() } else { NEVER };
            self.sleep(due, None);
        }
    }

    fn work_waits(&self) -> bool {
        // ORDERING: Relaxed, the weakest look.
        self.queued.load(Ordering::Relaxed) > 0
    }

    /// As `monitor::main` with `Timers::set_alarm`, with all naps behind it, until it has fired the timer or seen whom it
    /// has woken. It begins where the other `finds` it: loom lets nobody miss a change twice with a turn of others in
    /// between, so the looks before are left out.
    fn watch(&self, finds: Finds) {
        let mut round = 0;
        loop {
            round += 1;
            // ORDERING: Relaxed, as above.
            if round > 1 && (self.set.swap(0, Ordering::Relaxed) > 0 || self.work_waits()) {
                return;
            }
            let closed = self.gate.close();
            let looks = round > 1 || finds == Finds::Awake;
            if looks && self.steps.second_look_at_work && self.work_waits() {
                self.gate.open();
                continue;
            }
            self.alarm.set(NEVER, self.steps.is_lax);
            let due = self.next();
            self.sleep(due, (!closed).then_some(NAP));
        }
    }

    /// As `worker::put_off::tells`, by one who fires the timer.
    fn fire(&self) {
        // ORDERING: Relaxed, as above.
        if self.set.swap(0, Ordering::Relaxed) == 0 {
            return;
        }
        // ORDERING: Release, as a queue's push.
        self.queued.store(1, Ordering::Release);
        if self.alarm.is_before(TICK) {
            self.gate.set_both();
        } else {
            // Another is called, who looks, in place of the monitor here.
            self.gate.ring();
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
        let place = Place::<A>::new(steps);
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

fn fired<A: Alarm>(steps: Steps, finds: Finds) {
    explore(WATCH, 3, move || {
        let place = Place::<A>::new(steps);
        // ORDERING: Relaxed, before there are others.
        place.set.store(1, Ordering::Relaxed);
        let keeper = {
            let place = place.clone();
            spawn(move || place.fire())
        };
        place.watch(finds);
        join(vec![keeper]);
    });
}

#[test]
fn what_is_put_off_is_seen() {
    fired::<crate::alarm::Alarm>(TRUE_STEPS, Finds::Awake);
    fired::<crate::alarm::Alarm>(TRUE_STEPS, Finds::Asleep);
    fired::<crate::alarm::Alarm>(LAX_STEPS, Finds::Awake);
    fired::<crate::alarm::Alarm>(LAX_STEPS, Finds::Asleep);
}

#[test]
fn a_timer_is_served() {
    setters::<crate::alarm::Alarm>(1, TRUE_STEPS);
    setters::<crate::alarm::Alarm>(1, LAX_STEPS);
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
        setters::<crate::alarm::Alarm>(1, Steps { second_look: false, ..TRUE_STEPS });
    no_second_look_at_timers_that_may_wait:
        setters::<crate::alarm::Alarm>(1, Steps { second_look: false, ..LAX_STEPS });
    alarm_set_without_fence:
        setters::<crate::mutants::alarm_set_without_fence::Alarm>(1, TRUE_STEPS);
    alarm_asked_without_fence:
        setters::<crate::mutants::alarm_asked_without_fence::Alarm>(1, TRUE_STEPS);
    alarm_lies_to_who_asks:
        setters::<crate::mutants::alarm_lies_to_who_asks::Alarm>(1, TRUE_STEPS);
}

macro_rules! sleeps {
    ($($mutant:ident: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = "timers: the monitor sleeps while work waits that nobody was told of")]
        fn $mutant() {
            $run;
        }
    )*};
}

sleeps! {
    no_second_look_at_what_is_put_off: fired::<crate::alarm::Alarm>(
        Steps { second_look_at_work: false, ..TRUE_STEPS }, Finds::Asleep);
    alarm_watch_without_fence:
        fired::<crate::mutants::alarm_watch_without_fence::Alarm>(TRUE_STEPS, Finds::Asleep);
    alarm_awake_is_a_watch:
        fired::<crate::mutants::alarm_awake_is_a_watch::Alarm>(TRUE_STEPS, Finds::Awake);
    alarm_late_is_a_watch:
        fired::<crate::mutants::alarm_late_is_a_watch::Alarm>(TRUE_STEPS, Finds::Awake);
}
