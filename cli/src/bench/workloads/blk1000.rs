//! `blk1000`: a thousand tasks block in native code at once, while two tasks compute.
//!
//! A good runtime lets all of them block side by side, on as many threads, and does not let those that
//! compute pay for it. What is kept of the computing is measured against the same two tasks in the same
//! run, before the others come.

use super::blocking::Naps;
use super::native::NAP;
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload};
use serde_json::Value;
use sortie::JoinHandle;
use sortie::native::{self, Target};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long each of the tasks blocks.
pub(crate) const NAP_NS: u64 = 10_000_000;

/// How many tasks compute.
pub(crate) const COMPUTING: usize = 2;

/// For how long they compute alone.
pub(crate) const ALONE: Duration = Duration::from_millis(50);

pub(crate) const WORKLOAD: Workload = Workload {
    name: "blk1000",
    definition: "1,000 tasks each sleep 10 ms in C, beside 2 that compute and yield: the time until all \
                 are joined (`makespan_ms`), by the number of calls; what is kept of the computing",
    ops: 1000,
    unit: |_| 1,
    warm_up: WarmUp::Whole,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Trialled(Naps::new(setup)?))),
    }],
};

struct Trialled(Naps);

impl Trial for Trialled {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let mut kept = 0.0;
        let mut sample = self.0.run(ops, ops * NAP_NS, |runtime, target| {
            let run = runtime.run(move || nap_beside(&target, ops));
            kept = run.kept;
            (run.makespan, run.slept_ns)
        })?;
        sample.extra.push(("compute_kept_percent", 100.0 * kept));
        Ok(sample)
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        self.0.finish()
    }
}

struct Run {
    makespan: Duration,
    slept_ns: u64,
    /// Of the rate of those that compute, against theirs alone.
    kept: f64,
}

fn nap_beside(target: &Arc<Target>, ops: u64) -> Run {
    let computing = Computing::begin();
    let alone = computing.rate_while(|| sortie::sleep(ALONE)).0;
    let (beside, (makespan, slept_ns)) = computing.rate_while(|| {
        let start = Instant::now();
        let naps: Vec<JoinHandle<u64>> = (0..ops)
            .map(|_| {
                let target = target.clone();
                sortie::spawn(move || native::call(&target, || NAP(NAP_NS)))
            })
            .collect();
        let slept = naps.into_iter().map(|nap| nap.join().expect("a nap does not fail")).sum();
        (start.elapsed(), slept)
    });
    computing.end();
    Run { makespan, slept_ns, kept: beside / alone }
}

/// The tasks that compute.
struct Computing {
    is_over: Arc<AtomicBool>,
    tasks: Vec<(Arc<AtomicU64>, JoinHandle<u64>)>,
}

impl Computing {
    fn begin() -> Computing {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = (0..COMPUTING)
            .map(|_| {
                let chunks = Arc::new(AtomicU64::new(0));
                let (is_over, counter) = (is_over.clone(), chunks.clone());
                (chunks, sortie::spawn(move || compute(&is_over, &counter)))
            })
            .collect();
        Computing { is_over, tasks }
    }

    /// Chunks per second while `f` runs.
    fn rate_while<T>(&self, f: impl FnOnce() -> T) -> (f64, T) {
        // ORDERING: Relaxed, counts that publish nothing.
        let chunks = || self.tasks.iter().map(|(it, _)| it.load(Ordering::Relaxed)).sum::<u64>();
        let (before, start) = (chunks(), Instant::now());
        let value = f();
        ((chunks() - before) as f64 / start.elapsed().as_secs_f64(), value)
    }

    fn end(self) {
        // ORDERING: Relaxed, the flag publishes nothing but itself.
        self.is_over.store(true, Ordering::Relaxed);
        for (chunks, task) in self.tasks {
            let done = task.join().expect("a task that computes does not fail");
            // ORDERING: Relaxed, the join orders it.
            assert_eq!(done, chunks.load(Ordering::Relaxed), "it counts what it did");
        }
    }
}

/// Computes in chunks, with a yield after each, and says how many.
fn compute(is_over: &AtomicBool, counter: &AtomicU64) -> u64 {
    let mut chunks = 0;
    let mut x = 1;
    // ORDERING: Relaxed, see `Computing::end`.
    while !is_over.load(Ordering::Relaxed) {
        x = chunk(x);
        chunks += 1;
        // ORDERING: Relaxed, see `Computing::rate_while`.
        counter.store(chunks, Ordering::Relaxed);
        sortie::yield_now();
    }
    black_box(x);
    chunks
}

/// Something to do for about a microsecond.
pub(crate) fn chunk(seed: u64) -> u64 {
    (0..800).fold(seed, |x: u64, _| {
        black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
    })
}
