//! `native_yield`: an announced native call, and then a turn of another task.
//!
//! What a scheduler saves on the one, it may lose on the other: if the worker were handed off at the
//! call and stayed away, calls in a loop would look cheap. So each worker has two tasks that take turns
//! strictly: a task whose yield did not run the other waits for it, at its own expense. It happens where
//! the kernel keeps a carrier from its processor in the middle of a call, and the monitor takes its
//! worker: `switched_percent` says how many yields ran somebody at once.

use super::native::{Announced, Function, NOP, Way};
use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Setup, Trial, WarmUp, Workload, check};
use serde_json::{Value, json};
use sortie::Runtime;
use sortie::native::{self, Target};
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Instant;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "native_yield",
    definition: "an announced call of a trivial C function, then a yield that runs another task; two \
                 tasks per worker",
    ops: 4_000_000,
    unit: |setup| 2 * setup.workers as u64,
    warm_up: WarmUp::Growing,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Pairs::new(setup)?)),
    }],
};

struct Pairs {
    runtime: Runtime,
    workers: usize,
    nop: Announced,
}

impl Pairs {
    fn new(setup: &Setup) -> Result<Pairs, Failure> {
        let nop = Announced::nop(Way::TaskStack);
        Ok(Pairs { runtime: runtime(setup)?, workers: setup.workers, nop })
    }

    fn turns(&mut self, ops: u64) -> Result<Turns, Failure> {
        let stage = Arc::new(Stage {
            target: self.nop.target.clone(),
            workers: self.workers,
            turns: ops / (2 * self.workers as u64),
            on_their_workers: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        });
        let all = self.runtime.run(move || {
            let leaders: Vec<_> = (0..stage.workers)
                .map(|_| {
                    let stage = stage.clone();
                    sortie::spawn(move || lead(&stage))
                })
                .collect();
            leaders
                .into_iter()
                .map(|leader| leader.join().expect("a leader does not fail"))
                .reduce(Turns::and)
                .expect("there is a worker")
        });
        check("calls", ops, all.calls)?;
        self.nop.count(ops, &self.runtime)?;
        Ok(all)
    }
}

impl Trial for Pairs {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let retakes_before = self.runtime.snapshot().retakes;
        let all = self.turns(ops)?;
        let retakes = self.runtime.snapshot().retakes - retakes_before;
        Ok(Sample {
            took: all.end - all.begin,
            extra: vec![
                ("switched_percent", 100.0 * all.switches as f64 / ops as f64),
                ("retakes", retakes as f64),
            ],
        })
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        let class = self.nop.target.class();
        end(self.runtime)?;
        Ok(vec![("class", json!(class.name()))])
    }
}

/// What all tasks of a run share.
struct Stage {
    target: Arc<Target>,
    workers: usize,
    /// Of each task.
    turns: u64,
    on_their_workers: AtomicUsize,
    ready: AtomicUsize,
    done: AtomicUsize,
}

impl Stage {
    /// Lets the other task of the worker run until all tasks have come as far.
    fn meet(&self, there: &AtomicUsize) {
        // ORDERING: Relaxed, counts that publish nothing.
        there.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        while there.load(Ordering::Relaxed) < 2 * self.workers {
            sortie::yield_now();
        }
    }
}

/// What one task did, or several.
struct Turns {
    begin: Instant,
    end: Instant,
    calls: u64,
    /// Turns whose yield let others run.
    switches: u64,
}

impl Turns {
    fn and(self, other: Turns) -> Turns {
        Turns {
            begin: self.begin.min(other.begin),
            end: self.end.max(other.end),
            calls: self.calls + other.calls,
            switches: self.switches + other.switches,
        }
    }
}

/// Whose turn it was, 0 before the first: alone on its cache lines.
#[repr(align(128))]
struct Pair(AtomicU8);

/// The first task of a worker: it sees to it that there is one on each, and starts the second.
fn lead(stage: &Arc<Stage>) -> Turns {
    // ORDERING: Relaxed, a count that publishes nothing.
    stage.on_their_workers.fetch_add(1, Ordering::Relaxed);
    // Whoever yielded here could let a second leader run on its worker.
    // ORDERING: Relaxed, as above.
    while stage.on_their_workers.load(Ordering::Relaxed) < stage.workers {
        spin_loop();
    }
    let pair = Arc::new(Pair(AtomicU8::new(0)));
    let partner = {
        let (stage, pair) = (stage.clone(), pair.clone());
        sortie::spawn(move || take_turns(&stage, &pair, 2))
    };
    let turns = take_turns(stage, &pair, 1);
    turns.and(partner.join().expect("a partner does not fail"))
}

fn take_turns(stage: &Stage, pair: &Pair, me: u8) -> Turns {
    stage.meet(&stage.ready);
    let function: Function = black_box(NOP);
    let target = &*stage.target;
    let (mut calls, mut switches) = (0, 0);
    let begin = Instant::now();
    for _ in 0..stage.turns {
        // ORDERING: Relaxed, it publishes nothing.
        while pair.0.load(Ordering::Relaxed) == me {
            sortie::yield_now();
        }
        // ORDERING: Relaxed, as above.
        pair.0.store(me, Ordering::Relaxed);
        calls = native::call(target, || function(calls));
        switches += u64::from(sortie_scheduler::yield_now());
    }
    let end = Instant::now();
    // Who has no work would steal the others'.
    stage.meet(&stage.done);
    Turns { begin, end, calls, switches }
}
