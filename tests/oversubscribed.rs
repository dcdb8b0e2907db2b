//! Sixty-four workers on two processors do as much as two: within a quarter.

use sortie::Runtime;
use sortie_test::figures::{at_least, short_or_soak};
use sortie_test::{Case, Mode, exclusively};
use std::time::{Duration, Instant};

const FEW: usize = 2;
const MANY: usize = 64;
/// What many do, of what few do.
const PROMISE: u64 = 75;
/// How often both are measured, in turn: how a runtime's threads come to lie on the processors differs from one to the next.
const ROUNDS: usize = 4;

#[test]
fn tasks_that_yield() {
    compare(|runtime| {
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                runtime.spawn(|| {
                    for _ in 0..100 {
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        100_000
    });
}

#[test]
fn trees_of_tasks() {
    fn tree(depth: u32) -> u64 {
        match depth {
            0 => 1,
            _ => {
                let children = [(); 2].map(|()| sortie::spawn(move || tree(depth - 1)));
                children.into_iter().map(|child| child.join().unwrap()).sum()
            }
        }
    }
    compare(|runtime| runtime.run(|| tree(12)));
}

#[test]
fn tasks_that_compute() {
    compare(|runtime| {
        let compute = || (0..20_000u64).fold(1u64, |sum, n| std::hint::black_box(sum ^ n));
        let tasks: Vec<_> = (0..500).map(|_| runtime.spawn(compute)).collect();
        tasks.into_iter().for_each(|task| assert_ne!(task.join().unwrap(), 7));
        500
    });
}

/// What is done in some time by many workers, held against few, on the same cores.
fn compare(work: impl Fn(&Runtime) -> u64) {
    for mode in [Mode::Pinned, Mode::Migrating] {
        let rate = |workers| {
            let mut done = 0;
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.watched(case.runtime());
                work(&runtime);
                let start = Instant::now();
                while start.elapsed()
                    < short_or_soak(Duration::from_millis(40), Duration::from_millis(500))
                {
                    done += work(&runtime);
                }
                done = done * 1_000_000 / start.elapsed().as_micros() as u64;
                assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
            });
            done
        };
        at_least(PROMISE, || {
            let rounds = (0..ROUNDS).map(|_| (rate(MANY), rate(FEW)));
            rounds.fold((0, 0), |sums, round| (sums.0 + round.0, sums.1 + round.1))
        });
    }
}
