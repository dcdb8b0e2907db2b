//! An idle runtime burns no CPU and wakes nobody, whatever is parked on it.

use sortie_test::figures::{own_cpu, short_or_soak};
use sortie_test::{Case, MODES, WORKERS, exclusively, threads, until};
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
                // The search before the sleep, and the last looks of the monitor, may still be under way.
                until("all threads rest", || {
                    let before = sleeps(case);
                    std::thread::sleep(Duration::from_millis(300));
                    before.len() > workers && sleeps(case) == before
                });
                let (rest, before) = (sleeps(case), own_cpu());
                std::thread::sleep(short_or_soak(Duration::from_secs(1), Duration::from_secs(60)));
                let burnt = own_cpu() - before;
                println!("{workers} workers: {burnt:?} of CPU");
                assert_eq!(sleeps(case), rest, "no thread of the runtime was woken, nor began");
                let bound = short_or_soak(Duration::from_millis(5), Duration::from_millis(1));
                assert!(burnt < bound, "{burnt:?} of CPU");
                drop(runtime);
            });
        }
    }
}

/// How often the runtime's threads, the monitor and the carriers, have gone to sleep: each time they had been woken.
fn sleeps(case: &Case) -> Vec<(i32, u64)> {
    let threads = threads::named(&case.thread_name);
    threads.iter().map(|thread| (thread.id, thread.sleeps)).collect()
}
