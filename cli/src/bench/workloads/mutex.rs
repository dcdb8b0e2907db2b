//! `mutex`: the price of a lock for which eight tasks contend.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;
use sortie::sync::Mutex;
use std::sync::Arc;

pub(crate) const TASKS: u64 = 8;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "mutex",
    definition: "one of 8 tasks takes a lock, adds to a counter under it and lets it go; all contend",
    ops: 8_000_000,
    unit: |setup| setup.tasks.unwrap_or(TASKS),
    warm_up: WarmUp::Growing,
    tasks: Some(TASKS),
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| {
            let tasks = setup.tasks.unwrap_or(TASKS);
            Ok(Box::new(Contention { runtime: runtime(setup)?, tasks }))
        },
    }],
};

struct Contention {
    runtime: Runtime,
    tasks: u64,
}

impl Trial for Contention {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (tasks, rounds) = (self.tasks, ops / self.tasks);
        let (took, counted) = timed(&self.runtime, move || {
            let counter = Arc::new(Mutex::new(0));
            let tasks: Vec<_> = (0..tasks)
                .map(|_| {
                    let counter = counter.clone();
                    sortie::spawn(move || add(&counter, rounds))
                })
                .collect();
            let done: u64 = tasks
                .into_iter()
                .map(|task| task.join().expect("a task that only adds does not fail"))
                .sum();
            // Both are what was asked for, or the lock let two in.
            done.min(*counter.lock())
        });
        check("additions by all tasks", ops, counted)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

fn add(counter: &Mutex<u64>, rounds: u64) -> u64 {
    for _ in 0..rounds {
        *counter.lock() += 1;
    }
    rounds
}
