//! Sortie: the call is announced, and that is all that the program says of it.
//!
//! A runtime learns of targets, not of addresses, so a target that was made just now is a function that
//! the process has never called. No class is pinned: each row is what was learned.

use crate::calls::Bell;
use crate::contender::{Contender, Crowd, Kind, Spare, Trial};
use crate::round::{PRIMED, PRIMERS, Round, Sample, Setup};
use sortie::native::{self, Target};
use sortie::{BuildError, Runtime, ShutdownReport, Snapshot};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

static LONG: Target = Target::named("poll, always long");
static BURNING: Target = Target::named("qsort");
/// Calls between the trials, after which a spare is hot.
static BETWEEN: Target = Target::named("poll, between trials");

/// How often a target was short before it turns long.
const SHORT_CALLS: u32 = 10_000;

/// How often a target was long before it is long.
const LONG_CALLS: u32 = 64;

pub(crate) struct Sortie {
    runtime: Runtime,
    workers: usize,
    setup: Arc<Setup>,
    /// One for each trial. They stay as long as the runtime, which knows them by their places.
    targets: Mutex<Vec<Arc<Target>>>,
}

impl Sortie {
    pub(crate) fn start(workers: usize, setup: &Arc<Setup>) -> Result<Sortie, BuildError> {
        let builder = Runtime::builder().workers(workers).thread_name("stall");
        // SAFETY: the tasks of this program are those of this file. Over their suspension points (joins,
        // returns from native calls) their frames hold numbers, `Arc`s and handles of tasks, all of them
        // `Send`: no reference into a thread-local, no entered span. The lock of a round is taken and
        // given back within one native call.
        let runtime = unsafe { builder.migrating() }.build()?;
        let contender =
            Sortie { runtime, workers, setup: setup.clone(), targets: Mutex::default() };
        let setup = setup.clone();
        contender.runtime.run(move || {
            for target in [&LONG, &BETWEEN] {
                (0..LONG_CALLS).for_each(|_| call(target, &Arc::new(Round::blocking(&setup))));
            }
        });
        Ok(contender)
    }

    /// Ends the runtime: what it has written down, and what it says of its end.
    pub(crate) fn end(self) -> (Snapshot, ShutdownReport) {
        (self.runtime.snapshot(), self.runtime.shutdown(Duration::from_secs(5)))
    }

    /// A function that this process has never called.
    fn fresh(&self, name: &'static str) -> Arc<Target> {
        let target = Arc::new(Target::named(name));
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
        target
    }
}

impl Contender for Sortie {
    fn name(&self) -> &'static str {
        "Sortie"
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Unknown, Kind::TurnsLong, Kind::TurnedLong, Kind::Long, Kind::Burning]
    }

    fn spares(&self) -> &'static [Spare] {
        &[Spare::Hot, Spare::Parked]
    }

    fn prepare(&self, kind: Kind, spare: Spare) -> Trial<'_> {
        let setup = self.setup.clone();
        let target = match kind {
            Kind::Unknown => Some(self.fresh("poll, unknown")),
            Kind::TurnsLong | Kind::TurnedLong => {
                let target = self.fresh("poll, turns long");
                let (learned, setup) = (target.clone(), setup.clone());
                self.runtime.run(move || {
                    call_short(&learned);
                    if kind == Kind::TurnedLong {
                        call(&learned, &Arc::new(Round::blocking(&setup)));
                    }
                });
                Some(target)
            }
            Kind::Long | Kind::Burning | Kind::Any => None,
        };
        Box::new(move || {
            let _crowd = Crowd::gather(self.workers - 1, |crowd| {
                drop(self.runtime.spawn(move || crowd.occupy()));
            });
            self.runtime.run(move || match (target, kind) {
                (Some(target), _) => trial(&target, Round::blocking(&setup), spare, &setup),
                (None, Kind::Burning) => trial(&BURNING, Round::burning(&setup), spare, &setup),
                (None, _) => trial(&LONG, Round::blocking(&setup), spare, &setup),
            })
        })
    }
}

fn trial(target: &Target, round: Round, spare: Spare, setup: &Setup) -> Sample {
    let round = Arc::new(round);
    let free = (spare == Spare::Hot).then(|| {
        let mut primers = 0;
        loop {
            let primer = Arc::new(Round::blocking(setup));
            let before = this_thread();
            call(&BETWEEN, &primer);
            primers += 1;
            // A task that finds no worker when it is back goes on elsewhere, and its thread is the spare.
            let is_moved = this_thread() != before;
            let free = if is_moved { primer.returned() } else { primer.next_ended() };
            if free.elapsed() < PRIMED || primers == PRIMERS {
                return free;
            }
        }
    });
    call(target, &round);
    round.sample(free)
}

/// The thread that the task is on now. Not from thread-local storage: a task may find that of the thread before.
fn this_thread() -> libc::pid_t {
    // SAFETY: has no conditions.
    unsafe { libc::gettid() }
}

/// A native call with a task behind it.
fn call(target: &Target, round: &Arc<Round>) {
    let next = round.clone();
    let next = sortie::spawn(move || next.next_task());
    round.leave();
    native::call_here(target, || round.call());
    next.join().expect("the next task does not panic");
}

/// Many calls of the same function, each of which finds its bell rung.
fn call_short(target: &Target) {
    let bell = Bell::new();
    bell.ring();
    for turn in 0..SHORT_CALLS {
        if turn.is_multiple_of(1_000) {
            // A task that does not switch for 10 ms gets another beside it, who would run what is next.
            sortie::yield_now();
        }
        assert!(native::call_here(target, || bell.poll(Duration::ZERO)), "the bell was rung");
    }
}
