//! Tasks that sleep.

use super::Futures;
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::timers::{Clocks, duration, lateness};
use std::time::Instant;

pub(super) fn timers<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    work(move |ops| {
        let sample = runtime.run(async move {
            let clocks = Clocks::now();
            let tasks: Vec<_> = (0..ops)
                .map(|n| {
                    E::spawn(async move {
                        let duration = duration(n);
                        let start = Instant::now();
                        E::sleep(duration).await;
                        lateness(start, duration)
                    })
                })
                .collect();
            let mut late = Vec::with_capacity(tasks.len());
            for task in tasks {
                late.push(task.await);
            }
            clocks.sample(late)
        });
        Ok(sample)
    })
}
