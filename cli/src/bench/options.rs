//! The command line of `sortie bench`, and the cases that it asks for.

use super::Workload;
use super::case::{Case, Mode, Peer};
use super::workload;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;
use std::time::Duration;

const LONG_ABOUT: &str = "\
Measures workloads and prints nanoseconds per operation.

Each workload runs for each number of workers in a fresh process: one run to warm up, then `--runs` \
runs, of which the median counts. `spread` is (slowest - fastest) / median of these runs. A process \
that crashes or exceeds `--timeout` becomes a row without a figure that says why, and the exit code \
is 1.

CPUs: unless `--no-pin`, the process of a case is bound to as many CPUs as it has workers, the \
first ones that this command may use itself: one worker runs on one CPU, together with the \
runtime's monitor; two workers on two. The row's `extra.cpus` names them.

The mode `pinned` means the tasks, not the process: a task that has started stays on its thread, as \
safe code has it. With `--migrating` started tasks may be stolen.";

/// Measures workloads, each in a process of its own.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(crate) struct Options {
    /// What to measure; everything, if nothing is named. `--list` says what each is.
    #[arg(value_name = "WORKLOAD", value_parser = PossibleValuesParser::new(workload::names()))]
    workloads: Vec<String>,

    /// How many workers the runtime has, one row for each number.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1,2",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Vec<u16>,

    /// Whose runtimes are measured; all that can do a workload, if none is named.
    #[arg(long = "peer", value_name = "PEER,..", value_delimiter = ',')]
    peers: Vec<Peer>,

    /// Lets started tasks be stolen.
    #[arg(long)]
    migrating: bool,

    /// How many runs count.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,

    /// Operations of a run, as a factor of what the workload does by default.
    #[arg(long, value_name = "F", value_parser = parse_scale, conflicts_with = "ops")]
    scale: Option<f64>,

    /// Operations of a run, rounded up to what the workload can divide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    ops: Option<u64>,

    /// Binds the process to as many CPUs as workers. The default.
    #[arg(long, overrides_with = "no_pin")]
    pin: bool,

    /// Lets the process run on all CPUs.
    #[arg(long, overrides_with = "pin")]
    no_pin: bool,

    /// Seconds after which a case is ended and counts as failed.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = parse_seconds)]
    pub(super) timeout: Duration,

    /// Writes the rows to a file, as an array of objects.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Prints the workloads and what each is, and measures nothing.
    #[arg(long)]
    pub(super) list: bool,
}

impl Options {
    /// What is to be measured, in the order asked for, each case once.
    pub(super) fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for workload in self.chosen() {
            for workers in &self.workers {
                for contender in workload.all_contenders().filter(|it| self.wants(it.peer)) {
                    let case = Case {
                        peer: contender.peer,
                        mode: Mode::new(self.migrating),
                        workload: workload.name.to_owned(),
                        workers: usize::from(*workers),
                        ops: self.ops_of(workload, usize::from(*workers)),
                        runs: self.runs,
                        pin: !self.no_pin,
                    };
                    if !cases.contains(&case) {
                        cases.push(case);
                    }
                }
            }
        }
        cases
    }

    fn wants(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer)
    }

    fn chosen(&self) -> Vec<&'static Workload> {
        if self.workloads.is_empty() {
            return workload::ALL.iter().collect();
        }
        self.workloads
            .iter()
            .map(|name| workload::find(name).expect("clap lets only known names through"))
            .collect()
    }

    fn ops_of(&self, workload: &Workload, workers: usize) -> u64 {
        let scale = self.scale.unwrap_or(1.0);
        let ops = self.ops.unwrap_or_else(|| (workload.ops as f64 * scale).ceil() as u64);
        ops.max(1).next_multiple_of((workload.unit)(workers))
    }
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
