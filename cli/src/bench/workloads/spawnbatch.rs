//! `spawnbatch`: the price of a task's whole life when very many live at a time.

use super::{child, end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;

/// Tasks of a batch: all are spawned before the first is joined.
pub(crate) const TASKS: u64 = 100_000;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "spawnbatch",
    definition: "a task spawns 100,000 children, then joins them all, again and again; every 1,000th child \
                 yields once",
    ops: 10 * TASKS,
    unit: |setup| setup.tasks.unwrap_or(TASKS),
    warm_up: WarmUp::Growing,
    tasks: Some(TASKS),
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| {
            let tasks = setup.tasks.unwrap_or(TASKS);
            Ok(Box::new(Batches { runtime: runtime(setup)?, tasks }))
        },
    }],
};

struct Batches {
    runtime: Runtime,
    tasks: u64,
}

impl Trial for Batches {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let tasks = self.tasks;
        let (took, sum) = timed(&self.runtime, move || {
            let mut children = Vec::with_capacity(tasks as usize);
            let mut sum = 0;
            for _ in 0..ops / tasks {
                children.extend((0..tasks).map(|n| sortie::spawn(move || child(n))));
                sum += children
                    .drain(..)
                    .map(|child| child.join().expect("the child does not fail"))
                    .sum::<u64>();
            }
            sum
        });
        check("sum of the children's values", sum_of(ops, tasks), sum)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

/// What the children of all batches must come to.
pub(crate) fn sum_of(ops: u64, tasks: u64) -> u64 {
    ops / tasks * (tasks * (tasks - 1) / 2)
}
