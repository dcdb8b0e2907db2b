//! `native_nop`: what it costs to announce a native call, beside the bare call of the same function.
//!
//! Both loops call through the same pointer, in the same task, in turn. While the announced loop
//! runs, every worker has something to do and a second task is runnable, so that the monitor does
//! all that it does in earnest. What the ledger has counted in the end must be the calls made.

use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, Workload, check};
use serde_json::{Value, json};
use sortie::native::{self, Target};
use sortie::{JoinHandle, Runtime};
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "native_nop",
    definition: "an announced call of a trivial C function, on the thread's stack, a second task \
                 runnable; beside it the bare call through the pointer (`plain_ns`)",
    ops: 2_000_000,
    unit: 1,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Calls::new(setup)?)),
    }],
};

type Function = extern "C" fn(u64) -> u64;

// SAFETY: `native/nop.c` defines it so; it adds one and touches no memory.
unsafe extern "C" {
    safe fn sortie_cli_nop(x: u64) -> u64;
}

struct Calls {
    runtime: Runtime,
    workers: usize,
    target: Arc<Target>,
    /// All announced calls, warm-up included.
    made: u64,
}

impl Calls {
    fn new(setup: &Setup) -> Result<Calls, Failure> {
        let address = sortie_cli_nop as Function as usize;
        Ok(Calls {
            runtime: runtime(setup)?,
            workers: setup.workers,
            target: Arc::new(Target::dynamic(
                "sortie_cli_nop".to_owned(),
                "sortie".to_owned(),
                address,
            )),
            made: 0,
        })
    }

    /// Calls of the target that the ledger knows of.
    fn in_ledger(&self) -> u64 {
        let rows = self.runtime.snapshot().targets;
        rows.iter().filter(|row| row.address == self.target.address()).map(|row| row.calls).sum()
    }
}

impl Trial for Calls {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let retakes_before = self.runtime.snapshot().retakes;
        let target = self.target.clone();
        let workers = self.workers;
        let run = self.runtime.run(move || both_loops(&target, workers, ops));
        self.made += ops;
        check("plain calls", ops, run.plain_value)?;
        check("announced calls", ops, run.announced_value)?;
        check("calls in the ledger", self.made, self.in_ledger())?;
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
        let in_ledger = self.in_ledger();
        check("calls in the ledger at the end", self.made, in_ledger)?;
        end(self.runtime)?;
        Ok(vec![("ledger_calls", json!(in_ledger)), ("stack", json!("thread"))])
    }
}

struct Run {
    plain: Duration,
    plain_value: u64,
    announced: Duration,
    announced_value: u64,
}

fn both_loops(target: &Target, workers: usize, ops: u64) -> Run {
    // Neither loop may know the function.
    let function: Function = black_box(sortie_cli_nop);

    let start = Instant::now();
    let mut plain_value = 0;
    for _ in 0..ops {
        plain_value = function(plain_value);
    }
    let plain = start.elapsed();

    let company = Company::new(workers - 1);
    let start = Instant::now();
    let mut announced_value = 0;
    for _ in 0..ops {
        announced_value = native::call(target, || function(announced_value));
    }
    let announced = start.elapsed();
    company.end();

    Run { plain, plain_value, announced, announced_value }
}

/// Those who have work beside the calling task.
struct Company {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<u64>>,
}

#[derive(Default)]
struct Shared {
    started: AtomicUsize,
    is_over: AtomicBool,
}

impl Shared {
    fn is_over(&self) -> bool {
        // ORDERING: Relaxed, the flag publishes nothing but itself.
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Company {
    /// Keeps `others` workers busy, and one more task runnable.
    fn new(others: usize) -> Company {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for _ in 0..others {
            let shared = shared.clone();
            tasks.push(sortie::spawn(move || {
                // ORDERING: Relaxed, a count that publishes nothing.
                shared.started.fetch_add(1, Ordering::Relaxed);
                while !shared.is_over() {
                    spin_loop();
                }
                1
            }));
        }
        // A busy task that this worker took first would let nobody else run on it: the worker is
        // kept until all of them run elsewhere.
        // ORDERING: Relaxed, as above.
        while shared.started.load(Ordering::Relaxed) < others {
            spin_loop();
        }
        let second = shared.clone();
        tasks.push(sortie::spawn(move || {
            while !second.is_over() {
                sortie::yield_now();
            }
            1
        }));
        Company { shared, tasks }
    }

    fn end(self) {
        // ORDERING: Relaxed, see `Shared::is_over`.
        self.shared.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.join().expect("company does not fail");
        }
    }
}
