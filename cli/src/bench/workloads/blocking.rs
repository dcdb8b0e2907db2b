//! What `blk1000` and `blkstress` share: a runtime with enough threads, and what it did meanwhile.

use super::runtime_with;
use crate::bench::workload::{Failure, Sample, Setup};
use sortie::{Runtime, Snapshot};
use std::time::Duration;

/// The most threads that any peer may have for calls that block.
pub(crate) const MAX_THREADS: usize = 1100;

pub(super) fn blocking_runtime(setup: &Setup) -> Result<Runtime, Failure> {
    runtime_with(setup, |builder| builder.max_carriers(MAX_THREADS))
}

/// All threads of this process now. Runtimes keep theirs for seconds, so right after a run these are
/// the most that there were.
pub(crate) fn threads_now() -> Result<u64, Failure> {
    let status = procfs::process::Process::myself()
        .and_then(|it| it.status())
        .map_err(Failure::start("/proc/self/status"))?;
    Ok(status.threads)
}

/// How a runtime of ours got through a run.
pub(super) fn how(before: &Snapshot, after: &Snapshot) -> Vec<(&'static str, f64)> {
    vec![
        ("threads_started", (after.carriers_started - before.carriers_started) as f64),
        ("retakes", (after.retakes - before.retakes) as f64),
        ("hand_offs", (after.hand_offs - before.hand_offs) as f64),
        ("reentries", (after.reentries - before.reentries) as f64),
    ]
}

/// A run that took `makespan`.
pub(crate) fn sample(makespan: Duration, mut extra: Vec<(&'static str, f64)>) -> Sample {
    extra.push(("makespan_ms", makespan.as_secs_f64() * 1e3));
    Sample { took: makespan, extra }
}
