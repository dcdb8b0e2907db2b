//! Calls that block: each stalls the worker that makes it.

use super::{join, run, spawn, start};
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Setup, Trial, check};
use crate::bench::workloads::blk1000::{ALONE, COMPUTING, NAP_NS, chunk};
use crate::bench::workloads::blocking::{sample, threads_now};
use crate::bench::workloads::native::NAP;
use crate::bench::workloads::{blkstress, stall};
use may::coroutine::{sleep, yield_now};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) fn stall(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    let run = |_: &(), ops| Ok(run(move || (0..ops).map(|_| wait_behind()).collect()));
    Ok(Box::new(stall::Waits { runtime: (), run, end: |()| Ok(()), last: Vec::new() }))
}

fn wait_behind() -> Duration {
    let next = spawn(Instant::now);
    let start = Instant::now();
    NAP(stall::NAP_NS);
    join(next).saturating_duration_since(start)
}

pub(super) fn blk1000(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    work(|ops| {
        let (makespan, slept, kept) = run(move || nap_beside(ops));
        check("nanoseconds slept", ops * NAP_NS, slept)?;
        let threads = threads_now()? as f64;
        let extra = vec![("compute_kept_percent", 100.0 * kept), ("peak_threads", threads)];
        Ok(sample(makespan, extra))
    })
}

fn nap_beside(ops: u64) -> (Duration, u64, f64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..COMPUTING)
        .map(|_| {
            let chunks = Arc::new(AtomicU64::new(0));
            let (is_over, counter) = (is_over.clone(), chunks.clone());
            (chunks, spawn(move || compute(&is_over, &counter)))
        })
        .collect();
    // ORDERING: Relaxed, counts that publish nothing.
    let chunks = || computing.iter().map(|(it, _)| it.load(Ordering::Relaxed)).sum::<u64>();

    let (before, start) = (chunks(), Instant::now());
    sleep(ALONE);
    let alone = (chunks() - before) as f64 / start.elapsed().as_secs_f64();

    let (before, start) = (chunks(), Instant::now());
    let naps: Vec<_> = (0..ops).map(|_| spawn(|| NAP(NAP_NS))).collect();
    let slept = naps.into_iter().map(join).sum();
    let makespan = start.elapsed();
    let beside = (chunks() - before) as f64 / makespan.as_secs_f64();

    // ORDERING: Relaxed, the flag publishes nothing but itself.
    is_over.store(true, Ordering::Relaxed);
    computing.into_iter().for_each(|(_, task)| join(task));
    (makespan, slept, beside / alone)
}

fn compute(is_over: &AtomicBool, counter: &AtomicU64) {
    let mut chunks = 0;
    let mut x = 1;
    // ORDERING: Relaxed, see `nap_beside`.
    while !is_over.load(Ordering::Relaxed) {
        x = chunk(x);
        chunks += 1;
        // ORDERING: Relaxed, see `nap_beside`.
        counter.store(chunks, Ordering::Relaxed);
        yield_now();
    }
    black_box(x);
}

pub(super) fn blkstress(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    work(|ops| {
        let (makespan, slept) = run(move || {
            let start = Instant::now();
            let nap = move || nap_and_yield(ops / blkstress::TASKS);
            let tasks: Vec<_> = (0..blkstress::TASKS).map(|_| spawn(nap)).collect();
            let slept = tasks.into_iter().map(join).sum();
            (start.elapsed(), slept)
        });
        check("nanoseconds slept", ops * blkstress::NAP_NS, slept)?;
        Ok(sample(makespan, vec![("peak_threads", threads_now()? as f64)]))
    })
}

fn nap_and_yield(times: u64) -> u64 {
    let mut slept = 0;
    for _ in 0..times {
        slept += NAP(blkstress::NAP_NS);
        yield_now();
    }
    slept
}
