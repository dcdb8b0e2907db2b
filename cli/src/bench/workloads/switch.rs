//! `switch`: the context switch of our fiber type, beside that of the raw coroutine under it.
//!
//! No runtime takes part: the figure is the same for every number of workers and every mode, but
//! for the noise. Both loops are cut in slices and run in turn, so that both meet the same noise.

use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use serde_json::Value;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often the two loops take turns in a run.
const SLICES: u64 = 10;

/// As our fibers have.
pub(crate) const STACK_BYTES: usize = 64 << 10;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "switch",
    definition: "half of a resume and a suspend of the runtime's own fiber, on one thread, without a \
                 runtime; beside it the raw coroutine (`corosensei_ns`)",
    ops: 40_000_000,
    unit: |_| 2 * SLICES,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender { peer: Peer::Sortie, start: |_| Ok(Box::new(Switch)) }],
};

struct Switch;

impl Trial for Switch {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let pairs = ops / 2 / SLICES;
        let mut ours = Duration::ZERO;
        let mut raw = Duration::ZERO;
        for slice in 0..SLICES {
            // Each goes first as often as the other.
            if slice % 2 == 0 {
                ours += our_switches(pairs)?;
                raw += raw_switches(pairs)?;
            } else {
                raw += raw_switches(pairs)?;
                ours += our_switches(pairs)?;
            }
        }
        let raw_ns = raw.as_nanos() as f64 / ops as f64;
        let ratio = ours.as_secs_f64() / raw.as_secs_f64();
        Ok(Sample { took: ours, extra: vec![("corosensei_ns", raw_ns), ("ratio", ratio)] })
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
}

fn our_switches(pairs: u64) -> Result<Duration, Failure> {
    sortie_scheduler::bench::switches(pairs).map_err(Failure::start("a fiber's stack"))
}

fn raw_switches(pairs: u64) -> Result<Duration, Failure> {
    raw_loop(pairs).map_err(Failure::start("a coroutine's stack"))
}

/// What both sides of the raw loop share: as much as those of ours do.
#[derive(Default)]
struct Shared {
    is_over: Cell<bool>,
    turns: Cell<u64>,
}

/// The same loop over the raw coroutine.
pub(crate) fn raw_loop(pairs: u64) -> io::Result<Duration> {
    let shared = Rc::new(Shared::default());
    let inside = shared.clone();
    let stack = DefaultStack::new(STACK_BYTES)?;
    let mut coroutine = Coroutine::with_stack(stack, move |switch: &Yielder<(), ()>, ()| {
        while !inside.is_over.get() {
            inside.turns.set(inside.turns.get() + 1);
            switch.suspend(());
        }
    });
    // The first turn touches the stack's first page.
    coroutine.resume(());

    let start = Instant::now();
    for _ in 0..pairs {
        coroutine.resume(());
    }
    let took = start.elapsed();

    shared.is_over.set(true);
    // A coroutine that has not ended would have to be unwound.
    let end = coroutine.resume(());
    assert!(matches!(end, CoroutineResult::Return(())), "the body ends when it is told to");
    assert_eq!(shared.turns.get(), pairs + 1, "each resume ran the body");
    Ok(took)
}
