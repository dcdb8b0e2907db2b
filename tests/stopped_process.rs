//! A process that was stopped catches up with the timers that are late, and others run in between.

use sortie_test::{Case, child, exclusively, until};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const SLEEPERS: usize = 5_000;

/// A stopped process is as a machine that was suspended: everything is late when it goes on.
#[test]
fn a_process_that_was_stopped_catches_up_without_a_storm() {
    const TEST: &str = "a_process_that_was_stopped_catches_up_without_a_storm";
    child::each(TEST, &["1 Pinned", "2 Migrating"], |case| {
        exclusively(&Case::named(case), |case| {
            let runtime = case.runtime();
            let ended = Arc::new(AtomicUsize::new(0));
            let stop = Arc::new(AtomicBool::new(false));
            let other = {
                let (ended, stop) = (ended.clone(), stop.clone());
                runtime.spawn(move || {
                    // How many late ones ended between two of its turns, at most.
                    let (mut before, mut most) = (0, 0);
                    while !stop.load(SeqCst) {
                        sortie::yield_now();
                        let now = ended.load(SeqCst);
                        most = most.max(now - before);
                        before = now;
                    }
                    most
                })
            };
            let asleep = Arc::new(AtomicUsize::new(0));
            let sleepers: Vec<_> = (0..SLEEPERS)
                .map(|n| {
                    let (asleep, ended) = (asleep.clone(), ended.clone());
                    runtime.spawn(move || {
                        asleep.fetch_add(1, SeqCst);
                        sortie::sleep(Duration::from_millis(400 + n as u64 % 100));
                        ended.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            until("all sleep", || asleep.load(SeqCst) == SLEEPERS);
            stop_this_process(Duration::from_millis(700));
            sleepers.into_iter().for_each(|task| task.join().unwrap());
            stop.store(true, SeqCst);
            let most = other.join().unwrap();
            println!(
                "at most {most} of {SLEEPERS} late sleepers between two turns of another task"
            );
            assert!(most < SLEEPERS * 4 / 5, "{most} between two turns");
            drop(runtime);
        });
    });
}

/// Returns after the process has stood still for so long.
fn stop_this_process(duration: Duration) {
    let start = Instant::now();
    let process = std::process::id();
    let mut waker = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "sleep 0.1; kill -STOP {process}; sleep {}; kill -CONT {process}",
            duration.as_secs_f64()
        ))
        .spawn()
        .expect("a shell");
    waker.wait().expect("the shell ends");
    assert!(start.elapsed() >= duration);
}
