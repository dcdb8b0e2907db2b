//! Coroutines that have to do with each other.

use super::{join, spawn, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::mutex::TASKS;
use may::sync::Mutex;
use std::sync::Arc;

pub(super) fn mutex(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    timed(
        setup,
        "additions by all tasks",
        |ops| ops,
        move |ops| {
            let counter = Arc::new(Mutex::new(0));
            let all: Vec<_> = (0..tasks)
                .map(|_| {
                    let counter = counter.clone();
                    spawn(move || add(&counter, ops / tasks))
                })
                .collect();
            let done: u64 = all.into_iter().map(join).sum();
            // Both are what was asked for, or the lock let two in.
            done.min(*counter.lock().expect("nobody panics under it"))
        },
    )
}

fn add(counter: &Mutex<u64>, rounds: u64) -> u64 {
    for _ in 0..rounds {
        *counter.lock().expect("nobody panics under it") += 1;
    }
    rounds
}
