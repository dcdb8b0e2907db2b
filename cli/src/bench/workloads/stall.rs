//! `stall`: how long a runnable task waits when the task before it makes a native call that blocks.
//!
//! The example `stall` looks at it more closely: by what is known of the function, and by how long threads
//! have slept. Here is what a program sees that makes such calls one after the other.

use super::native::{Announced, NAP};
use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::{Value, json};
use sortie::Runtime;
use sortie::native::{self, Target};
use std::time::{Duration, Instant};

/// How long a call blocks.
pub(crate) const NAP_NS: u64 = 2_000_000;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "stall",
    definition: "a task makes a call that sleeps 2 ms in C, and another is runnable behind it: the wait from \
                 just before the call to the other's first moment; the mean, and `p50_us`, `p99_us`, `max_us`",
    ops: 200,
    unit: |_| 1,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start }],
};

fn start(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let (runtime, mut nap) = (runtime(setup)?, Announced::nap());
    let run = move |runtime: &Runtime, ops| {
        let target = nap.target.clone();
        let waits = runtime.run(move || wait_behind(&target, ops));
        nap.count(ops, runtime)?;
        Ok(waits)
    };
    Ok(Box::new(Waits { runtime, run, end, last: Vec::new() }))
}

fn wait_behind(target: &Target, ops: u64) -> Vec<Duration> {
    let mut waits = Vec::new();
    for _ in 0..ops {
        let next = sortie::spawn(Instant::now);
        let start = Instant::now();
        native::call(target, || NAP(NAP_NS));
        let first = next.join().expect("the other task does not fail");
        waits.push(first.saturating_duration_since(start));
    }
    waits
}

/// A trial of a runtime, by what gives the waits of a run, and what ends the runtime.
pub(crate) struct Waits<R, F> {
    pub(crate) runtime: R,
    pub(crate) run: F,
    pub(crate) end: fn(R) -> Result<(), Failure>,
    /// Of the last run.
    pub(crate) last: Vec<Duration>,
}

impl<R, F: FnMut(&R, u64) -> Result<Vec<Duration>, Failure>> Trial for Waits<R, F> {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let mut waits = (self.run)(&self.runtime, ops)?;
        waits.sort_unstable();
        check("waits", ops, waits.len() as u64)?;
        // The nearest rank: a wait that there was.
        let percentile = |percent: usize| us(waits[(waits.len() * percent).div_ceil(100) - 1]);
        let extra = vec![
            ("p50_us", percentile(50)),
            ("p99_us", percentile(99)),
            ("max_us", percentile(100)),
        ];
        let took = waits.iter().sum();
        self.last = waits;
        Ok(Sample { took, extra })
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        (self.end)(self.runtime)?;
        let waits: Vec<f64> = self.last.iter().map(|wait| us(*wait)).collect();
        Ok(vec![("waits_each_us", json!(waits))])
    }
}

fn us(wait: Duration) -> f64 {
    wait.as_secs_f64() * 1e6
}
