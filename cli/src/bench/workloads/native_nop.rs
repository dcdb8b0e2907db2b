//! `native_nop`: what it costs to announce a native call, beside the bare call of the same function.
//!
//! Three workloads, by how the function is declared ([`Way`]). The bare loop and the announced one
//! call through the same pointer, in the same task, in turn, a slice each. Meanwhile every worker has
//! something to do and a second task is runnable, so that the monitor does all that it does in earnest. What the ledger has counted in the end must be the calls made.

use super::native::{Announced, Company, Function, NOP, Way};
use super::native_plain::call_bare;
use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::{Value, json};
use sortie::Runtime;
use sortie::native::{self, Target};
use std::hint::black_box;
use std::time::{Duration, Instant};

const OPS: u64 = 10_000_000;

pub(crate) const ON_TASK_STACK: Workload = Workload {
    name: "native_nop",
    definition: "an announced call of a trivial C function, on the task's stack, its class learned, a \
                 second task runnable; beside it the bare call through the pointer (`plain_ns`)",
    ops: OPS,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start: |setup| start(setup, Way::TaskStack) }],
};

pub(crate) const COMPARING: Workload = Workload {
    name: "native_nop_c",
    definition: "as native_nop, its class pinned to `mixed`: whoever needs the worker takes it at once",
    ops: OPS,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start: |setup| start(setup, Way::Compare) }],
};

pub(crate) const ON_THREAD_STACK: Workload = Workload {
    name: "native_nop_thread_stack",
    definition: "as native_nop, on the thread's stack, as functions run of which nothing is declared",
    ops: OPS,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start: |setup| start(setup, Way::ThreadStack) }],
};

fn start(setup: &Setup, way: Way) -> Result<Box<dyn Trial>, Failure> {
    let runtime = runtime(setup)?;
    Ok(Box::new(Calls { runtime, workers: setup.workers, way, nop: Announced::nop(way) }))
}

struct Calls {
    runtime: Runtime,
    workers: usize,
    way: Way,
    nop: Announced,
}

impl Trial for Calls {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let retakes_before = self.runtime.snapshot().retakes;
        let target = self.nop.target.clone();
        let workers = self.workers;
        let run = self.runtime.run(move || both_loops(&target, workers, ops));
        check("plain calls", ops, run.plain_value)?;
        check("announced calls", ops, run.announced_value)?;
        self.nop.count(ops, &self.runtime)?;
        let plain_ns = run.plain.as_nanos() as f64 / ops as f64;
        let announced_ns = run.announced.as_nanos() as f64 / ops as f64;
        let retakes = self.runtime.snapshot().retakes - retakes_before;
        Ok(Sample {
            took: run.announced,
            extra: vec![
                ("plain_ns", plain_ns),
                ("over_plain_ns", announced_ns - plain_ns),
                ("retakes", retakes as f64),
            ],
        })
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        let in_ledger = self.nop.in_ledger(&self.runtime);
        let class = self.nop.target.class();
        end(self.runtime)?;
        Ok(vec![
            ("ledger_calls", json!(in_ledger)),
            ("stack", json!(self.way.stack())),
            ("class", json!(class.name())),
        ])
    }
}

#[derive(Default)]
struct Run {
    plain: Duration,
    plain_value: u64,
    announced: Duration,
    announced_value: u64,
}

/// Calls without a yield: less than a millisecond. The monitor lets another thread stand in for a task
/// that keeps its worker for 10.
const SLICE: u64 = 100_000;

fn both_loops(target: &Target, workers: usize, ops: u64) -> Run {
    // Neither loop may know the function.
    let function: Function = black_box(NOP);
    let mut run = Run::default();
    let company = Company::new(workers - 1);
    let mut left = ops;
    while left > 0 {
        let slice = left.min(SLICE);
        left -= slice;
        let start = Instant::now();
        run.plain_value += call_bare(function, slice);
        run.plain += start.elapsed();
        let start = Instant::now();
        run.announced_value += call_announced(target, function, slice);
        run.announced += start.elapsed();
        // The second task's turn, in nobody's time.
        sortie::yield_now();
    }
    company.end();
    run
}

#[inline(never)]
fn call_announced(target: &Target, function: Function, ops: u64) -> u64 {
    let mut value = 0;
    for _ in 0..ops {
        value = native::call(target, || function(value));
    }
    value
}
