//! Coroutines that live and end, and some that only wait.

use super::{join, run, spawn, start, timed};
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Setup, Trial, check};
use crate::bench::workloads::fib::{CUTOFF, N, TASKS, VALUE, plain, yields};
use crate::bench::workloads::idle1m::{idle_sample, memory};
use crate::bench::workloads::skynet::branches;
use crate::bench::workloads::timers::{Clocks, duration, lateness};
use crate::bench::workloads::{YIELDS_EVERY, spawnbatch};
use may::coroutine::{JoinHandle, sleep, yield_now};
use may::sync::Semphore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The child number `n`, whose value that is.
fn child(n: u64) -> u64 {
    if n.is_multiple_of(YIELDS_EVERY) {
        yield_now();
    }
    n
}

pub(super) fn spawnseq(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed(
        setup,
        "children with the right value",
        |ops| ops,
        |ops| (0..ops).map(|n| u64::from(join(spawn(move || child(n))) == n)).sum(),
    )
}

pub(super) fn spawnbatch(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(spawnbatch::TASKS);
    let expected = move |ops| spawnbatch::sum_of(ops, tasks);
    timed(setup, "sum of the children's values", expected, move |ops| {
        let mut children = Vec::with_capacity(tasks as usize);
        let mut sum = 0;
        for _ in 0..ops / tasks {
            children.extend((0..tasks).map(|n| spawn(move || child(n))));
            sum += children.drain(..).map(join).sum::<u64>();
        }
        sum
    })
}

pub(super) fn skynet(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let expected = |ops| ops * (ops - 1) / 2;
    timed(setup, "sum of the leaves", expected, |ops| join(spawn(move || node(0, ops))))
}

fn node(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return child(first);
    }
    let children: Vec<_> =
        branches(first, leaves).map(|(first, leaves)| spawn(move || node(first, leaves))).collect();
    children.into_iter().map(join).sum()
}

pub(super) fn fib(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let expected = |ops| ops / TASKS * VALUE;
    timed(setup, "sum of the numbers", expected, |ops| {
        (0..ops / TASKS).map(|_| join(spawn(|| fork(N, 0)))).sum()
    })
}

/// Both branches are tasks. `path` is how the root leads here, as bits.
fn fork(n: u64, path: u64) -> u64 {
    if yields(path) {
        yield_now();
    }
    if n <= CUTOFF {
        return plain(n);
    }
    let left = spawn(move || fork(n - 1, 2 * path + 1));
    let right = spawn(move || fork(n - 2, 2 * path + 2));
    let right = join(right);
    join(left) + right
}

pub(super) fn idle1m(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    work(|ops| {
        let bytes_before = memory()?;
        let (gate, tasks, took) = run(move || park(ops));
        let bytes = memory()?.saturating_sub(bytes_before);
        let (waking, value) = run(move || {
            let start = Instant::now();
            tasks.iter().for_each(|_| gate.post());
            let value = tasks.into_iter().map(join).sum();
            (start.elapsed(), value)
        });
        check("sum of the tasks' values", ops * (ops - 1) / 2, value)?;
        Ok(idle_sample(ops, took, bytes, waking))
    })
}

fn park(ops: u64) -> (Arc<Semphore>, Vec<JoinHandle<u64>>, Duration) {
    let gate = Arc::new(Semphore::new(0));
    let parked = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks = (0..ops)
        .map(|n| {
            let (gate, parked) = (gate.clone(), parked.clone());
            spawn(move || {
                // ORDERING: Relaxed, a count that publishes nothing.
                parked.fetch_add(1, Ordering::Relaxed);
                gate.wait();
                n
            })
        })
        .collect();
    // ORDERING: Relaxed, as above.
    while parked.load(Ordering::Relaxed) < ops {
        sleep(Duration::from_millis(1));
    }
    (gate, tasks, start.elapsed())
}

pub(super) fn timers(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    work(|ops| {
        Ok(run(move || {
            let clocks = Clocks::now();
            let tasks: Vec<_> = (0..ops)
                .map(|n| {
                    spawn(move || {
                        let start = Instant::now();
                        sleep(duration(n));
                        lateness(start, duration(n))
                    })
                })
                .collect();
            clocks.sample(tasks.into_iter().map(join).collect())
        }))
    })
}
