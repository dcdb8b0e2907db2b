//! `yield1`: the price of a yield when there is nobody to yield to.

use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "yield1",
    definition: "a yield of one task, alone on the runtime",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Alone(runtime(setup)?))),
    }],
};

struct Alone(Runtime);

impl Trial for Alone {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, yields) = timed(&self.0, move || {
            let mut yields = 0;
            for _ in 0..ops {
                sortie::yield_now();
                yields += 1;
            }
            yields
        });
        check("yields", ops, yields)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}
