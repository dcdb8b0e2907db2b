//! An idle runtime burns no CPU and wakes nobody, whatever is parked on it.

use sortie_test::figures::own_cpu;
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
                std::thread::sleep(Duration::from_secs(1));
                let burnt = own_cpu() - before;
                let wakeups = runtime.snapshot().monitor_wakeups - wakeups;
                assert!(wakeups < 5, "{wakeups} wake-ups of the monitor");
                assert!(burnt < Duration::from_millis(5), "{burnt:?} of CPU");
                drop(runtime);
            });
        }
    }
}
