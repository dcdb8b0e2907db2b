//! A thousand tasks that yield for a second have as many turns each: under `migrating` all of them, else all of a
//! carrier.

use sortie_test::figures::at_least;
use sortie_test::{Case, Mode, exclusively, threads, until};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const TASKS: usize = 1_000;
/// The slowest has so many percent of the mean's turns at least.
const PROMISE: u64 = 80;

#[test]
fn of_all_tasks_that_may_move() {
    for workers in [1, 2, 4] {
        exclusively(&Case::new(workers, Mode::Migrating), |case| {
            at_least(PROMISE, || worst(&turns(case, |_| 0)));
        });
    }
}

#[test]
fn of_those_on_the_same_carrier() {
    for workers in [1, 2, 4] {
        exclusively(&Case::new(workers, Mode::Pinned), |case| {
            at_least(PROMISE, || worst(&turns(case, |thread| thread)));
        });
    }
}

/// The turns that tasks had in the same time, by the groups of the threads on which they ended.
fn turns(case: &Case, group: fn(i32) -> i32) -> HashMap<i32, Vec<u64>> {
    let runtime = case.watched(case.runtime());
    let stop = Arc::new(AtomicBool::new(false));
    let turns: Arc<Vec<AtomicU64>> = Arc::new((0..TASKS).map(|_| AtomicU64::new(0)).collect());
    let tasks: Vec<_> = (0..TASKS)
        .map(|me| {
            let (turns, stop) = (turns.clone(), stop.clone());
            runtime.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    turns[me].fetch_add(1, Ordering::Relaxed);
                    sortie::yield_now();
                }
                threads::current()
            })
        })
        .collect();
    let now = || -> Vec<u64> { turns.iter().map(|it| it.load(Ordering::Relaxed)).collect() };
    until("all have begun", || now().iter().all(|turns| *turns > 0));
    let before = now();
    std::thread::sleep(Duration::from_secs(1));
    let after = now();
    stop.store(true, Ordering::Relaxed);
    let mut groups: HashMap<i32, Vec<u64>> = HashMap::new();
    for (task, had) in tasks.into_iter().zip(after.iter().zip(before).map(|(after, it)| after - it))
    {
        groups.entry(group(task.join().unwrap())).or_default().push(had);
    }
    assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    groups
}

/// The turns of the slowest, and the mean of its group, where that is worst.
fn worst(groups: &HashMap<i32, Vec<u64>>) -> (u64, u64) {
    let slowest_and_mean = |turns: &Vec<u64>| {
        let slowest = turns.iter().copied().min().unwrap_or(0);
        (slowest, turns.iter().sum::<u64>() / turns.len() as u64)
    };
    let share = |&(slowest, mean): &(u64, u64)| slowest * 1_000 / mean.max(1);
    groups.values().map(slowest_and_mean).min_by_key(share).unwrap_or((0, 1))
}
