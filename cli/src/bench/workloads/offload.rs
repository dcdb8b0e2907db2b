//! `offload`: what it costs to have a native call made by another thread.

use super::native::{Announced, Function, NOP, Way};
use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;
use sortie::native;
use std::hint::black_box;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "offload",
    definition: "a task has a trivial C function called on another thread, again and again",
    ops: 50_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start: |setup| Ok(Box::new(Sent::new(setup)?)) }],
};

struct Sent {
    runtime: Runtime,
    nop: Announced,
}

impl Sent {
    fn new(setup: &Setup) -> Result<Sent, Failure> {
        Ok(Sent { runtime: runtime(setup)?, nop: Announced::nop(Way::ThreadStack) })
    }
}

impl Trial for Sent {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let target = self.nop.target.clone();
        let (took, value) = timed(&self.runtime, move || {
            let function: Function = black_box(NOP);
            let mut value = 0;
            for _ in 0..ops {
                value = native::offload(&target, || function(value));
            }
            value
        });
        check("calls", ops, value)?;
        self.nop.count(ops, &self.runtime)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}
