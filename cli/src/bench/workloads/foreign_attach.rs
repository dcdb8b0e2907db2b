//! `foreign_attach`: what it costs a thread that is not the runtime's to come in and go out again.

use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload, check};
use serde_json::Value;
use sortie::{Handle, Runtime};
use std::time::{Duration, Instant};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "foreign_attach",
    definition: "an attached thread enters managed code and leaves it, again and again, with a worker idle",
    ops: 500_000,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Visits { runtime: runtime(setup)? })),
    }],
};

struct Visits {
    runtime: Runtime,
}

impl Trial for Visits {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let handle = self.runtime.handle();
        let visitor = std::thread::spawn(move || visit(&handle, ops));
        let (took, inside) = visitor.join().expect("a visitor does not fail");
        check("visits inside", ops, inside)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(Vec::new())
    }
}

/// How long it took, and how often managed code was there.
fn visit(handle: &Handle, ops: u64) -> (Duration, u64) {
    // The first one attaches the thread.
    handle.reverse_enter().expect("the runtime is open");
    sortie::transition::reverse_leave().expect("it is inside");
    let mut inside = 0;
    let start = Instant::now();
    for _ in 0..ops {
        handle.reverse_enter().expect("the runtime is open");
        inside += u64::from(sortie::task::current().is_some());
        sortie::transition::reverse_leave().expect("it is inside");
    }
    (start.elapsed(), inside)
}
