//! A thousand native calls return at once: managed code still runs on no more workers than there are,
//! and all have one soon.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::gauge::Gauge;
use sortie_test::{Case, MODES, exclusively, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

static GATE: Target = Target::named("natives_gate_wait");

const CALLS: usize = 1_000;
const PROMISE: Duration = Duration::from_millis(50);

#[test]
fn workers_are_enough_for_all() {
    for mode in MODES {
        for workers in [1, 2, 4] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.builder().max_carriers(CALLS + 100).build().unwrap();
                let runtime = case.watched(runtime);
                let gauge = Arc::new(Gauge::new());
                within("re-entry, p99", bound(PROMISE), || {
                    let rounds = short_or_soak(1, 50);
                    let delays = (0..rounds).map(|_| return_at_once(&runtime, &gauge));
                    delays.max().unwrap()
                });
                let most = gauge.most();
                assert!(most <= workers, "{most} in managed code with {workers} workers");
                assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
            });
        }
    }
}

/// The delay between a call's return and its task's next step that 99 of 100 do not exceed.
fn return_at_once(runtime: &sortie::Runtime, gauge: &Arc<Gauge>) -> Duration {
    let gate = Arc::new(Gate::new());
    let callers: Vec<_> = (0..CALLS)
        .map(|_| {
            let (gate, gauge) = (gate.clone(), gauge.clone());
            runtime.spawn(move || {
                let returned = native::call_here(&GATE, || {
                    gate.wait();
                    Instant::now()
                });
                gauge.inside(|| {
                    let delay = returned.elapsed();
                    let end = Instant::now() + Duration::from_micros(2);
                    while Instant::now() < end {}
                    delay
                })
            })
        })
        .collect();
    until("all are inside", || gate.inside() == CALLS);
    gate.open();
    let delays: Delays = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    println!("  {delays}");
    delays.percentile(99)
}
