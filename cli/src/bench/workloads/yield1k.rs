//! `yield1k`: the price of a turn when a thousand tasks take turns, or as many as were asked for.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;

pub(crate) const TASKS: u64 = 1000;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "yield1k",
    definition: "a yield of one of 1,000 tasks that take turns; their spawns and joins included",
    ops: 2_000_000,
    unit: |setup| setup.tasks.unwrap_or(TASKS),
    warm_up: WarmUp::Growing,
    tasks: Some(TASKS),
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| {
            let tasks = setup.tasks.unwrap_or(TASKS);
            Ok(Box::new(Turns { runtime: runtime(setup)?, tasks }))
        },
    }],
};

struct Turns {
    runtime: Runtime,
    tasks: u64,
}

impl Trial for Turns {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (tasks, turns) = (self.tasks, ops / self.tasks);
        let (took, yields) = timed(&self.runtime, move || {
            let tasks: Vec<_> =
                (0..tasks).map(|_| sortie::spawn(move || take_turns(turns))).collect();
            tasks
                .into_iter()
                .map(|task| task.join().expect("a task that only yields does not fail"))
                .sum()
        });
        check("yields of all tasks", ops, yields)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

fn take_turns(turns: u64) -> u64 {
    let mut yields = 0;
    for _ in 0..turns {
        sortie::yield_now();
        yields += 1;
    }
    yields
}
