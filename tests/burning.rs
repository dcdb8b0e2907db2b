//! Native code that computes is not blocked: no more threads are put to compute than there are cores,
//! but for one that serves the others.

use sortie::native::{self, Target};
use sortie_test::figures::{cores, short_or_soak};
use sortie_test::gauge::Gauge;
use sortie_test::{Case, MODES, exclusively, threads};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static BURN: Target = Target::named("natives_burn");

/// Looks at the carriers until `done`: how many of them ran or could have run, in 95 of 100 looks.
///
/// A look meets those that are on their way to sleep, too, so the last five say nothing.
fn carriers_that_run(case: &Case, mut done: impl FnMut() -> bool) -> usize {
    let mut looks = Vec::new();
    while !done() {
        let carriers = threads::named(&case.thread_name).into_iter();
        let runs = |thread: &threads::Thread| thread.state == 'R' && !thread.name.ends_with("-mon");
        looks.push(carriers.filter(runs).count());
        std::thread::sleep(Duration::from_micros(500));
    }
    looks.sort_unstable();
    let seen = looks[looks.len() * 95 / 100];
    println!("  {seen} carriers run, {} at most, in {} looks", looks[looks.len() - 1], looks.len());
    seen
}

/// Many calls that compute for 5 ms each, which is less than a call may before others go first.
#[test]
fn short_computations_run_on_their_workers() {
    for mode in MODES {
        exclusively(&Case::new(cores(), mode), |case| {
            let runtime = case.watched(case.runtime());
            let gauge = Arc::new(Gauge::new());
            let tasks: Vec<_> = (0..short_or_soak(40, 1_000) * cores())
                .map(|_| {
                    let gauge = gauge.clone();
                    runtime.spawn(move || {
                        native::call_here(&BURN, || {
                            gauge.inside(|| sortie_natives::burn(5_000_000));
                        });
                    })
                })
                .collect();
            let running = carriers_that_run(case, || tasks.iter().all(|task| task.is_finished()));
            tasks.into_iter().for_each(|task| task.join().unwrap());
            println!("  {} computations at once", gauge.most());
            assert!(running <= cores() + 1, "{running} carriers run on {} cores", cores());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

/// How long such a call may go on where the machine is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// As many calls as cores compute for long, and until each of the others had a turn. Their work goes on beside them, on one
/// more.
#[test]
fn long_computations_leave_one_more_to_the_others() {
    for mode in MODES {
        exclusively(&Case::new(cores(), mode), |case| {
            let runtime = case.watched(case.runtime());
            let waiting = Arc::new(AtomicUsize::new(100));
            let tasks: Vec<_> = (0..cores())
                .map(|_| {
                    let waiting = waiting.clone();
                    runtime.spawn(move || {
                        native::call_here(&BURN, || {
                            let start = Instant::now();
                            sortie_natives::burn(500_000_000);
                            while waiting.load(Ordering::Relaxed) > 0 && start.elapsed() < PATIENCE
                            {
                                sortie_natives::burn(5_000_000);
                            }
                        });
                    })
                })
                .collect();
            let stop = Arc::new(AtomicBool::new(false));
            let fibers: Vec<_> = (0..100)
                .map(|_| {
                    let (stop, waiting) = (stop.clone(), waiting.clone());
                    runtime.spawn(move || {
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        let mut turns = 0u64;
                        while !stop.load(Ordering::Relaxed) {
                            turns += 1;
                            let end = Instant::now() + Duration::from_micros(20);
                            while Instant::now() < end {}
                            sortie::yield_now();
                        }
                        turns
                    })
                })
                .collect();
            let running = carriers_that_run(case, || tasks.iter().all(|task| task.is_finished()));
            stop.store(true, Ordering::Relaxed);
            tasks.into_iter().for_each(|task| task.join().unwrap());
            let turns: Vec<_> = fibers.into_iter().map(|fiber| fiber.join().unwrap()).collect();
            assert!(turns.iter().all(|turns| *turns > 0), "some waited for the end: {turns:?}");
            assert!(running <= cores() + 1, "{running} carriers run on {} cores", cores());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}
