//! What a run prints: the waits, the goals, and what Sortie has written down of its targets.

use crate::figures::{Figures, Goal};
use crate::ledger::Ledger;
use crate::table::{count, table};
use crate::time::time;
use serde_json::{Value, json};
use sortie::Snapshot;
use std::fmt;
use std::time::Duration;

/// All that is told of a run.
pub(crate) struct Report {
    pub(crate) rows: Vec<Figures>,
    pub(crate) snapshot: Snapshot,
}

impl Report {
    /// Rows whose goal was missed.
    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.met() == Some(false)).count()
    }

    /// Everything as data.
    pub(crate) fn json(&self) -> Value {
        json!({
            "workers": self.snapshot.workers,
            "rows": self.rows.iter().map(row_json).collect::<Vec<_>>(),
            "missed": self.missed(),
            "targets": Ledger(&self.snapshot).json(),
            "carriers": self.snapshot.carriers_started,
            "retakes": self.snapshot.retakes,
            "hand_offs": self.snapshot.hand_offs,
        })
    }

    fn waits_table(&self) -> comfy_table::Table {
        let heads = ["runtime", "the call", "spare", "goal", "", "trials", "p50", "p99", "max"];
        let mut table = table(&heads, 5);
        for row in &self.rows {
            table.add_row([
                row.runtime.to_owned(),
                row.kind.label().to_owned(),
                row.spare.label().to_owned(),
                row.goal().map(|goal| goal.to_string()).unwrap_or_default(),
                row.met().map(verdict).unwrap_or_default().to_owned(),
                count(row.waits.len() as u64),
                time(row.percentile(50)),
                time(row.percentile(99)),
                time(row.max()),
            ]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.snapshot.workers;
        let s = if workers == 1 { "" } else { "s" };
        writeln!(
            f,
            "What the next task waits when a native call keeps the thread; {workers} worker{s}\n"
        )?;
        writeln!(f, "{}\n", self.waits_table())?;
        let left_out: u32 = self.rows.iter().map(|row| row.left_out).sum();
        writeln!(f, "trials left out, for the spare was not hot: {left_out}")?;
        for row in self.rows.iter().filter(|row| row.not_hot > 0) {
            writeln!(
                f,
                "{}, {}: {} of {} trials had no hot spare",
                row.runtime,
                row.kind.label(),
                row.not_hot,
                row.waits.len(),
            )?;
        }
        let goals = self.rows.iter().filter_map(Figures::met).count();
        writeln!(f, "goals: {} met, {} missed\n", goals - self.missed(), self.missed())?;
        writeln!(f, "Sortie's calls, as the runtime wrote them down:\n")?;
        write!(f, "{}", Ledger(&self.snapshot))
    }
}

fn row_json(row: &Figures) -> Value {
    let all = |times: &[Duration]| times.iter().map(|time| ns(*time)).collect::<Vec<_>>();
    let goal = row.goal().map(|goal| match goal {
        Goal::Usual { p50, p99 } => json!({ "p50_ns": ns(p50), "p99_ns": ns(p99) }),
        Goal::Always(limit) => json!({ "below_ns": ns(limit) }),
    });
    json!({
        "runtime": row.runtime,
        "call": row.kind.label(),
        "spare": row.spare.label(),
        "trials": row.waits.len(),
        "p50_ns": ns(row.percentile(50)),
        "p99_ns": ns(row.percentile(99)),
        "max_ns": ns(row.max()),
        "goal": goal,
        "met": row.met(),
        "waits_ns": all(&row.waits),
        "spare_free_ns": all(&row.spare_free),
        "left_out": row.left_out,
        "not_hot": row.not_hot,
    })
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
