//! `blkstress`: tasks that go in and out of native code that blocks, again and again.

use super::blocking::{blocking_runtime, how, sample, threads_now};
use super::native::{Announced, NAP};
use super::{end, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, Workload, check};
use serde_json::Value;
use sortie::native::{self, Target};
use sortie::{JoinHandle, Runtime};
use std::sync::Arc;

/// How long each call blocks.
pub(crate) const NAP_NS: u64 = 200_000;

/// How many tasks make calls.
pub(crate) const TASKS: u64 = 64;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "blkstress",
    definition: "64 tasks, each 200 times: sleep 200 us in C, then yield; the time until all are joined \
                 (`makespan_ms`), by the number of calls",
    ops: 200 * TASKS,
    unit: |_| TASKS,
    contenders: &[Contender { peer: Peer::Sortie, start: |setup| Ok(Box::new(Naps::new(setup)?)) }],
};

struct Naps {
    runtime: Runtime,
    nap: Announced,
}

impl Naps {
    fn new(setup: &Setup) -> Result<Naps, Failure> {
        Ok(Naps { runtime: blocking_runtime(setup)?, nap: Announced::nap() })
    }
}

impl Trial for Naps {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let before = self.runtime.snapshot();
        let target = self.nap.target.clone();
        let (makespan, slept_ns) = timed(&self.runtime, move || {
            let tasks: Vec<JoinHandle<u64>> = (0..TASKS)
                .map(|_| {
                    let target = target.clone();
                    sortie::spawn(move || nap_and_yield(&target, ops / TASKS))
                })
                .collect();
            tasks.into_iter().map(|task| task.join().expect("a nap does not fail")).sum()
        });
        check("nanoseconds slept", ops * NAP_NS, slept_ns)?;
        self.nap.count(ops, &self.runtime)?;
        let mut extra = how(&before, &self.runtime.snapshot());
        extra.push(("peak_threads", threads_now()? as f64));
        Ok(sample(makespan, extra))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

fn nap_and_yield(target: &Arc<Target>, times: u64) -> u64 {
    let mut slept = 0;
    for _ in 0..times {
        slept += native::call(target, || NAP(NAP_NS));
        sortie::yield_now();
    }
    slept
}
