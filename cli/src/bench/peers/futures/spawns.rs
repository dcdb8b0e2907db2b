//! Tasks that live and end.

use super::turns::sum;
use super::{Futures, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::fib::{CUTOFF, N, TASKS, VALUE, plain, yields};
use crate::bench::workloads::skynet::{BRANCHES, branches};
use crate::bench::workloads::{YIELDS_EVERY, spawnbatch};

/// The child number `n`, whose value that is.
async fn child<E: Futures>(n: u64) -> u64 {
    if n.is_multiple_of(YIELDS_EVERY) {
        E::yield_now().await;
    }
    n
}

pub(super) fn spawnseq<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed::<E, _>(
        setup,
        "children with the right value",
        |ops| ops,
        |ops| async move {
            let mut right = 0;
            for n in 0..ops {
                right += u64::from(E::spawn(child::<E>(n)).await == n);
            }
            right
        },
    )
}

pub(super) fn spawnbatch<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(spawnbatch::TASKS);
    let expected = move |ops| spawnbatch::sum_of(ops, tasks);
    timed::<E, _>(setup, "sum of the children's values", expected, move |ops| async move {
        let mut children = Vec::with_capacity(tasks as usize);
        let mut sum = 0;
        for _ in 0..ops / tasks {
            children.extend((0..tasks).map(|n| E::spawn(child::<E>(n))));
            for child in children.drain(..) {
                sum += child.await;
            }
        }
        sum
    })
}

pub(super) fn skynet<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let expected = |ops| ops * (ops - 1) / 2;
    timed::<E, _>(setup, "sum of the leaves", expected, |ops| async move {
        E::spawn(node::<E>(0, ops)).await
    })
}

/// The node above these leaves, or the leaf.
#[expect(clippy::manual_async_fn, reason = "it could not tell of itself that it is `Send`")]
fn node<E: Futures>(first: u64, leaves: u64) -> impl Future<Output = u64> + Send {
    async move {
        if leaves == 1 {
            return child::<E>(first).await;
        }
        let mut children = Vec::with_capacity(BRANCHES as usize);
        for (first, leaves) in branches(first, leaves) {
            children.push(E::spawn(node::<E>(first, leaves)));
        }
        sum(children).await
    }
}

pub(super) fn fib<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let expected = |ops| ops / TASKS * VALUE;
    timed::<E, _>(setup, "sum of the numbers", expected, |ops| async move {
        let mut sum = 0;
        for _ in 0..ops / TASKS {
            sum += E::spawn(fork::<E>(N, 0)).await;
        }
        sum
    })
}

/// Both branches are tasks. `path` is how the root leads here, as bits.
#[expect(clippy::manual_async_fn, reason = "it could not tell of itself that it is `Send`")]
fn fork<E: Futures>(n: u64, path: u64) -> impl Future<Output = u64> + Send {
    async move {
        if yields(path) {
            E::yield_now().await;
        }
        if n <= CUTOFF {
            return plain(n);
        }
        let left = E::spawn(fork::<E>(n - 1, 2 * path + 1));
        let right = E::spawn(fork::<E>(n - 2, 2 * path + 2));
        left.await + right.await
    }
}
