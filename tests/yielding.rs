//! `yield_now` lets every other ready task run before its caller runs again twice as often.

use sortie_test::{MODES, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn tasks_that_yield_share_one_worker_evenly() {
    const TASKS: usize = 8;
    const TURNS: u64 = 2_000;
    each_of(&[1], &MODES, |runtime| {
        let worst = runtime.run(|| {
            let counts: Arc<[AtomicU64; TASKS]> = Arc::default();
            let worst = Arc::new(AtomicU64::new(0));
            let tasks: Vec<_> = (0..TASKS)
                .map(|me| {
                    let (counts, worst) = (counts.clone(), worst.clone());
                    sortie::spawn(move || {
                        // Not before all have started.
                        counts[me].store(1, Ordering::Relaxed);
                        while counts.iter().any(|count| count.load(Ordering::Relaxed) == 0) {
                            sortie::yield_now();
                        }
                        for turn in 2..TURNS {
                            counts[me].store(turn, Ordering::Relaxed);
                            let least = counts.iter().map(|count| count.load(Ordering::Relaxed));
                            let ahead = turn - least.min().unwrap().min(turn);
                            worst.fetch_max(ahead, Ordering::Relaxed);
                            sortie::yield_now();
                        }
                        counts[me].store(TURNS, Ordering::Relaxed);
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            worst.load(Ordering::Relaxed)
        });
        // In turn, but for the picks that serve the oldest first.
        assert!(worst <= TURNS / 10, "one task was {worst} turns ahead");
    });
}

#[test]
fn a_task_that_yields_starves_no_fresh_task() {
    each(|runtime| {
        let workers = runtime.case.workers;
        runtime.run(move || {
            let flag = Arc::new(AtomicU64::new(0));
            let spinners: Vec<_> = (0..2 * workers)
                .map(|_| {
                    let flag = flag.clone();
                    sortie::spawn(move || {
                        while flag.load(Ordering::Relaxed) == 0 {
                            sortie::yield_now();
                        }
                    })
                })
                .collect();
            let set = flag.clone();
            drop(sortie::spawn(move || set.store(1, Ordering::Relaxed)));
            spinners.into_iter().for_each(|task| task.join().unwrap());
        });
    });
}

#[test]
fn a_flood_of_new_tasks_starves_no_old_one() {
    each(|runtime| {
        runtime.run(|| {
            let flag = Arc::new(AtomicU64::new(0));
            let set = flag.clone();
            // Queued first, so it is the oldest: each of the flood is newer.
            let old = sortie::spawn(move || set.store(1, Ordering::Relaxed));
            fn flood(flag: Arc<AtomicU64>) {
                if flag.load(Ordering::Relaxed) == 0 {
                    let next = flag.clone();
                    drop(sortie::spawn(move || flood(next)));
                }
            }
            // Several chains, so that one of them is always newer than the old task.
            for _ in 0..8 {
                let flag = flag.clone();
                drop(sortie::spawn(move || flood(flag)));
            }
            old.join().unwrap();
        });
    });
}

#[test]
fn checkpoint_lets_others_run() {
    each(|runtime| {
        runtime.run(|| {
            let flag = Arc::new(AtomicU64::new(0));
            let set = flag.clone();
            let other = sortie::spawn(move || set.store(1, Ordering::Relaxed));
            while flag.load(Ordering::Relaxed) == 0 {
                sortie::task::checkpoint();
            }
            other.join().unwrap();
        });
    });
}
