//! Whom timers wake together several workers run, if one of those computes or blocks; another is called at last.

use sortie::native::{Target, call};
use sortie_test::figures::{bound, within};
use sortie_test::{Case, Mode, exclusively};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// What one does that has woken, until another has. The target is known to be short: its calls keep the worker.
type Turn = fn(&Target, &(dyn Fn() -> bool + Sync));

/// How many sleep until the same moment.
const TOGETHER: usize = 4;

/// For how long the second of some who sleep until the same moment waits behind the first, whose turn lasts until then.
fn waits(case: &Case, turn: Turn) -> Duration {
    let runtime = case.runtime();
    let waited = runtime.run(move || {
        let awake = Arc::new(AtomicUsize::new(0));
        let target = Arc::new(Target::named("mostly short"));
        (0..1000).for_each(|_| call(&target, || {}));
        let until = Instant::now() + Duration::from_millis(20);
        let tasks: Vec<_> = (0..TOGETHER)
            .map(|_| {
                let (awake, target) = (awake.clone(), target.clone());
                sortie::spawn(move || {
                    sortie::sleep(until.saturating_duration_since(Instant::now()));
                    awake.fetch_add(1, SeqCst);
                    let start = Instant::now();
                    turn(&target, &|| awake.load(SeqCst) > 1);
                    start.elapsed()
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().unwrap()).max()
    });
    drop(runtime);
    waited.expect("there are some")
}

/// Of some rounds, each in a new runtime: the first such turn is the one that is not foreseen.
fn half_of_all_wait(case: &Case, turn: Turn) -> Duration {
    let mut waited: Vec<_> = (0..9).map(|_| waits(case, turn)).collect();
    waited.sort_unstable();
    waited[waited.len() / 2]
}

#[test]
fn behind_one_that_computes() {
    exclusively(&Case::new(2, Mode::Migrating), |case| {
        within("behind one that computes", bound(Duration::from_millis(3)), || {
            half_of_all_wait(case, |_, is_over| {
                while !is_over() {
                    std::hint::spin_loop();
                }
            })
        });
    });
}

#[test]
fn behind_one_that_blocks() {
    exclusively(&Case::new(2, Mode::Migrating), |case| {
        within("behind one that blocks", bound(Duration::from_micros(400)), || {
            half_of_all_wait(case, |target, is_over| {
                call(target, || {
                    while !is_over() {
                        std::thread::sleep(Duration::from_micros(20));
                    }
                });
            })
        });
    });
}
