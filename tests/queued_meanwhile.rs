//! While every worker's task is blocked in its first call of a function that nobody knows anything
//! about, work comes from outside: it runs within microseconds.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, MODES, exclusively, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROMISE: Duration = Duration::from_micros(200);

/// A target of its own for each call: its first.
fn unknown() -> &'static Target {
    Box::leak(Box::new(Target::named("natives_gate_wait")))
}

#[test]
fn it_runs_at_once() {
    for mode in MODES {
        for workers in [1, 2] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                within("queued meanwhile, p99", bound(PROMISE), || {
                    let delays: Delays = (0..short_or_soak(200, 5_000))
                        .map(|_| meanwhile(&runtime, workers))
                        .collect();
                    println!("  {delays}");
                    delays.percentile(99)
                });
            });
        }
    }
}

/// Every worker's task blocks; then work comes from outside.
fn meanwhile(runtime: &sortie::Runtime, workers: usize) -> Duration {
    let gate = Arc::new(Gate::new());
    let callers: Vec<_> = (0..workers)
        .map(|_| {
            let gate = gate.clone();
            runtime.spawn(move || native::call_here(unknown(), || gate.wait()))
        })
        .collect();
    until("all are inside", || gate.inside() == workers);
    let start = Instant::now();
    let delay = runtime.spawn(move || start.elapsed()).join().unwrap();
    gate.open();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    delay
}
