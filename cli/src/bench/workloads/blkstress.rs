//! `blkstress`: tasks that go in and out of native code that blocks, again and again.

use super::blocking::Naps;
use super::native::NAP;
use super::timed;
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload};
use serde_json::Value;
use sortie::JoinHandle;
use sortie::native::{self, Target};
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
    warm_up: WarmUp::Whole,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Trialled(Naps::new(setup)?))),
    }],
};

struct Trialled(Naps);

impl Trial for Trialled {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        self.0.run(ops, ops * NAP_NS, |runtime, target| {
            timed(runtime, move || {
                let tasks: Vec<JoinHandle<u64>> = (0..TASKS)
                    .map(|_| {
                        let target = target.clone();
                        sortie::spawn(move || nap_and_yield(&target, ops / TASKS))
                    })
                    .collect();
                tasks.into_iter().map(|task| task.join().expect("a nap does not fail")).sum()
            })
        })
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        self.0.finish()
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
