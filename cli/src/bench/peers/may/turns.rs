//! Yields, and the switch below them.

use super::{join, spawn, timed};
use crate::bench::peers::work::work;
use crate::bench::workload::{Failure, Sample, Setup, Trial, check};
use crate::bench::workloads::native::{Function, NOP};
use crate::bench::workloads::yield1k::TASKS;
use generator::Gn;
use may::coroutine::yield_now;
use std::hint::black_box;
use std::time::Instant;

/// The generator that its coroutines are made of.
pub(super) fn switch(_: &Setup) -> Result<Box<dyn Trial>, Failure> {
    work(|ops| {
        let mut turns = Gn::<()>::new_scoped(|mut scope| {
            let mut turns = 0_u64;
            loop {
                turns += 1;
                scope.yield_with(turns);
            }
        });
        let mut last = turns.resume();
        let start = Instant::now();
        for _ in 0..ops / 2 {
            last = turns.resume();
        }
        let took = start.elapsed();
        check("turns", ops / 2 + 1, last.unwrap_or(0))?;
        Ok(Sample::new(took))
    })
}

pub(super) fn yield1(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed(setup, "yields", |ops| ops, take_turns)
}

pub(super) fn yield1k(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    timed(
        setup,
        "yields of all tasks",
        |ops| ops,
        move |ops| {
            let all: Vec<_> = (0..tasks).map(|_| spawn(move || take_turns(ops / tasks))).collect();
            all.into_iter().map(join).sum()
        },
    )
}

fn take_turns(turns: u64) -> u64 {
    let mut yields = 0;
    for _ in 0..turns {
        yield_now();
        yields += 1;
    }
    yields
}

/// Two tasks for each worker, which take turns as the runtime has it. The call is not announced.
pub(super) fn native_yield(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = 2 * setup.workers as u64;
    timed(
        setup,
        "calls",
        |ops| ops,
        move |ops| {
            let all: Vec<_> =
                (0..tasks).map(|_| spawn(move || call_and_yield(ops / tasks))).collect();
            all.into_iter().map(join).sum()
        },
    )
}

fn call_and_yield(turns: u64) -> u64 {
    let function: Function = black_box(NOP);
    let mut calls = 0;
    for _ in 0..turns {
        calls = function(calls);
        yield_now();
    }
    calls
}
