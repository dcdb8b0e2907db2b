//! One query that lasts, and a heartbeat beside it.
//!
//! SQLite counts up, within one step of one statement: it computes all the time, and nothing comes back
//! to Rust before the end. The runtime is told nothing but that the call is made. The heartbeat is a
//! task as any other.

use crate::database;
use crate::heartbeat::{Heartbeat, Pulse};
use std::time::{Duration, Instant};

/// How long the heartbeat beats before a query begins.
const BEFORE: Duration = Duration::from_millis(20);

/// After so many calls a function is learned, whatever it is like.
const LEARNED: u32 = 64;

/// What the heartbeat's p99 should stay below while a query goes on.
pub(crate) const GOAL: Duration = Duration::from_millis(2);

/// How it went.
pub(crate) struct Lasted {
    /// How long the call lasted.
    pub(crate) took: Duration,
    /// The heartbeat meanwhile, and that of a plain thread.
    pub(crate) pulse: Pulse,
    pub(crate) thread_pulse: Pulse,
    /// What was wrong with the query.
    pub(crate) wrong: Option<String>,
}

/// Makes a query that lasts for `wanted`. To be run as a task.
pub(crate) fn ask(wanted: Duration) -> Result<Lasted, sortie::JoinError> {
    let heartbeat = Heartbeat::start();
    sortie::sleep(BEFORE);
    let query = sortie::task::Builder::new().name("long query").spawn(move || {
        let start = Instant::now();
        let counted = database::count_for(wanted);
        (start, Instant::now(), counted)
    });
    let query = query.join();
    let (beats, thread_beats) = heartbeat.stop();
    let (start, end, counted) = query?;
    let took = end - start;
    let wrong = match counted {
        Ok(()) if took >= wanted => None,
        end => Some(format!("a query of {wanted:?} ended after {took:?}: {end:?}")),
    };
    Ok(Lasted {
        took,
        pulse: beats.between(start, end),
        thread_pulse: thread_beats.between(start, end),
        wrong,
    })
}

/// Makes short queries of the same kind, so that the runtime learns what they are like. To be run as a
/// task.
pub(crate) fn teach() -> Result<(), String> {
    // A millisecond or so, all of it computing.
    let up_to = 10_000;
    let expected = i64::from(up_to) * (i64::from(up_to) + 1) / 2;
    (0..LEARNED).try_for_each(|_| match database::sum(up_to) {
        Ok(found) if found == expected => Ok(()),
        found => Err(format!("the sum up to {up_to} is {found:?}, expected {expected}")),
    })
}

impl Lasted {
    pub(crate) fn is_goal_met(&self) -> bool {
        self.pulse.percentile(99) < GOAL
    }
}
