//! A task that was made ready just before the one that readied it blocks in native code does not wait
//! for that: it runs at once, although it is in that worker's own slot.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, MODES, WORKERS, exclusively};
use std::sync::Arc;
use std::time::{Duration, Instant};

static GATE: Target = Target::named("natives_gate_wait");

const PROMISE: Duration = Duration::from_millis(1);

/// The newest task blocks the one that spawned it for good, if it does not run.
#[test]
fn it_runs_within_a_millisecond() {
    for mode in MODES {
        for workers in WORKERS {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                within("readied before a block, longest", bound(PROMISE), || {
                    let delays: Delays = (0..short_or_soak(100, 10_000))
                        .map(|_| runtime.run(spawn_and_block))
                        .collect();
                    println!("  {delays}");
                    delays.max()
                });
            });
        }
    }
}

fn spawn_and_block() -> Duration {
    let gate = Arc::new(Gate::new());
    let opens = gate.clone();
    let start = Instant::now();
    let victim = sortie::spawn(move || {
        let delay = start.elapsed();
        opens.open();
        delay
    });
    native::call_here(&GATE, || gate.wait());
    victim.join().unwrap()
}
