//! `native_plain`: the bare call of a C function, which announced calls are held against.

use super::native::{Function, NOP};
use super::{end, runtime, timed};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::Runtime;
use std::hint::black_box;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "native_plain",
    definition: "the bare call of a trivial C function through a pointer, in a task, alone",
    ops: 10_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Bare(runtime(setup)?))),
    }],
};

struct Bare(Runtime);

impl Trial for Bare {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, value) = timed(&self.0, move || call_bare(black_box(NOP), ops));
        check("calls", ops, value)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}

/// The loop of `native_nop`, without its announcement. The function counts the calls.
#[inline(never)]
pub(super) fn call_bare(function: Function, ops: u64) -> u64 {
    let mut value = 0;
    for _ in 0..ops {
        value = function(value);
    }
    value
}
