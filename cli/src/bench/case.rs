//! A case: what one child process is to measure.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose runtime is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// This project's.
    Sortie,
    /// tokio's, of many threads.
    Tokio,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Peer::Sortie => "sortie",
            Peer::Tokio => "tokio",
        })
    }
}

/// Whether a task that has started may move to another thread. Ours: other peers do as they always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// It stays: what safe code gets.
    Pinned,
    /// It may be stolen.
    Migrating,
}

impl Mode {
    pub(crate) fn new(migrating: bool) -> Mode {
        if migrating { Mode::Migrating } else { Mode::Pinned }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Pinned => "pinned",
            Mode::Migrating => "migrating",
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
    /// Operations of one run.
    pub(crate) ops: u64,
    /// Runs that count.
    pub(crate) runs: u32,
    /// Whether the process is bound to as many CPUs as it has workers.
    pub(crate) pin: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}, workers: {}", self.peer, self.mode, self.workload, self.workers)
    }
}
