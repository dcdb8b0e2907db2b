//! A monitor that does not run for a second costs time and nothing else: no task is lost, no worker
//! is in two hands, and all goes on when it does.

use sortie_test::figures::short_or_soak;
use sortie_test::gauge::Gauge;
use sortie_test::{MODES, Running, each_of, mixture, stop, threads, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The number of the monitor's thread, once the runtime has started: a new thread bears the name of
/// the one that starts it for a moment.
fn monitor(runtime: &Running<'_>) -> i32 {
    let name = format!("{}-mon", runtime.case.thread_name);
    until("there is one monitor", || threads::named(&name).len() == 1);
    threads::named(&name)[0].id
}

/// The monitor stands still when and where it may be: idle, between two looks, in a retake.
#[test]
fn nothing_is_lost() {
    each_of(&[1, 2, 4], &MODES, |runtime| {
        let monitor = monitor(runtime);
        let gauge = Arc::new(Gauge::new());
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..4 * runtime.case.workers)
            .map(|_| {
                let (gauge, stop, turns) = (gauge.clone(), stop.clone(), turns.clone());
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        gauge.inside(|| turns.fetch_add(1, Ordering::Relaxed));
                        mixture::nanosleep(50);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        for round in 0..short_or_soak(2, 60) {
            let tasks = mixture::spawn(&runtime.handle(), round, 48);
            let before = turns.load(Ordering::Relaxed);
            until("it is under way", || turns.load(Ordering::Relaxed) > before + 20);
            let stopped = stop::stop(monitor).expect("a monitor");
            let before = turns.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(short_or_soak(250, 1_000)));
            let without = turns.load(Ordering::Relaxed) - before;
            drop(stopped);
            let start = Instant::now();
            mixture::join(tasks);
            println!(
                "  {without} turns without a monitor, {:?} to the end with it",
                start.elapsed()
            );
        }
        stop.store(true, Ordering::Relaxed);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        let most = gauge.most();
        assert!(
            most <= runtime.case.workers,
            "{most} at once with {} workers",
            runtime.case.workers
        );
    });
}
