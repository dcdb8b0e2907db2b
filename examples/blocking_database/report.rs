//! What a run prints: the pace of the computing tasks in each trial, and what the queries cost.

use crate::table::{count, table};
use crate::time::time;
use crate::trial::Trial;
use sortie::Snapshot;
use std::io::{self, Write};

/// Prints everything.
pub(crate) fn write(
    out: &mut impl Write,
    trials: &[(&str, Trial)],
    snapshot: &Snapshot,
) -> io::Result<()> {
    writeln!(out, "{}\n", paces(trials))?;
    writeln!(out, "The announced calls, as the runtime wrote them down:\n")?;
    writeln!(out, "{}\n", targets(snapshot))?;
    writeln!(out, "carriers used: {}", snapshot.carriers_started)?;
    writeln!(out, "retakes: {}", count(snapshot.retakes))?;
    let right: u32 = trials.iter().map(|(_, trial)| trial.right).sum();
    let wrong: usize = trials.iter().map(|(_, trial)| trial.wrong.len()).sum();
    match wrong {
        0 => writeln!(out, "tasks that query: {right} right, none wrong"),
        wrong => writeln!(out, "tasks that query: {right} right, {wrong} WRONG"),
    }
}

fn paces(trials: &[(&str, Trial)]) -> comfy_table::Table {
    let heads = ["", "took", "computed", "pace", "longest stall", "tasks right"];
    let mut table = table(&heads, 1);
    let pace = |trial: &Trial| trial.pace.pieces as f64 / trial.took.as_secs_f64();
    let alone = trials.first().map_or(0.0, |(_, trial)| pace(trial));
    for (title, trial) in trials {
        table.add_row([
            (*title).to_owned(),
            time(trial.took),
            count(trial.pace.pieces),
            format!("{:.0} %", 100.0 * pace(trial) / alone),
            time(trial.pace.longest_stall),
            count(trial.right.into()),
        ]);
    }
    table
}

fn targets(snapshot: &Snapshot) -> comfy_table::Table {
    let mut table = table(&["target", "calls", "mean", "longest", "taken back"], 1);
    for row in &snapshot.targets {
        table.add_row([
            row.symbol.clone().unwrap_or_else(|| "?".into()),
            count(row.calls),
            time(row.mean()),
            time(row.longest),
            count(row.retakes),
        ]);
    }
    table
}
