//! `yield1k`: the price of a turn when a thousand tasks take turns.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, Workload, check};
use serde_json::Value;
use sortie::Runtime;

const TASKS: u64 = 1000;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "yield1k",
    definition: "a yield of one of 1,000 tasks that take turns; their spawns and joins included",
    ops: 4_000_000,
    unit: |_| TASKS,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Turns(runtime(setup)?))),
    }],
};

struct Turns(Runtime);

impl Trial for Turns {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, yields) = timed(&self.0, move || {
            let tasks: Vec<_> =
                (0..TASKS).map(|_| sortie::spawn(move || take_turns(ops / TASKS))).collect();
            tasks
                .into_iter()
                .map(|task| task.join().expect("a task that only yields does not fail"))
                .sum()
        });
        check("yields of all tasks", ops, yields)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
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
