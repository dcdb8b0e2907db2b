//! What a run prints: a table and a few lines, or the same as data.

use crate::Options;
use crate::heartbeat::{Beats, Pulse};
use crate::ledger::Ledger;
use crate::table::count;
use crate::time::time;
use crate::work::{Outcome, Plan};
use serde_json::{Value, json};
use sortie::Snapshot;
use std::fmt;
use std::time::Duration;

/// The time in which the heartbeat's ticks are counted.
const WINDOW: Duration = Duration::from_millis(50);

/// Below this the heartbeat's worst gap should stay while tasks are in `nanosleep`.
const GOAL: Duration = Duration::from_millis(5);

/// All that is told of a run.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) plan: Plan,
    /// Why zlib was left out, if it was.
    pub(crate) zlib_missing: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) snapshot: Snapshot,
}

impl Report<'_> {
    fn mode(&self) -> &'static str {
        if self.options.safe { "pinned" } else { "migrating" }
    }

    /// How a heartbeat went while tasks were in `nanosleep`.
    fn in_nanosleep(&self, beats: &Beats) -> Pulse {
        beats.between(self.outcome.sleep_start, self.outcome.sleep_end)
    }

    /// How a heartbeat went among the short calls.
    fn in_short_calls(&self, beats: &Beats) -> Pulse {
        beats.between(self.outcome.start, self.outcome.sleep_start)
    }

    fn ticks(&self) -> usize {
        self.outcome.beats.between(self.outcome.start, self.outcome.sleep_end).ticks()
    }

    fn ticks_in_window(&self) -> usize {
        let start = self.outcome.sleep_start;
        self.outcome.beats.between(start, start + WINDOW).ticks()
    }

    /// Nothing if nobody slept.
    fn is_goal_met(&self) -> Option<bool> {
        let is_met = self.in_nanosleep(&self.outcome.beats).worst_gap() < GOAL;
        (self.plan.sleepers > 0).then_some(is_met)
    }

    fn sleep_took(&self) -> Duration {
        self.outcome.sleep_end - self.outcome.sleep_start
    }

    /// Everything as data.
    pub(crate) fn json(&self) -> Value {
        let Outcome { beats, thread_beats, .. } = &self.outcome;
        json!({
            "workers": self.snapshot.workers,
            "mode": self.mode(),
            "zlib_missing": self.zlib_missing,
            "targets": Ledger(&self.snapshot).json(),
            "heartbeat": {
                "worst_gap_ms": ms(self.in_nanosleep(beats).worst_gap()),
                "p99_gap_ms": ms(self.in_nanosleep(beats).percentile(99)),
                "worst_gap_in_short_calls_ms": ms(self.in_short_calls(beats).worst_gap()),
                "ticks": self.ticks(),
                "ticks_in_first_50_ms_of_nanosleep": self.ticks_in_window(),
                "goal_ms": ms(GOAL),
                "met": self.is_goal_met(),
            },
            "plain_thread": {
                "worst_gap_ms": ms(self.in_nanosleep(thread_beats).worst_gap()),
                "p99_gap_ms": ms(self.in_nanosleep(thread_beats).percentile(99)),
                "worst_gap_in_short_calls_ms": ms(self.in_short_calls(thread_beats).worst_gap()),
            },
            "nanosleep": {
                "tasks": self.plan.sleepers,
                "each_ms": ms(self.plan.sleep),
                "all_ms": ms(self.sleep_took()),
            },
            "carriers": self.snapshot.carriers_started,
            "retakes": self.snapshot.retakes,
            "hand_offs": self.snapshot.hand_offs,
            "values": { "right": self.outcome.right, "wrong": self.outcome.wrong },
        })
    }
}

fn ms(duration: Duration) -> f64 {
    // To the microsecond: what lies below is noise.
    duration.as_micros() as f64 / 1e3
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { plan, outcome, snapshot, .. } = self;
        writeln!(
            f,
            "{} worker{}, {} tasks: {} tasks make short calls, {} sit in nanosleep for {}",
            snapshot.workers,
            if snapshot.workers == 1 { "" } else { "s" },
            self.mode(),
            plan.callers,
            plan.sleepers,
            time(plan.sleep),
        )?;
        if let Some(error) = &self.zlib_missing {
            writeln!(f, "\nwithout crc32, for zlib is not here: {error}")?;
        }
        writeln!(f, "\n{}\n", Ledger(snapshot))?;

        let Outcome { beats, thread_beats, .. } = outcome;
        writeln!(
            f,
            "heartbeat worst gap: {:.2} ms; goal: below {}, {}",
            ms(self.in_nanosleep(beats).worst_gap()),
            time(GOAL),
            match self.is_goal_met() {
                Some(true) => "met",
                Some(false) => "missed",
                None => "not measured, for nobody sleeps",
            },
        )?;
        writeln!(
            f,
            "    a plain thread beside it: {:.2} ms",
            ms(self.in_nanosleep(thread_beats).worst_gap()),
        )?;
        writeln!(
            f,
            "    among the short calls: {:.2} ms; the thread: {:.2} ms",
            ms(self.in_short_calls(beats).worst_gap()),
            ms(self.in_short_calls(thread_beats).worst_gap()),
        )?;
        writeln!(
            f,
            "heartbeat ticks: {}, {} of them in the first 50 ms of nanosleep",
            count(self.ticks() as u64),
            self.ticks_in_window(),
        )?;
        writeln!(
            f,
            "nanosleep: {} x {} took {} together",
            plan.sleepers,
            time(plan.sleep),
            time(self.sleep_took()),
        )?;
        write!(f, "values: {} right", count(outcome.right))?;
        match outcome.wrong.len() {
            0 => write!(f, ", none wrong"),
            wrong => write!(f, ", {} WRONG", count(wrong as u64)),
        }
    }
}
