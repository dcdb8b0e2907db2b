//! Tasks that have to do with each other.

use super::turns::sum;
use super::{Futures, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::mutex::TASKS;
use std::sync::Arc;

pub(super) fn mutex<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    timed::<E, _>(
        setup,
        "additions by all tasks",
        |ops| ops,
        move |ops| async move {
            let counter = Arc::new(E::counter());
            let spawn = |_| E::spawn(add::<E>(counter.clone(), ops / tasks));
            let done = sum((0..tasks).map(spawn).collect()).await;
            // Both are what was asked for, or the lock let two in.
            done.min(E::add(&counter, 0).await)
        },
    )
}

async fn add<E: Futures>(counter: Arc<E::Counter>, rounds: u64) -> u64 {
    for _ in 0..rounds {
        E::add(&counter, 1).await;
    }
    rounds
}
