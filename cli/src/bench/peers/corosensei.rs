//! corosensei, raw: coroutines on one thread, and a loop that resumes them. What is left when a runtime
//! costs nothing. It has no workers: the number changes nothing.

use super::Entry;
use super::work::{entry, work};
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Sample, Setup, Trial, check};
use crate::bench::workloads::switch::{STACK_BYTES, raw_loop};
use crate::bench::workloads::yield1k::TASKS;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

pub(super) const ENTRIES: &[Entry] =
    &[entry(Peer::Corosensei, "switch", switch), entry(Peer::Corosensei, "yield1k", yield1k)];

fn switch(_: &Setup) -> Result<Box<dyn Trial>, Failure> {
    work(|ops| raw_loop(ops / 2).map(Sample::new).map_err(Failure::start("a coroutine's stack")))
}

fn yield1k(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    work(move |ops| {
        let (took, yields) =
            ring(tasks, ops / tasks).map_err(Failure::start("a coroutine's stack"))?;
        check("yields of all tasks", ops, yields)?;
        Ok(Sample::new(took))
    })
}

/// Coroutines that take turns, first in, first out.
fn ring(tasks: u64, turns: u64) -> io::Result<(Duration, u64)> {
    let start = Instant::now();
    let mut ring = VecDeque::with_capacity(tasks as usize);
    for _ in 0..tasks {
        let stack = DefaultStack::new(STACK_BYTES)?;
        ring.push_back(Coroutine::with_stack(stack, move |switch: &Yielder<(), ()>, ()| {
            let mut yields = 0;
            for _ in 0..turns {
                switch.suspend(());
                yields += 1;
            }
            yields
        }));
    }
    let mut yields = 0;
    while let Some(mut coroutine) = ring.pop_front() {
        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => ring.push_back(coroutine),
            CoroutineResult::Return(its_yields) => yields += its_yields,
        }
    }
    Ok((start.elapsed(), yields))
}
