//! rayon: a pool of threads that steal from each other. Its tasks cannot suspend, so that it enters where
//! children end by themselves, and none of them yields.

use super::Entry;
use super::work::{entry, work};
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Sample, Setup, Trial, check};
use crate::bench::workloads::fib::{CUTOFF, N, TASKS, VALUE, plain};
use crate::bench::workloads::skynet::{BRANCHES, branches};
use crate::bench::workloads::spawnbatch;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::time::Instant;

pub(super) const ENTRIES: &[Entry] = &[
    entry(Peer::Rayon, "spawnseq", spawnseq),
    entry(Peer::Rayon, "spawnbatch", spawnbatch),
    entry(Peer::Rayon, "skynet", skynet),
    entry(Peer::Rayon, "fib", fib),
];

fn pool(setup: &Setup) -> Result<ThreadPool, Failure> {
    ThreadPoolBuilder::new()
        .num_threads(setup.workers)
        .build()
        .map_err(Failure::start("rayon's threads"))
}

/// A trial whose runs are made on a thread of the pool, with a value that is checked.
fn timed(
    setup: &Setup,
    what: &'static str,
    expected: impl Fn(u64) -> u64 + 'static,
    run: impl Fn(u64) -> u64 + Send + Sync + 'static,
) -> Result<Box<dyn Trial>, Failure> {
    let pool = pool(setup)?;
    work(move |ops| {
        let (took, value) = pool.install(|| {
            let start = Instant::now();
            let value = run(ops);
            (start.elapsed(), value)
        });
        check(what, expected(ops), value)?;
        Ok(Sample::new(took))
    })
}

fn spawnseq(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed(
        setup,
        "children with the right value",
        |ops| ops,
        |ops| {
            let mut right = 0;
            for n in 0..ops {
                let mut value = None;
                rayon::scope(|scope| scope.spawn(|_| value = Some(n)));
                right += u64::from(value == Some(n));
            }
            right
        },
    )
}

fn spawnbatch(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(spawnbatch::TASKS);
    let expected = move |ops| spawnbatch::sum_of(ops, tasks);
    timed(setup, "sum of the children's values", expected, move |ops| {
        let mut values = vec![0; tasks as usize];
        let mut sum = 0;
        for _ in 0..ops / tasks {
            rayon::scope(|scope| {
                for (n, value) in values.iter_mut().enumerate() {
                    scope.spawn(move |_| *value = n as u64);
                }
            });
            sum += values.iter().sum::<u64>();
        }
        sum
    })
}

fn skynet(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed(setup, "sum of the leaves", |ops| ops * (ops - 1) / 2, |ops| node(0, ops))
}

fn node(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let mut values = [0; BRANCHES as usize];
    rayon::scope(|scope| {
        for (value, (first, leaves)) in values.iter_mut().zip(branches(first, leaves)) {
            scope.spawn(move |_| *value = node(first, leaves));
        }
    });
    values.iter().sum()
}

fn fib(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let expected = |ops| ops / TASKS * VALUE;
    timed(setup, "sum of the numbers", expected, |ops| (0..ops / TASKS).map(|_| fork(N)).sum())
}

fn fork(n: u64) -> u64 {
    if n <= CUTOFF {
        return plain(n);
    }
    let (left, right) = rayon::join(|| fork(n - 1), || fork(n - 2));
    left + right
}
