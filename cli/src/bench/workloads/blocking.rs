//! What `blk1000` and `blkstress` share: a runtime with enough threads, naps in C on it, and what it
//! did meanwhile.

use super::native::Announced;
use super::{end, runtime_with};
use crate::bench::workload::{Failure, Sample, Setup, check};
use serde_json::Value;
use sortie::native::Target;
use sortie::{Runtime, Snapshot};
use std::sync::Arc;
use std::time::Duration;

/// The most threads that any peer may have for calls that block.
pub(crate) const MAX_THREADS: usize = 1100;

/// A runtime of ours whose tasks nap in C.
pub(super) struct Naps {
    runtime: Runtime,
    nap: Announced,
}

impl Naps {
    pub(super) fn new(setup: &Setup) -> Result<Naps, Failure> {
        let runtime = runtime_with(setup, |builder| builder.max_carriers(MAX_THREADS))?;
        Ok(Naps { runtime, nap: Announced::nap() })
    }

    /// A run of `ops` naps, by `f`, which says how long they took together and how long they slept.
    pub(super) fn run(
        &mut self,
        ops: u64,
        sleep_ns: u64,
        f: impl FnOnce(&Runtime, Arc<Target>) -> (Duration, u64),
    ) -> Result<Sample, Failure> {
        let before = self.runtime.snapshot();
        let (makespan, slept_ns) = f(&self.runtime, self.nap.target.clone());
        check("nanoseconds slept", sleep_ns, slept_ns)?;
        self.nap.count(ops, &self.runtime)?;
        let mut extra = how(&before, &self.runtime.snapshot());
        extra.push(("peak_threads", threads_now()? as f64));
        Ok(sample(makespan, extra))
    }

    pub(super) fn finish(self) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
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
fn how(before: &Snapshot, after: &Snapshot) -> Vec<(&'static str, f64)> {
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
