//! What a run prints: a table and a few lines, or the same as data.

use crate::Options;
use crate::heartbeat::Beats;
use crate::table::{count, table};
use crate::time::time;
use crate::work::{Outcome, Plan};
use serde_json::{Value, json};
use sortie::{Snapshot, TargetRow};
use std::fmt;
use std::time::Duration;

/// The time in which the heartbeat's ticks are counted.
const WINDOW: Duration = Duration::from_millis(50);

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

    fn ticks_in_window(&self) -> usize {
        let outcome = &self.outcome;
        outcome.beats.ticks_within(outcome.sleep_start, WINDOW)
    }

    /// The worst gap of `beats` while tasks were in `nanosleep`.
    fn gap_in_nanosleep(&self, beats: &Beats) -> Duration {
        beats.worst_gap(self.outcome.sleep_start, self.outcome.sleep_end)
    }

    /// The worst gap of `beats` among the short calls.
    fn gap_in_short_calls(&self, beats: &Beats) -> Duration {
        beats.worst_gap(self.outcome.start, self.outcome.sleep_start)
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
            "targets": self.snapshot.targets.iter().map(row_json).collect::<Vec<_>>(),
            "heartbeat": {
                "worst_gap_ms": ms(self.gap_in_nanosleep(beats)),
                "worst_gap_in_short_calls_ms": ms(self.gap_in_short_calls(beats)),
                "ticks": beats.ticks(),
                "ticks_in_first_50_ms_of_nanosleep": self.ticks_in_window(),
            },
            "plain_thread": {
                "worst_gap_ms": ms(self.gap_in_nanosleep(thread_beats)),
                "worst_gap_in_short_calls_ms": ms(self.gap_in_short_calls(thread_beats)),
            },
            "nanosleep": {
                "tasks": self.plan.sleepers,
                "each_ms": ms(self.plan.sleep),
                "all_ms": ms(self.sleep_took()),
            },
            "carriers": self.snapshot.carriers_started,
            "retakes": self.snapshot.retakes,
            "values": { "right": self.outcome.right, "wrong": self.outcome.wrong },
        })
    }
}

fn row_json(row: &TargetRow) -> Value {
    json!({
        "library": row.library,
        "symbol": row.symbol,
        "address": format!("{:#x}", row.address),
        "calls": row.calls,
        "mean_ns": row.mean().as_nanos() as u64,
        "longest_ns": row.longest.as_nanos() as u64,
        "retakes": row.retakes,
        "callbacks": row.callbacks,
    })
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
            "{} workers, {} tasks: {} tasks make short calls, {} sit in nanosleep for {}",
            snapshot.workers,
            self.mode(),
            plan.callers,
            plan.sleepers,
            time(plan.sleep),
        )?;
        if let Some(error) = &self.zlib_missing {
            writeln!(f, "\nwithout crc32, for zlib is not here: {error}")?;
        }
        writeln!(f, "\n{}\n", self.table())?;

        let Outcome { beats, thread_beats, .. } = outcome;
        writeln!(f, "heartbeat worst gap: {:.2} ms", ms(self.gap_in_nanosleep(beats)))?;
        writeln!(
            f,
            "    a plain thread beside it: {:.2} ms",
            ms(self.gap_in_nanosleep(thread_beats)),
        )?;
        writeln!(
            f,
            "    among the short calls: {:.2} ms; the thread: {:.2} ms",
            ms(self.gap_in_short_calls(beats)),
            ms(self.gap_in_short_calls(thread_beats)),
        )?;
        writeln!(
            f,
            "heartbeat ticks: {}, {} of them in the first 50 ms of nanosleep",
            count(beats.ticks() as u64),
            self.ticks_in_window(),
        )?;
        writeln!(
            f,
            "nanosleep: {} x {} took {} together",
            plan.sleepers,
            time(plan.sleep),
            time(self.sleep_took()),
        )?;
        writeln!(f, "carriers used: {}", snapshot.carriers_started)?;
        writeln!(f, "retakes: {}", count(snapshot.retakes))?;
        write!(f, "values: {} right", count(outcome.right))?;
        match outcome.wrong.len() {
            0 => write!(f, ", none wrong"),
            wrong => write!(f, ", {} WRONG", count(wrong as u64)),
        }
    }
}

impl Report<'_> {
    fn table(&self) -> comfy_table::Table {
        let heads =
            ["library", "symbol", "address", "calls", "mean", "longest", "taken back", "callbacks"];
        let mut table = table(&heads, 3);
        for row in &self.snapshot.targets {
            table.add_row([
                row.library.clone().unwrap_or_else(|| "?".into()),
                row.symbol.clone().unwrap_or_else(|| "?".into()),
                format!("{:#x}", row.address),
                count(row.calls),
                time(row.mean()),
                time(row.longest),
                count(row.retakes),
                count(row.callbacks),
            ]);
        }
        table
    }
}
