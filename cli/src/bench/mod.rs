//! `sortie bench`: measures workloads, and writes a table and a file of figures.
//!
//! - `options`: the command line. `plan`: what is measured beside what. `estimate`: how long that takes. `case`:
//!   what one child process is to measure.
//! - `workload`: what a workload is, and the list of all. `workloads`: one a file.
//! - `peers`: how other projects' runtimes do the same, a peer a file.
//! - `child`: starts the process of one run, listens to it, ends it in time. `runner`: what that does, warm-up
//!   and run. `pin`: which processors it may use.
//! - `series`: the runs of a case, and the medians that they come to.
//! - `report`: the row of a case, the table, the file. `document`: the page and its plots.
//!
//! Each run of a case (workload, peer, workers) has a fresh process, so that none inherits the heap, the
//! threads or the stacks of another, and one that crashes or hangs is a row that says so. Those who do the
//! same work take turns, A B A B, so that all meet the same noise.

mod case;
mod child;
mod document;
mod estimate;
mod options;
mod peers;
mod pin;
mod plan;
mod report;
mod runner;
mod series;
mod workload;
mod workloads;

pub(crate) use options::Options;

use crate::output;
use case::Peer;
use indicatif::{ProgressBar, ProgressStyle};
use plan::Group;
use report::Row;
use series::Series;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs the command. Fails if a row failed, or the file could not be written.
pub(crate) fn main(options: &Options) -> ExitCode {
    if options.list {
        return output::code(output::print(report::catalogue(workload::ALL).trim_end()));
    }
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build, its figures mean nothing: build with `--release`");
    }
    let (rows, took) = match rows(options) {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut is_printed = output::print(report::table(&rows));
    if let Some(path) = &options.json
        && let Err(error) = report::write(path, &rows)
    {
        eprintln!("error: the figures are not in {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if let Some(directory) = &options.report {
        match document::write(directory, &rows, &asked(), took) {
            Ok(page) => {
                is_printed &= output::print(format_args!("the report is {}", page.display()));
            }
            Err(error) => {
                eprintln!("error: the report is not complete: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    // That another project's runtime cannot do it is a result.
    let failed = rows.iter().filter(|row| row.has_failed() && row.peer == Peer::Sortie).count();
    if failed > 0 {
        eprintln!("error: {failed} of {} cases failed", rows.len());
        return ExitCode::FAILURE;
    }
    output::code(is_printed)
}

/// Measured, and how long that took; or read. What cannot be had leaves no files behind.
fn rows(options: &Options) -> Result<(Vec<Row>, Option<Duration>), String> {
    if let Some(path) = &options.from {
        let rows = report::read(path).map_err(|error| {
            format!("{}: {error}; expected a file that `--json` has written", path.display())
        })?;
        options.check_outputs()?;
        return Ok((rows, None));
    }
    let groups = options.groups()?;
    // Before it measures for half an hour.
    options.check_outputs()?;
    let start = Instant::now();
    let runs: usize = groups.iter().map(|it| it.cases.len() * it.runs as usize).sum();
    let about = options.part().map(|part| estimate::text(estimate::of(&groups, part)));
    let about = about.map_or(String::new(), |it| format!(": about {it}"));
    eprintln!("{runs} runs, each in a process of its own{about}");
    let rows = measure_all(groups, options.timeout);
    let took = start.elapsed();
    eprintln!("measured in {}", estimate::text(took));
    Ok((rows, Some(took)))
}

/// The command that is running, as one would type it for the same page: where else the rows go, `--json FILE`, is
/// nothing to it.
fn asked() -> String {
    let mut words = vec!["sortie".to_owned()];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--json" {
            arguments.next();
        } else if !argument.starts_with("--json=") {
            words.push(argument);
        }
    }
    words.join(" ")
}

/// The whole of a child process: measures its case and tells the parent.
pub(crate) fn child_main(case: &str) -> ExitCode {
    child::main(case)
}

/// The same for a child of that child, whose stack is to overflow.
pub(crate) fn guard_main(case: &str) -> ExitCode {
    workloads::guards::main(case)
}

fn measure_all(groups: Vec<Group>, limit: Duration) -> Vec<Row> {
    let steps = groups.iter().map(|it| u64::from(it.runs) * it.cases.len() as u64).sum();
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(steps);
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos:>4}/{len} runs  {elapsed} (+{eta})  {msg}")
            .expect("the template is well-formed"),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    let rows = groups.into_iter().flat_map(|group| measure(group, limit, &bar)).collect();
    bar.finish_and_clear();
    rows
}

/// Measures those who do the same work, in turn.
fn measure(group: Group, limit: Duration, bar: &ProgressBar) -> Vec<Row> {
    let mut all: Vec<Series> = group.cases.into_iter().map(Series::new).collect();
    for _ in 0..group.runs {
        for series in &mut all {
            if !series.is_broken() {
                bar.set_message(series.case().to_string());
                series.add(child::measure(series.case(), limit));
            }
            bar.inc(1);
        }
    }
    all.iter().map(Series::row).collect()
}
