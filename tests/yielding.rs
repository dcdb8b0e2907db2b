//! `yield_now` lets every other ready task run before its caller runs again twice as often.

use sortie::native::{self, Class, Policy, Target};
use sortie_natives::Gate;
use sortie_test::busy::Busy;
use sortie_test::{MODES, Mode, Running, each, each_of, until};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

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

static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));

#[test]
fn those_that_yield_have_turns_beside_many_that_leave_for_native_code() {
    const CALLS: u64 = 256;
    each_of(&[1], &[Mode::Migrating], |runtime| {
        let turns = runtime.run(|| {
            let (gate, stop) = (Arc::new(Gate::new()), Arc::new(AtomicBool::new(false)));
            let turns = Arc::new(AtomicU64::new(0));
            let yields = sortie::spawn({
                let (stop, turns) = (stop.clone(), turns.clone());
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        turns.fetch_add(1, Ordering::Relaxed);
                        sortie::yield_now();
                    }
                }
            });
            // It is one of those that yielded from now on.
            while turns.load(Ordering::Relaxed) == 0 {
                sortie::yield_now();
            }
            // The turns when each of them has left.
            let left: Arc<Vec<AtomicU64>> =
                Arc::new((0..CALLS).map(|_| AtomicU64::new(0)).collect());
            let calls: Vec<_> = (0..CALLS as usize)
                .map(|me| {
                    let (gate, left, turns) = (gate.clone(), left.clone(), turns.clone());
                    sortie::spawn(move || {
                        left[me].store(turns.load(Ordering::Relaxed), Ordering::Relaxed);
                        native::call(&LONG, || gate.wait());
                    })
                })
                .collect();
            while gate.inside() < CALLS as usize {
                sortie::yield_now();
            }
            gate.open();
            stop.store(true, Ordering::Relaxed);
            yields.join().unwrap();
            calls.into_iter().for_each(|call| call.join().unwrap());
            let left = || left.iter().map(|turns| turns.load(Ordering::Relaxed));
            left().max().unwrap() - left().min().unwrap()
        });
        assert!(turns >= CALLS / 8, "{turns} turns while {CALLS} calls began");
    });
}

#[test]
fn a_worker_whose_tasks_only_yield_takes_from_anothers_deque() {
    each_of(&[2], &[Mode::Migrating], |runtime| {
        // A task that was kept from a processor may have got an extra worker, who would take from the deque, too.
        let shared = std::iter::from_fn(|| Some(is_shared(runtime))).flatten().next();
        assert_eq!(shared, Some(true), "one worker ran all of them");
    });
}

/// It gets some at a time, and more when it has begun those, not after the next 244 turns: most tasks of another would
/// begin, and stay, where they were made.
#[test]
fn a_worker_that_has_begun_what_it_took_takes_more() {
    each_of(&[2], &MODES, |runtime| {
        // A task that was kept from a processor may have got an extra worker, who would take from the deque, too.
        let turns = std::iter::repeat_with(|| turns_until_all_have_begun(runtime)).flatten().next();
        let turns = turns.unwrap();
        assert!(turns <= 2 * MADE, "{turns} turns while {MADE} tasks began");
    });
}

const MADE: usize = 400;

/// A task computes until another worker has begun all that it has made, but for the newest. How many turns do those have
/// meanwhile? `None` if another worker was there.
fn turns_until_all_have_begun(runtime: &Running<'_>) -> Option<usize> {
    let before = runtime.snapshot().compensations;
    let turns = runtime.run(|| {
        let [begun, turns] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..MADE)
            .map(|_| {
                let (begun, turns) = (begun.clone(), turns.clone());
                sortie::spawn(move || {
                    begun.fetch_add(1, Ordering::Relaxed);
                    while begun.load(Ordering::Relaxed) < MADE - 1 {
                        turns.fetch_add(1, Ordering::Relaxed);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        while begun.load(Ordering::Relaxed) < MADE - 1 {
            std::hint::spin_loop();
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        turns.load(Ordering::Relaxed)
    });
    (runtime.snapshot().compensations == before).then_some(turns)
}

/// The same of a worker that has one task, which finds nobody to yield to.
#[test]
fn a_worker_whose_task_yields_alone_takes_from_anothers_deque() {
    each_of(&[2], &MODES, |runtime| {
        // A task that was kept from a processor may have got an extra worker, who would take from the deque, too.
        let relieved = (0..20).any(|_| is_relieved(runtime));
        assert!(relieved, "those behind the task that computes waited for an extra worker");
    });
}

/// While a task yields alone on one worker and another computes on the other: do tasks that the latter spawned run,
/// without another worker?
fn is_relieved(runtime: &Running<'_>) -> bool {
    let yields = Busy::start_with(runtime, 1, sortie::yield_now);
    let before = runtime.snapshot().compensations;
    runtime.run(|| {
        let others: Vec<_> = (0..8).map(|_| sortie::spawn(|| ())).collect();
        // The newest is kept for this worker itself.
        while !others[..7].iter().all(sortie::JoinHandle::is_finished) {
            std::hint::spin_loop();
        }
    });
    yields.end();
    runtime.snapshot().compensations == before
}

/// Does the other worker run any of the tasks that are in the deque of one, while one task yields on each? `None` if
/// another worker was there.
fn is_shared(runtime: &Running<'_>) -> Option<bool> {
    let (stop, present) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let yields: Vec<_> = (0..2)
        .map(|_| {
            let (stop, present) = (stop.clone(), present.clone());
            runtime.spawn(move || {
                present.fetch_add(1, Ordering::Relaxed);
                while present.load(Ordering::Relaxed) < 2 {
                    std::hint::spin_loop();
                }
                while !stop.load(Ordering::Relaxed) {
                    sortie::yield_now();
                }
            })
        })
        .collect();
    until("one is on each worker", || present.load(Ordering::Relaxed) == 2);
    let before = runtime.snapshot().compensations;
    let is_shared = runtime.run(|| {
        let (first, is_shared) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..5_000)
            .map(|_| {
                let (first, is_shared) = (first.clone(), is_shared.clone());
                sortie::spawn(move || {
                    let here = thread::current().id();
                    if *first.get_or_init(|| here) != here {
                        is_shared.store(true, Ordering::Relaxed);
                    }
                    let start = Instant::now();
                    while !is_shared.load(Ordering::Relaxed)
                        && start.elapsed() < Duration::from_micros(50)
                    {}
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        is_shared.load(Ordering::Relaxed)
    });
    stop.store(true, Ordering::Relaxed);
    yields.into_iter().for_each(|task| task.join().unwrap());
    (runtime.snapshot().compensations == before).then_some(is_shared)
}
