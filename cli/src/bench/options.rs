//! The command line of `sortie bench`, and the cases that it asks for.

use super::case::{Mode, Peer};
use super::document;
use super::peers;
use super::plan::{self, Group, Place, Plan};
use super::workload::{self, Workload};
use crate::number;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::Duration;

const LONG_ABOUT: &str = "\
Measures workloads and prints nanoseconds per operation.

Each workload runs for each number of workers `--runs` times, each time in a fresh process that warms up \
first; those who do the same work (other projects' runtimes, with `--peers`) take turns. The median \
counts; `spread` is (slowest - fastest) / median. A process that crashes or exceeds `--timeout` becomes a \
row without a figure that says why; if it is one of ours, the exit code is 1.

Processors: unless `--no-pin`, the process of a case is bound to as many as it has workers, the \
first ones that this command may use itself: one worker runs on one, together with the \
runtime's monitor; two workers on two. The row's `extra.cpus` names them.

The mode `pinned` means the tasks, not the process: a task that has started stays on its thread, as \
safe code has it. With `--migrating` started tasks may be stolen. Peers do as they always do (`own`); those \
that have no workers (`tokio_ct`, `corosensei`) are measured once.

`--peers --report DIR` is the whole of it: everything, both modes, all peers, with plots, in less than half an \
hour on two processors. How long a command will take is said first.";

/// Measures workloads, each in a process of its own.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, allow_negative_numbers = true)]
pub(crate) struct Options {
    /// What to measure; everything, if nothing is named. `--list` says what each is.
    #[arg(value_name = "WORKLOAD", value_parser = PossibleValuesParser::new(workload::names()))]
    workloads: Vec<String>,

    /// How many workers the runtime has, one row for each number.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1,2",
          value_parser = number::within(1_u16..=1024))]
    workers: Vec<u16>,

    /// How many tasks are at it, one row for each number; for the workloads where that can be chosen.
    #[arg(long, value_name = "N,..", value_delimiter = ',',
          value_parser = number::within(1_u64..=1 << 24))]
    tasks: Vec<u64>,

    /// Measures other projects' runtimes beside ours, all that can do a workload.
    #[arg(long)]
    peers: bool,

    /// Whose runtimes are measured.
    #[arg(long = "peer", value_name = "PEER,..", value_delimiter = ',', conflicts_with = "peers")]
    named: Vec<Peer>,

    /// Lets started tasks be stolen. A report has both.
    #[arg(long)]
    migrating: bool,

    /// How many runs, each in a process of its own.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = number::within(1_u32..=1000))]
    runs: u32,

    /// Operations of a run, as a factor of what the workload does by default.
    #[arg(long, value_name = "F", value_parser = parse_scale, conflicts_with = "ops")]
    scale: Option<f64>,

    /// Operations of a run, rounded up to what the workload can divide. Otherwise what would take longer than
    /// a second is cut short where it is the same again and again: `n` says to what.
    #[arg(long, value_name = "N", value_parser = number::within(1_u64..=1 << 40))]
    ops: Option<u64>,

    /// Binds the process to as many processors as workers. The default.
    #[arg(long, overrides_with = "no_pin")]
    pin: bool,

    /// Lets the process run on all processors.
    #[arg(long, overrides_with = "pin")]
    no_pin: bool,

    /// Seconds after which a run is ended and its case counts as failed.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub(super) timeout: Duration,

    /// Writes the rows to a file, as an array of objects.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Writes a page, BENCHMARKS.md, and plots into a directory; measures what those need beside: both modes,
    /// more tasks, more workers.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,

    /// Measures nothing, and takes the rows from a file that `--json` has written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workloads", "workers", "tasks", "peers", "named",
          "migrating", "runs", "scale", "ops", "pin", "no_pin", "timeout", "json", "list"])]
    pub(super) from: Option<PathBuf>,

    /// Prints the workloads and what each is, and measures nothing.
    #[arg(long)]
    pub(super) list: bool,
}

impl Options {
    /// What is to be measured, in the order asked for.
    ///
    /// # Errors
    /// What was asked for cannot be had, and how it can.
    pub(super) fn groups(&self) -> Result<Vec<Group>, String> {
        if !peers::ARE_BUILT && (self.peers || self.named.iter().any(|it| *it != Peer::Sortie)) {
            return Err("this build measures Sortie alone: build it with `--features peers`".into());
        }
        let mut places = Vec::new();
        for workload in self.chosen() {
            for tasks in self.tasks_of(workload)? {
                for workers in each_once(&self.workers) {
                    places.push(Place { workload, workers: usize::from(workers), tasks });
                }
            }
        }
        let more = if self.report.is_some() { plan::curves(&places) } else { Vec::new() };
        let usual = places.into_iter().map(|place| (place, u32::MAX));
        let plan = self.plan();
        let groups = usual.chain(more).map(|(place, runs)| plan.group(place, runs));
        Ok(groups.filter(|it| !it.cases.is_empty()).collect())
    }

    /// How much of the usual operations are asked for; none if their number is.
    pub(super) fn part(&self) -> Option<f64> {
        if self.ops.is_some() { None } else { Some(self.scale.unwrap_or(1.0)) }
    }

    /// Can be written what is to be written in the end? A new file stays empty until then.
    ///
    /// # Errors
    /// It cannot, and why.
    pub(super) fn check_outputs(&self) -> Result<(), String> {
        if let Some(path) = &self.json {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.map_err(|error| {
                format!(
                    "the figures cannot be in {}: {error}; expected a file that can be written",
                    path.display()
                )
            })?;
        }
        if let Some(directory) = &self.report {
            let made = std::fs::create_dir_all(directory);
            let page = directory.join(document::PAGE);
            made.and_then(|()| OpenOptions::new().append(true).create(true).open(page)).map_err(
                |error| {
                    format!(
                        "no report in {}: {error}; expected a directory that can be written",
                        directory.display()
                    )
                },
            )?;
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        let modes = match (&self.report, self.migrating) {
            (Some(_), _) => vec![Mode::Pinned, Mode::Migrating],
            (None, true) => vec![Mode::Migrating],
            (None, false) => vec![Mode::Pinned],
        };
        let peers = match self.named.as_slice() {
            [] if self.peers => Peer::value_variants().to_vec(),
            [] => vec![Peer::Sortie],
            named => named.to_vec(),
        };
        Plan {
            modes,
            peers,
            fewest_workers: self.workers.iter().min().map_or(1, |it| usize::from(*it)),
            runs: self.runs,
            scale: self.scale.unwrap_or(1.0),
            ops: self.ops,
            pin: !self.no_pin,
        }
    }

    fn chosen(&self) -> Vec<&'static Workload> {
        if self.workloads.is_empty() {
            return workload::ALL.iter().collect();
        }
        each_once(&self.workloads)
            .into_iter()
            .map(|name| workload::find(&name).expect("clap lets only known names through"))
            .collect()
    }

    /// For how many tasks each: one entry for as many as usual.
    fn tasks_of(&self, workload: &Workload) -> Result<Vec<Option<u64>>, String> {
        if self.tasks.is_empty() {
            return Ok(vec![None]);
        }
        if workload.tasks.is_none() {
            let others = workload::ALL.iter().filter(|it| it.tasks.is_some());
            let names: Vec<_> = others.map(|it| it.name).collect();
            return Err(format!(
                "the number of tasks of {} cannot be chosen, but that of {}",
                workload.name,
                names.join(", ")
            ));
        }
        Ok(each_once(&self.tasks).into_iter().map(Some).collect())
    }
}

/// In the order in which they come first.
fn each_once<T: Clone + PartialEq>(items: &[T]) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(item) {
            once.push(item.clone());
        }
    }
    once
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale <= 1000.0 => Ok(scale),
        _ => Err("expected a number above 0 and up to 1000, such as 0.1".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds <= 1e6)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected seconds, from 0 to 1000000".to_owned())
}
