//! An idle runtime burns no CPU and wakes nobody, whatever is parked on it.

use sortie_test::figures::{own_cpu, short_or_soak};
use sortie_test::{Case, MODES, WORKERS, exclusively, until};
use std::time::Duration;

#[test]
fn parked_tasks_cost_nothing() {
    for mode in MODES {
        for workers in WORKERS {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.runtime();
                let (send, started) = std::sync::mpsc::channel();
                for _ in 0..200 {
                    let send = send.clone();
                    drop(runtime.spawn(move || {
                        send.send(()).unwrap();
                        sortie::sleep(Duration::MAX);
                    }));
                }
                started.iter().take(200).for_each(drop);
                until("all workers are idle", || {
                    let snapshot = runtime.snapshot();
                    snapshot.idle_workers == workers
                });
                // The search before the sleep, and one look of the monitor, may still be under way.
                std::thread::sleep(Duration::from_millis(50));
                let (wakeups, before) = (runtime.snapshot().monitor_wakeups, own_cpu());
                std::thread::sleep(short_or_soak(Duration::from_secs(1), Duration::from_secs(60)));
                let burnt = own_cpu() - before;
                let wakeups = runtime.snapshot().monitor_wakeups - wakeups;
                assert!(wakeups < 5, "{wakeups} wake-ups of the monitor");
                println!("{workers} workers: {wakeups} wake-ups, {burnt:?} of CPU");
                let bound = short_or_soak(Duration::from_millis(5), Duration::from_millis(1));
                assert!(burnt < bound, "{burnt:?} of CPU");
                drop(runtime);
            });
        }
    }
}
