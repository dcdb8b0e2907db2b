//! Yields.

use super::{Futures, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::native::{Function, NOP};
use crate::bench::workloads::yield1k;
use std::hint::black_box;

pub(super) fn yield1<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed::<E, _>(setup, "yields", |ops| ops, take_turns::<E>)
}

pub(super) fn yield1k<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(yield1k::TASKS);
    timed::<E, _>(
        setup,
        "yields of all tasks",
        |ops| ops,
        move |ops| async move {
            let spawn = |_| E::spawn(take_turns::<E>(ops / tasks));
            sum((0..tasks).map(spawn).collect()).await
        },
    )
}

async fn take_turns<E: Futures>(turns: u64) -> u64 {
    let mut yields = 0;
    for _ in 0..turns {
        E::yield_now().await;
        yields += 1;
    }
    yields
}

/// Two tasks for each worker, which take turns as the runtime has it.
pub(super) fn native_yield<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = 2 * setup.workers as u64;
    timed::<E, _>(
        setup,
        "calls",
        |ops| ops,
        move |ops| async move {
            let spawn = |_| E::spawn(call_and_yield::<E>(ops / tasks));
            sum((0..tasks).map(spawn).collect()).await
        },
    )
}

async fn call_and_yield<E: Futures>(turns: u64) -> u64 {
    let function: Function = black_box(NOP);
    let mut calls = 0;
    for _ in 0..turns {
        calls = E::blocking(move || function(calls)).await;
        E::yield_now().await;
    }
    calls
}

/// Joins all.
pub(super) async fn sum<T: Future<Output = u64>>(tasks: Vec<T>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await;
    }
    sum
}
