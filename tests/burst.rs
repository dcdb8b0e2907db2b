//! When every carrier up to the cap is in a callback that waits for a task which is still queued, that
//! task runs all the same.

use sortie::Runtime;
use sortie::native::{self, Target};
use sortie_natives::{Gate, with_callback};
use sortie_test::figures::{bound, short_or_soak, within};
use sortie_test::{Case, MODES, WORKERS, exclusively, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

static GATE: Target = Target::named("natives_gate_wait");
static CALL_BACK: Target = Target::named("natives_call_back");

const PROMISE: Duration = Duration::from_secs(2);

#[test]
fn callbacks_at_the_cap_get_what_they_wait_for() {
    for mode in MODES {
        for workers in WORKERS {
            exclusively(&Case::new(workers, mode), |case| {
                let cap = workers + 2;
                let runtime = case.watched(case.builder().max_carriers(cap).build().unwrap());
                within("all complete", bound(PROMISE), || {
                    let start = Instant::now();
                    for _ in 0..short_or_soak(3, 1_000) {
                        wait_for_queued_tasks(&runtime, cap);
                    }
                    start.elapsed()
                });
                assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
            });
        }
    }
}

/// As many callbacks as there may be carriers, all inside; then each spawns a task and waits for it.
/// None of these has begun when the last carrier stands still.
fn wait_for_queued_tasks(runtime: &Runtime, cap: usize) {
    let gate = Arc::new(Gate::new());
    let callers: Vec<_> = (0..cap)
        .map(|n| {
            let gate = gate.clone();
            runtime.spawn(move || {
                let sum = native::call_here(&CALL_BACK, || {
                    with_callback(1, |_| {
                        native::callback(-1, || {
                            native::call_here(&GATE, || gate.wait());
                            sortie::spawn(|| 7).join().unwrap()
                        })
                    })
                });
                (n, sum)
            })
        })
        .collect();
    until("every carrier is in a callback", || gate.inside() == cap);
    gate.open();
    for (n, caller) in callers.into_iter().enumerate() {
        assert_eq!(caller.join().unwrap(), (n, 7));
    }
}
