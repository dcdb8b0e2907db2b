//! A case: what one child process is to measure.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose runtime is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Peer {
    /// This project's.
    Sortie,
    /// The raw coroutine of the crate of that name, with a loop of a few lines around it: no runtime, but
    /// what is left when one costs nothing.
    Corosensei,
    /// Stackful coroutines in Rust.
    May,
    /// tokio's scheduler of one thread.
    TokioCt,
    /// tokio's, of many threads.
    Tokio,
    /// The executor of smol, `async-executor`, and what belongs to it.
    Smol,
    /// A pool of threads that steal, whose tasks cannot suspend.
    Rayon,
    /// The Go language's.
    Go,
}

impl Peer {
    /// What the command line, the file and the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Sortie => "sortie",
            Peer::Corosensei => "corosensei",
            Peer::May => "may",
            Peer::TokioCt => "tokio_ct",
            Peer::Tokio => "tokio",
            Peer::Smol => "smol",
            Peer::Rayon => "rayon",
            Peer::Go => "go",
        }
    }

    /// Whether the number of workers means anything to it.
    pub(crate) fn has_workers(self) -> bool {
        !matches!(self, Peer::Corosensei | Peer::TokioCt)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a task that has started may move to another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// It stays: what safe code gets.
    Pinned,
    /// It may be stolen.
    Migrating,
    /// As the peer always does: the choice is Sortie's alone.
    Own,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Pinned => "pinned",
            Mode::Migrating => "migrating",
            Mode::Own => "own",
        })
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) peer: Peer,
    pub(crate) mode: Mode,
    pub(crate) workload: String,
    pub(crate) workers: usize,
    /// How many tasks are at it, where that can be chosen and was.
    pub(crate) tasks: Option<u64>,
    /// Operations of the run that counts.
    pub(crate) ops: u64,
    /// Whether it may have fewer, where those would take too long.
    pub(crate) may_shorten: bool,
    /// Whether the process is bound to as many processors as it has workers.
    pub(crate) pin: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}, workers: {}", self.peer, self.mode, self.workload, self.workers)?;
        match self.tasks {
            Some(tasks) => write!(f, ", tasks: {tasks}"),
            None => Ok(()),
        }
    }
}
