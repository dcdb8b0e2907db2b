//! What a run prints: how the heartbeat went beside a long query, the pace of the computing tasks in each
//! trial, and what the queries cost; or the same as data.

use crate::Options;
use crate::ledger::Ledger;
use crate::query::{GOAL, Lasted};
use crate::table::{count, table};
use crate::time::time;
use crate::trial::{Plan, Trial};
use serde_json::{Value, json};
use sortie::Snapshot;
use std::fmt;
use std::time::Duration;

/// All that is told of a run.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) plan: Plan,
    /// The long queries.
    pub(crate) lasted: Vec<(&'static str, Lasted)>,
    pub(crate) trials: Vec<(&'static str, Trial)>,
    pub(crate) snapshot: Snapshot,
}

impl Report<'_> {
    fn mode(&self) -> &'static str {
        if self.options.safe { "pinned" } else { "migrating" }
    }

    /// What went wrong.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = &String> {
        let answers = self.lasted.iter().filter_map(|(_, lasted)| lasted.wrong.as_ref());
        answers.chain(self.trials.iter().flat_map(|(_, trial)| &trial.wrong))
    }

    /// Tasks that query and had right results.
    fn right(&self) -> u64 {
        let lasted = self.lasted.iter().filter(|(_, lasted)| lasted.wrong.is_none()).count();
        lasted as u64 + self.trials.iter().map(|(_, trial)| u64::from(trial.right)).sum::<u64>()
    }

    fn goals_missed(&self) -> usize {
        self.lasted.iter().filter(|(_, lasted)| !lasted.is_goal_met()).count()
    }

    fn heartbeat(&self) -> comfy_table::Table {
        let heads =
            ["the query", "took", "ticks", "p50", "p99", "longest", "thread p99", "longest"];
        let mut table = table(&heads, 1);
        for (title, lasted) in self.lasted.iter() {
            table.add_row([
                (*title).to_owned(),
                time(lasted.took),
                count(lasted.pulse.ticks() as u64),
                time(lasted.pulse.percentile(50)),
                time(lasted.pulse.percentile(99)),
                time(lasted.pulse.worst_gap()),
                time(lasted.thread_pulse.percentile(99)),
                time(lasted.thread_pulse.worst_gap()),
            ]);
        }
        table
    }

    fn paces(&self) -> comfy_table::Table {
        let heads = ["", "took", "computed", "pace", "longest stall", "tasks right"];
        let mut table = table(&heads, 1);
        for (title, trial) in &self.trials {
            table.add_row([
                (*title).to_owned(),
                time(trial.took),
                count(trial.pace.pieces),
                format!("{:.0} %", 100.0 * self.pace(trial)),
                time(trial.pace.longest_stall),
                count(trial.right.into()),
            ]);
        }
        table
    }

    /// How fast the computing went: a part of what it was alone.
    fn pace(&self, trial: &Trial) -> f64 {
        let pace = |trial: &Trial| trial.pace.pieces as f64 / trial.took.as_secs_f64();
        self.trials.first().map_or(0.0, |(_, alone)| pace(trial) / pace(alone))
    }

    /// Everything as data.
    pub(crate) fn json(&self) -> Value {
        let lasted = self.lasted.iter().map(|(title, lasted)| {
            json!({
                "query": title,
                "took_ms": ms(lasted.took),
                "ticks": lasted.pulse.ticks(),
                "gap_p50_ms": ms(lasted.pulse.percentile(50)),
                "gap_p99_ms": ms(lasted.pulse.percentile(99)),
                "gap_max_ms": ms(lasted.pulse.worst_gap()),
                "thread_gap_p99_ms": ms(lasted.thread_pulse.percentile(99)),
                "thread_gap_max_ms": ms(lasted.thread_pulse.worst_gap()),
                "goal_p99_ms": ms(GOAL),
                "met": lasted.is_goal_met(),
            })
        });
        let trials = self.trials.iter().map(|(title, trial)| {
            json!({
                "trial": title,
                "took_ms": ms(trial.took),
                "computed": trial.pace.pieces,
                "pace": self.pace(trial),
                "longest_stall_ms": ms(trial.pace.longest_stall),
                "right": trial.right,
            })
        });
        json!({
            "workers": self.snapshot.workers,
            "mode": self.mode(),
            "heartbeat": lasted.collect::<Vec<_>>(),
            "trials": trials.collect::<Vec<_>>(),
            "targets": Ledger(&self.snapshot).json(),
            "carriers": self.snapshot.carriers_started,
            "retakes": self.snapshot.retakes,
            "hand_offs": self.snapshot.hand_offs,
            "right": self.right(),
            "wrong": self.wrong().collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.snapshot.workers;
        let s = if workers == 1 { "" } else { "s" };
        writeln!(f, "{workers} worker{s}, {} tasks\n", self.mode())?;
        if !self.lasted.is_empty() {
            writeln!(
                f,
                "A task makes a query that computes for {}; a heartbeat's gaps meanwhile:\n",
                time(self.options.query)
            )?;
            writeln!(f, "{}\n", self.heartbeat())?;
            writeln!(
                f,
                "goal: p99 below {}: {} met, {} missed\n",
                time(GOAL),
                self.lasted.len() - self.goals_missed(),
                self.goals_missed(),
            )?;
        }
        writeln!(f, "{} tasks compute, {} query:\n", self.plan.computing, self.plan.queries)?;
        writeln!(f, "{}\n", self.paces())?;
        writeln!(f, "The announced calls, as the runtime wrote them down:\n")?;
        writeln!(f, "{}", Ledger(&self.snapshot))?;
        write!(f, "tasks that query: {} right", count(self.right()))?;
        match self.wrong().count() {
            0 => write!(f, ", none wrong"),
            wrong => write!(f, ", {wrong} WRONG"),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    // To the microsecond: what lies below is noise.
    duration.as_micros() as f64 / 1e3
}
