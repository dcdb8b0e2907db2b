//! `spawnseq`: the price of a task's whole life, one after the other.

use super::{child, end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "spawnseq",
    definition: "a task spawns a child and joins it, again and again; every 1,000th child yields once",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Sequence(runtime(setup)?))),
    }],
};

struct Sequence(Runtime);

impl Trial for Sequence {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, right) = timed(&self.0, move || {
            let mut right = 0;
            for n in 0..ops {
                let value =
                    sortie::spawn(move || child(n)).join().expect("the child does not fail");
                right += u64::from(value == n);
            }
            right
        });
        check("children with the right value", ops, right)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}
