//! What a run prints: what each stage did with its time, and what came out.

use crate::plural::several;
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
            "{}, {}, {} compressed, in {}, on {} and {}",
            several(outcome.files, "file"),
            several(outcome.bytes, "byte"),
            count(outcome.packed),
            time(outcome.took),
            several(snapshot.workers as u64, "worker"),
            several(snapshot.carriers_started, "thread"),
        )?;
        match outcome.aborted {
            0 => write!(f, "no task was aborted"),
            1 => write!(f, "1 task was aborted"),
            aborted => write!(f, "{aborted} tasks were aborted"),
        }
    }
}
