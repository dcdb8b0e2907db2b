//! Tasks that only wait.

use super::Futures;
use super::turns::sum;
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Setup, Trial, check};
use crate::bench::workloads::idle1m::{idle_sample, memory};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) fn idle1m<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    work(move |ops| {
        let bytes_before = memory()?;
        let (gate, tasks, took) = runtime.run(park::<E>(ops));
        let bytes = memory()?.saturating_sub(bytes_before);
        let (waking, value) = runtime.run(async move {
            let start = Instant::now();
            E::open(&gate, tasks.len());
            let value = sum(tasks).await;
            (start.elapsed(), value)
        });
        check("sum of the tasks' values", ops * (ops - 1) / 2, value)?;
        Ok(idle_sample(ops, took, bytes, waking))
    })
}

async fn park<E: Futures>(ops: u64) -> (Arc<E::Gate>, Vec<E::Task<u64>>, Duration) {
    let gate = Arc::new(E::gate());
    let parked = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks = (0..ops)
        .map(|n| {
            let (gate, parked) = (gate.clone(), parked.clone());
            E::spawn(async move {
                // ORDERING: Relaxed, a count that publishes nothing.
                parked.fetch_add(1, Ordering::Relaxed);
                E::pass(&gate).await;
                n
            })
        })
        .collect();
    // ORDERING: Relaxed, as above.
    while parked.load(Ordering::Relaxed) < ops {
        E::sleep(Duration::from_millis(1)).await;
    }
    (gate, tasks, start.elapsed())
}
