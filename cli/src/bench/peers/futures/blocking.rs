//! Calls that may block: each is moved to where that stalls nobody, for such a runtime does not know which
//! of them will.

use super::turns::sum;
use super::{Futures, timed};
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Setup, Trial, check};
use crate::bench::workloads::blk1000::{ALONE, COMPUTING, NAP_NS, chunk};
use crate::bench::workloads::blocking::{sample, threads_now};
use crate::bench::workloads::native::{Function, NAP, NOP};
use crate::bench::workloads::{blkstress, stall};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A trivial function, again and again.
pub(super) fn moved_calls<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed::<E, _>(
        setup,
        "calls",
        |ops| ops,
        |ops| async move {
            let function: Function = black_box(NOP);
            let mut value = 0;
            for _ in 0..ops {
                value = E::blocking(move || function(value)).await;
            }
            value
        },
    )
}

pub(super) fn stall<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    let run = |runtime: &E, ops| Ok(runtime.run(wait_behind::<E>(ops)));
    Ok(Box::new(stall::Waits { runtime, run, end: |_| Ok(()), last: Vec::new() }))
}

async fn wait_behind<E: Futures>(ops: u64) -> Vec<Duration> {
    let mut waits = Vec::new();
    for _ in 0..ops {
        let next = E::spawn(async { Instant::now() });
        let start = Instant::now();
        E::blocking(|| NAP(stall::NAP_NS)).await;
        waits.push(next.await.saturating_duration_since(start));
    }
    waits
}

pub(super) fn blk1000<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    work(move |ops| {
        let (makespan, slept, kept) = runtime.run(nap_beside::<E>(ops));
        check("nanoseconds slept", ops * NAP_NS, slept)?;
        let threads = threads_now()? as f64;
        let extra = vec![("compute_kept_percent", 100.0 * kept), ("peak_threads", threads)];
        Ok(sample(makespan, extra))
    })
}

async fn nap_beside<E: Futures>(ops: u64) -> (Duration, u64, f64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let counters = [const { AtomicU64::new(0) }; COMPUTING].map(Arc::new);
    let start = |it: &Arc<AtomicU64>| E::spawn(compute::<E>(is_over.clone(), it.clone()));
    let computing: Vec<_> = counters.iter().map(start).collect();
    // ORDERING: Relaxed, counts that publish nothing.
    let chunks = || counters.iter().map(|it| it.load(Ordering::Relaxed)).sum::<u64>();

    let (before, start) = (chunks(), Instant::now());
    E::sleep(ALONE).await;
    let alone = (chunks() - before) as f64 / start.elapsed().as_secs_f64();

    let (before, start) = (chunks(), Instant::now());
    let spawn = |_| E::spawn(E::blocking(|| NAP(NAP_NS)));
    let slept = sum((0..ops).map(spawn).collect()).await;
    let makespan = start.elapsed();
    let beside = (chunks() - before) as f64 / makespan.as_secs_f64();

    // ORDERING: Relaxed, the flag publishes nothing but itself.
    is_over.store(true, Ordering::Relaxed);
    for task in computing {
        task.await;
    }
    (makespan, slept, beside / alone)
}

async fn compute<E: Futures>(is_over: Arc<AtomicBool>, counter: Arc<AtomicU64>) {
    let mut chunks = 0;
    let mut x = 1;
    // ORDERING: Relaxed, see `nap_beside`.
    while !is_over.load(Ordering::Relaxed) {
        x = chunk(x);
        chunks += 1;
        // ORDERING: Relaxed, see `nap_beside`.
        counter.store(chunks, Ordering::Relaxed);
        E::yield_now().await;
    }
    black_box(x);
}

pub(super) fn blkstress<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    work(move |ops| {
        let (makespan, slept) = runtime.run(async move {
            let start = Instant::now();
            let spawn = |_| E::spawn(nap_and_yield::<E>(ops / blkstress::TASKS));
            let slept = sum((0..blkstress::TASKS).map(spawn).collect()).await;
            (start.elapsed(), slept)
        });
        check("nanoseconds slept", ops * blkstress::NAP_NS, slept)?;
        Ok(sample(makespan, vec![("peak_threads", threads_now()? as f64)]))
    })
}

async fn nap_and_yield<E: Futures>(times: u64) -> u64 {
    let mut slept = 0;
    for _ in 0..times {
        slept += E::blocking_again(|| NAP(blkstress::NAP_NS)).await;
        E::yield_now().await;
    }
    slept
}
