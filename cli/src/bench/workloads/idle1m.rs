//! `idle1m`: what a parked task costs, and that a million of them are alive at once.
//!
//! Memory is what the kernel says: resident pages and page tables, after less before, with everything that
//! belongs to a task in it, the handle that joins it too. That the stacks are guarded is proved by
//! [`guards`].

use super::{end, guards, runtime_with};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::{Value, json};
use sortie::sync::Semaphore;
use sortie::{JoinHandle, Runtime};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Each task's stack.
pub(super) const STACK_BYTES: usize = 64 << 10;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "idle1m",
    definition: "a million tasks are spawned and wait: the time until all are parked, by their number; what \
                 each then takes (`bytes_each`), and the time to wake and join one (`wake_ns`); the tasks \
                 have guarded stacks of 64 KiB where they have stacks",
    ops: 1_000_000,
    unit: |_| 1,
    warm_up: WarmUp::Nothing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Idle { runtime: start(setup)?, setup: *setup, parked: 0 })),
    }],
};

/// The runtime whose tasks are idle.
pub(super) fn start(setup: &Setup) -> Result<Runtime, Failure> {
    runtime_with(setup, |builder| builder.stack_bytes(STACK_BYTES))
}

struct Idle {
    runtime: Runtime,
    setup: Setup,
    /// At a time, at most.
    parked: u64,
}

impl Trial for Idle {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        self.parked = self.parked.max(ops);
        let bytes_before = memory()?;
        let parked = self.runtime.run(move || park(ops));
        let stacks = self.runtime.snapshot().stacks_out as u64;
        let bytes = memory()?.saturating_sub(bytes_before);
        let took = parked.took;
        let (waking, sum) = self.runtime.run(move || parked.wake());
        check("sum of the tasks' values", ops * (ops - 1) / 2, sum)?;
        if stacks < ops {
            return Err(Failure::Wrong { what: "stacks in use", expected: ops, found: stacks });
        }
        Ok(idle_sample(ops, took, bytes, waking))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.runtime)?;
        Ok(vec![("guards_hit", json!(guards::prove(&self.setup, self.parked)?))])
    }
}

/// Tasks that wait, and what they wait for.
struct Parked {
    gate: Arc<Semaphore>,
    tasks: Vec<JoinHandle<u64>>,
    took: Duration,
}

fn park(ops: u64) -> Parked {
    let gate = Arc::new(Semaphore::new(0));
    let start = Instant::now();
    let tasks = (0..ops)
        .map(|n| {
            let gate = gate.clone();
            sortie::spawn(move || {
                gate.acquire().forget();
                n
            })
        })
        .collect();
    wait_for(&gate, ops);
    Parked { took: start.elapsed(), gate, tasks }
}

/// Returns when so many tasks wait.
pub(super) fn wait_for(gate: &Semaphore, tasks: u64) {
    while (gate.waiting() as u64) < tasks {
        sortie::sleep(Duration::from_millis(1));
    }
}

impl Parked {
    /// Lets all go on, and joins them.
    fn wake(self) -> (Duration, u64) {
        let start = Instant::now();
        self.gate.set_permits(u32::try_from(self.tasks.len()).expect("fewer than 2^32 tasks"));
        let join = |task: JoinHandle<u64>| task.join().expect("an idle task does not fail");
        let sum = self.tasks.into_iter().map(join).sum();
        (start.elapsed(), sum)
    }
}

/// The figures of a run.
pub(crate) fn idle_sample(ops: u64, took: Duration, bytes: u64, waking: Duration) -> Sample {
    let each = |figure: f64| figure / ops as f64;
    let extra =
        vec![("bytes_each", each(bytes as f64)), ("wake_ns", each(waking.as_nanos() as f64))];
    Sample { took, extra }
}

/// Bytes of this process that take memory: resident pages and page tables.
pub(crate) fn memory() -> Result<u64, Failure> {
    let status = procfs::process::Process::myself()
        .and_then(|it| it.status())
        .map_err(Failure::start("/proc/self/status"))?;
    Ok((status.vmrss.unwrap_or(0) + status.vmpte.unwrap_or(0)) * 1024)
}
