//! What a run prints: what each stage did with its time, and what came out.

use crate::table::{count, table};
use crate::time::time;
use crate::work::Outcome;
use sortie::Snapshot;
use std::fmt;

/// All that is told of a run.
pub(crate) struct Report<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) snapshot: Snapshot,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { outcome, snapshot } = self;
        let heads = ["stage", "tasks", "files", "at work", "for input", "for room"];
        let mut stages = table(&heads, 1);
        for (name, tasks, tally) in &outcome.stages {
            stages.add_row([
                (*name).to_owned(),
                tasks.to_string(),
                count(tally.files),
                time(tally.at_work),
                time(tally.for_input),
                time(tally.for_room),
            ]);
        }
        writeln!(f, "{stages}")?;
        writeln!(
            f,
            "{} files, {} bytes, {} compressed, in {}, on {} workers and {} threads",
            count(outcome.files),
            count(outcome.bytes),
            count(outcome.packed),
            time(outcome.took),
            snapshot.workers,
            snapshot.carriers_started,
        )?;
        match outcome.aborted {
            0 => write!(f, "no task was aborted"),
            aborted => write!(f, "{aborted} tasks were aborted"),
        }
    }
}
