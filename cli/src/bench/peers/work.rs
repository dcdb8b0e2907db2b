//! A trial that is a closure: what a peer's workload mostly is.

use super::Entry;
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial};
use serde_json::Value;

/// What starts a trial.
pub(super) type Start = fn(&Setup) -> Result<Box<dyn Trial>, Failure>;

/// A peer's entry for a workload.
pub(super) const fn entry(peer: Peer, workload: &'static str, start: Start) -> Entry {
    Entry { workload, contender: Contender { peer, start } }
}

/// A trial whose runs are calls of `run`; what it holds ends with it.
pub(super) fn work(
    run: impl FnMut(u64) -> Result<Sample, Failure> + 'static,
) -> Result<Box<dyn Trial>, Failure> {
    Ok(Box::new(Work(run)))
}

struct Work<F>(F);

impl<F: FnMut(u64) -> Result<Sample, Failure>> Trial for Work<F> {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        (self.0)(ops)
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
}
