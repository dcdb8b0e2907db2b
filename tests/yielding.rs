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
        assert!(unassisted(runtime, is_shared), "one worker ran all of them");
    });
}

/// It gets some at a time, and more when it has begun those, not after the next 244 turns: most tasks of another would
/// begin, and stay, where they were made.
#[test]
fn a_worker_that_has_begun_what_it_took_takes_more() {
    each_of(&[2], &MODES, |runtime| {
        let turns = unassisted(runtime, turns_until_all_have_begun);
        assert!(turns <= 2 * MADE, "{turns} turns while {MADE} tasks began");
    });
}

const MADE: usize = 400;

/// A task computes until another worker, which had something else to do until all were made, has begun all of them but for
/// the newest. How many turns do those have meanwhile?
fn turns_until_all_have_begun(runtime: &Running<'_>) -> usize {
    let other = Busy::start(runtime, 1);
    let all_are_made = other.stop_flag();
    let turns = runtime.run(move || {
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
        all_are_made.store(true, Ordering::Relaxed);
        while begun.load(Ordering::Relaxed) < MADE - 1 {
            std::hint::spin_loop();
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        turns.load(Ordering::Relaxed)
    });
    other.end();
    turns
}

/// A worker whose only task yields looks into another's deque every so many turns, although there was nothing the last time.
#[test]
fn a_worker_whose_task_yields_alone_looks_again_and_again() {
    each_of(&[2], &MODES, |runtime| {
        let turns = std::iter::repeat_with(|| unassisted(runtime, turns_alone_until_one_begins));
        let most = turns.flatten().take(20).max().unwrap();
        assert!(most <= 1_000, "{most} turns of one, beside ready tasks behind one that computes");
    });
}

/// A task yields alone on one worker, for a while, until one that computes on the other makes some that it does not run. How
/// many turns does the first have until one of those begins? `None` if one began before all were made.
fn turns_alone_until_one_begins(runtime: &Running<'_>) -> Option<usize> {
    let (turns, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let yields = runtime.spawn({
        let (turns, stop) = (turns.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                turns.fetch_add(1, Ordering::Relaxed);
                sortie::yield_now();
            }
        }
    });
    until("it has looked around", || turns.load(Ordering::Relaxed) >= 1_000);
    let turns = runtime.run(move || {
        let begun_at = Arc::new(OnceLock::new());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (begun_at, turns) = (begun_at.clone(), turns.clone());
                sortie::spawn(move || _ = begun_at.set(turns.load(Ordering::Relaxed)))
            })
            .collect();
        let made_at = turns.load(Ordering::Relaxed);
        let begun_at = std::iter::repeat_with(|| begun_at.get().copied()).flatten().next();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        begun_at.unwrap().checked_sub(made_at)
    });
    stop.store(true, Ordering::Relaxed);
    yields.join().unwrap();
    turns
}

/// The same of a worker that has one task, which finds nobody to yield to.
#[test]
fn a_worker_whose_task_yields_alone_takes_from_anothers_deque() {
    each_of(&[2], &MODES, |runtime| {
        let relieved = (0..20).any(|_| without_extra(runtime, relieve).is_some());
        assert!(relieved, "those behind the task that computes waited for an extra worker");
    });
}

/// While a task yields alone on one worker and another computes on the other: tasks that the latter spawned run.
fn relieve(runtime: &Running<'_>) {
    let yields = Busy::start_with(runtime, 1, sortie::yield_now);
    runtime.run(|| {
        let others: Vec<_> = (0..8).map(|_| sortie::spawn(|| ())).collect();
        // The newest is kept for this worker itself.
        while !others[..7].iter().all(sortie::JoinHandle::is_finished) {
            std::hint::spin_loop();
        }
    });
    yields.end();
}

/// Does the other worker run any of the tasks that are in the deque of one, while one task yields on each?
fn is_shared(runtime: &Running<'_>) -> bool {
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
    is_shared
}

/// What `attempt` says the first time that no extra worker is there: a task that is kept from a processor may get one, who
/// takes from the others' queues, too.
fn unassisted<T>(runtime: &Running<'_>, attempt: fn(&Running<'_>) -> T) -> T {
    std::iter::repeat_with(|| without_extra(runtime, attempt)).flatten().next().unwrap()
}

/// What `attempt` says, if no extra worker was there.
fn without_extra<T>(runtime: &Running<'_>, attempt: fn(&Running<'_>) -> T) -> Option<T> {
    until("no extra worker is out", || runtime.snapshot().compensating == 0);
    let before = runtime.snapshot().compensations;
    let said = attempt(runtime);
    (runtime.snapshot().compensations == before).then_some(said)
}
