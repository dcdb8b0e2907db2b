//! tokio: its runtime of many threads, with as many workers as the case has.
//!
//! A call that may block goes to its pool of threads by `spawn_blocking`, as its documentation says;
//! where a task makes one after the other, by `block_in_place`, which is quicker there.

use super::Entry;
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, check};
use crate::bench::workloads::blk1000::{ALONE, COMPUTING, NAP_NS, chunk};
use crate::bench::workloads::blkstress;
use crate::bench::workloads::blocking::{MAX_THREADS, sample, threads_now};
use crate::bench::workloads::native::{Function, NAP, NOP};
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, block_in_place, spawn_blocking, yield_now};

const fn entry(
    workload: &'static str,
    start: fn(&Setup) -> Result<Box<dyn Trial>, Failure>,
) -> Entry {
    Entry { workload, contender: Contender { peer: Peer::Tokio, start } }
}

pub(super) const ENTRIES: &[Entry] = &[
    entry("offload", |setup| Ok(Box::new(Sent(runtime(setup)?)))),
    entry("blk1000", |setup| Ok(Box::new(Blk1000(runtime(setup)?)))),
    entry("blkstress", |setup| Ok(Box::new(BlkStress(runtime(setup)?)))),
];

fn runtime(setup: &Setup) -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(setup.workers)
        .max_blocking_threads(MAX_THREADS - setup.workers)
        .enable_time()
        .build()
        .map_err(Failure::start("tokio's runtime"))
}

/// Runs `work` as a task of the runtime.
fn run<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(work).await.expect("the task does not fail") })
}

/// A trivial function, called on another thread, again and again.
struct Sent(Runtime);

impl Trial for Sent {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (took, value) = run(&self.0, async move {
            let function: Function = black_box(NOP);
            let start = Instant::now();
            let mut value = 0;
            for _ in 0..ops {
                value = spawn_blocking(move || function(value)).await.expect("the call ends");
            }
            (start.elapsed(), value)
        });
        check("calls", ops, value)?;
        Ok(Sample::new(took))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
}

struct Blk1000(Runtime);

impl Trial for Blk1000 {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (makespan, slept, kept) = run(&self.0, nap_beside(ops));
        check("nanoseconds slept", ops * NAP_NS, slept)?;
        let threads = threads_now()? as f64;
        let extra = vec![("compute_kept_percent", 100.0 * kept), ("peak_threads", threads)];
        Ok(sample(makespan, extra))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
}

async fn nap_beside(ops: u64) -> (Duration, u64, f64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..COMPUTING)
        .map(|_| {
            let chunks = Arc::new(AtomicU64::new(0));
            (chunks.clone(), tokio::spawn(compute(is_over.clone(), chunks)))
        })
        .collect();
    // ORDERING: Relaxed, counts that publish nothing.
    let chunks = || computing.iter().map(|(it, _)| it.load(Ordering::Relaxed)).sum::<u64>();

    let (before, start) = (chunks(), Instant::now());
    tokio::time::sleep(ALONE).await;
    let alone = (chunks() - before) as f64 / start.elapsed().as_secs_f64();

    let (before, start) = (chunks(), Instant::now());
    let naps: Vec<JoinHandle<u64>> = (0..ops)
        .map(|_| {
            tokio::spawn(async { spawn_blocking(|| NAP(NAP_NS)).await.expect("the call ends") })
        })
        .collect();
    let mut slept = 0;
    for nap in naps {
        slept += nap.await.expect("a nap does not fail");
    }
    let makespan = start.elapsed();
    let beside = (chunks() - before) as f64 / makespan.as_secs_f64();

    // ORDERING: Relaxed, the flag publishes nothing but itself.
    is_over.store(true, Ordering::Relaxed);
    for (_, task) in computing {
        task.await.expect("a task that computes does not fail");
    }
    (makespan, slept, beside / alone)
}

async fn compute(is_over: Arc<AtomicBool>, counter: Arc<AtomicU64>) {
    let mut chunks = 0;
    let mut x = 1;
    // ORDERING: Relaxed, see `nap_beside`.
    while !is_over.load(Ordering::Relaxed) {
        x = chunk(x);
        chunks += 1;
        // ORDERING: Relaxed, see `nap_beside`.
        counter.store(chunks, Ordering::Relaxed);
        yield_now().await;
    }
    black_box(x);
}

struct BlkStress(Runtime);

impl Trial for BlkStress {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let (makespan, slept) = run(&self.0, async move {
            let start = Instant::now();
            let tasks: Vec<JoinHandle<u64>> = (0..blkstress::TASKS)
                .map(|_| tokio::spawn(nap_and_yield(ops / blkstress::TASKS)))
                .collect();
            let mut slept = 0;
            for task in tasks {
                slept += task.await.expect("a nap does not fail");
            }
            (start.elapsed(), slept)
        });
        check("nanoseconds slept", ops * blkstress::NAP_NS, slept)?;
        Ok(sample(makespan, vec![("peak_threads", threads_now()? as f64)]))
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
}

async fn nap_and_yield(times: u64) -> u64 {
    let mut slept = 0;
    for _ in 0..times {
        slept += block_in_place(|| NAP(blkstress::NAP_NS));
        yield_now().await;
    }
    slept
}
