//! `sortie bench`: measures workloads, and writes a table and a file of figures.
//!
//! - `options`: the command line. `case`: what one child process is to measure.
//! - `workload`: what a workload is, and the list of all. `workloads`: one a file.
//! - `peers`: how other projects' runtimes do the same, a peer a file.
//! - `runner`: warm-up, runs, median, spread; in the child. `pin`: which CPUs the child may use.
//! - `child`: starts the child, listens to it, ends it in time.
//! - `report`: the row of a case, the table, the file.
//!
//! Each case (workload, peer, workers) has a fresh process, so that none inherits the heap, the
//! threads or the stacks of another, and one that crashes or hangs is a row that says so.

mod case;
mod child;
mod options;
mod peers;
mod pin;
mod report;
mod runner;
mod workload;
mod workloads;

pub(crate) use options::Options;

use case::Case;
use indicatif::{ProgressBar, ProgressStyle};
use report::Row;
use std::process::ExitCode;
use std::time::Duration;
use workload::Workload;

/// Runs the command. Fails if a row failed, or the file could not be written.
pub(crate) fn main(options: &Options) -> ExitCode {
    if options.list {
        print!("{}", report::catalogue(workload::ALL));
        return ExitCode::SUCCESS;
    }
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build, its figures mean nothing: build with `--release`");
    }
    let rows = measure_all(&options.cases(), options.timeout);
    println!("{}", report::table(&rows));
    if let Some(path) = &options.json
        && let Err(error) = report::write(path, &rows)
    {
        eprintln!("error: the figures are not in {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    let failed = rows.iter().filter(|row| row.has_failed()).count();
    if failed > 0 {
        eprintln!("error: {failed} of {} cases failed", rows.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The whole of a child process: measures its case and tells the parent.
pub(crate) fn child_main(case: &str) -> ExitCode {
    child::main(case)
}

fn measure_all(cases: &[Case], limit: Duration) -> Vec<Row> {
    let steps = cases.iter().map(|case| u64::from(case.runs)).sum();
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(steps);
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos:>3}/{len} runs  {elapsed}  {msg}")
            .expect("the template is well-formed"),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut done = 0;
    let rows = cases
        .iter()
        .map(|case| {
            bar.set_message(case.to_string());
            let row = child::measure(case, limit, |_| bar.inc(1));
            done += u64::from(case.runs);
            bar.set_position(done);
            row
        })
        .collect();
    bar.finish_and_clear();
    rows
}
