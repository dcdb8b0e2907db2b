//! What a workload is, and the list of all.
//!
//! A workload is defined once, and entered by contenders: for each peer, how it does this same
//! work. A contender *starts* a [`Trial`], which is then run several times and finished. How our own
//! runtime does it is said where the workload is defined; how another does, where that peer is
//! ([`peers`]).

use super::case::{Case, Mode, Peer};
use super::{peers, workloads};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// All workloads, in the order of the tables.
pub(crate) const ALL: &[Workload] = &[
    workloads::switch::WORKLOAD,
    workloads::yield1::WORKLOAD,
    workloads::yield1k::WORKLOAD,
    workloads::spawnseq::WORKLOAD,
    workloads::spawnbatch::WORKLOAD,
    workloads::skynet::WORKLOAD,
    workloads::fib::WORKLOAD,
    workloads::pingpong::WORKLOAD,
    workloads::spsc::WORKLOAD,
    workloads::mpsc8::WORKLOAD,
    workloads::mutex::WORKLOAD,
    workloads::native_plain::WORKLOAD,
    workloads::native_nop::ON_TASK_STACK,
    workloads::native_nop::COMPARING,
    workloads::native_nop::ON_THREAD_STACK,
    workloads::native_yield::WORKLOAD,
    workloads::offload::WORKLOAD,
    workloads::callback::PLAIN,
    workloads::callback::SUSPENDING,
    workloads::foreign_attach::WORKLOAD,
    workloads::stall::WORKLOAD,
    workloads::blk1000::WORKLOAD,
    workloads::blkstress::WORKLOAD,
    workloads::idle1m::WORKLOAD,
    workloads::timers::WORKLOAD,
];

/// One thing that is measured.
pub(crate) struct Workload {
    /// What the command line calls it.
    pub(crate) name: &'static str,
    /// What an operation is and what is done, in one line.
    pub(crate) definition: &'static str,
    /// Operations of a run by default.
    pub(crate) ops: u64,
    /// A run's operations are a multiple of this, for so many workers.
    pub(crate) unit: fn(&Setup) -> u64,
    /// What is done before the run that counts.
    pub(crate) warm_up: WarmUp,
    /// How many tasks are at it by default, where that can be chosen.
    pub(crate) tasks: Option<u64>,
    /// Who can do it, other projects' runtimes aside.
    pub(crate) contenders: &'static [Contender],
}

impl Workload {
    /// All who can do it, our own first.
    pub(crate) fn all_contenders(&self) -> impl Iterator<Item = &'static Contender> {
        self.contenders.iter().chain(peers::contenders(self.name))
    }
}

/// What a fresh process does before the run that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmUp {
    /// The same again. For what is one piece of work, which is done whole or not at all.
    Whole,
    /// Short runs that grow, until they have taken a while. For the same thing again and again: where it
    /// turns out to be slow, the run that counts is shortened too.
    Growing,
    /// Nothing. For what memory costs, which is seen once.
    Nothing,
}

/// How one peer does a workload.
pub(crate) struct Contender {
    pub(crate) peer: Peer,
    /// Sets up what all runs share.
    pub(crate) start: fn(&Setup) -> Result<Box<dyn Trial>, Failure>,
}

/// What a trial is started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) workers: usize,
    pub(crate) mode: Mode,
    /// How many tasks are at it, where that was chosen.
    pub(crate) tasks: Option<u64>,
}

impl Setup {
    pub(crate) fn new(case: &Case) -> Setup {
        Setup { workers: case.workers, mode: case.mode, tasks: case.tasks }
    }
}

/// A workload that is set up.
pub(crate) trait Trial {
    /// Does `ops` operations, checks the values, and says how long they took.
    fn run(&mut self, ops: u64) -> Result<Sample, Failure>;

    /// Ends it after the last run, checks that nothing is left, and gives what is known only then.
    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure>;
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// All operations together.
    pub(crate) took: Duration,
    /// Further figures of this run; a row has their medians.
    pub(crate) extra: Vec<(&'static str, f64)>,
}

impl Sample {
    pub(crate) fn new(took: Duration) -> Sample {
        Sample { took, extra: Vec::new() }
    }
}

/// Why a case has no figure.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No such workload, or nobody of that peer who does it.
    Unknown(String),
    /// A runtime, a stack or another thing that the workload needs could not be had.
    Start { what: &'static str, error: Box<dyn std::error::Error> },
    /// The work was not done, or not as often as asked.
    Wrong { what: &'static str, expected: u64, found: u64 },
    /// Something was left behind.
    Left(String),
}

impl Failure {
    /// For `map_err`: `what` could not be had.
    pub(crate) fn start<E: std::error::Error + 'static>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Failure {
        move |error| Failure::Start { what, error: Box::new(error) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unknown(case) => write!(
                f,
                "nothing is known of {case}: `sortie bench --list` says what can be measured"
            ),
            Failure::Start { what, error } => write!(f, "{what}: {error}"),
            Failure::Wrong { what, expected, found } => {
                write!(f, "{what}: expected {expected}, found {found}")
            }
            Failure::Left(report) => write!(f, "the runtime did not end clean: {report}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Fails unless the work gave what it must give.
pub(crate) fn check(what: &'static str, expected: u64, found: u64) -> Result<(), Failure> {
    if expected == found { Ok(()) } else { Err(Failure::Wrong { what, expected, found }) }
}

/// The workload of this name.
pub(crate) fn find(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|workload| workload.name)
}
