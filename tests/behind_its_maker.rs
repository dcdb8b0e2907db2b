//! A task whose maker goes on and computes runs on a worker that has nothing to do: it does not wait for a slice of the
//! processor to end that the maker is on.

use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, MODES, exclusively};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PROMISE: Duration = Duration::from_micros(300);

/// Nothing happens before: then the kernel may put the thread that is called on the processor of its caller.
const REST: Duration = Duration::from_millis(6);

#[test]
fn it_runs_beside_its_maker() {
    for mode in MODES {
        for workers in [2, 8] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                within("beside its maker, p50", bound(PROMISE), || {
                    let delays: Delays = (0..short_or_soak(60, 2_000))
                        .map(|_| {
                            std::thread::sleep(REST);
                            runtime.run(make_and_compute)
                        })
                        .collect();
                    println!("  {delays}");
                    delays.percentile(50)
                });
            });
        }
    }
}

/// The delay of the task, beside which its maker computes until it has run.
fn make_and_compute() -> Duration {
    let done = Arc::new(AtomicBool::new(false));
    let says = done.clone();
    let start = Instant::now();
    let made = sortie::spawn(move || {
        let delay = start.elapsed();
        // ORDERING: Relaxed, a flag that stands for itself.
        says.store(true, Ordering::Relaxed);
        delay
    });
    // ORDERING: Relaxed, as above.
    while !done.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    made.join().unwrap()
}
