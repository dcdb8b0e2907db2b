//! Priorities are shares: the higher a task's, the more turns it has, and nobody starves; a lock that a low task
//! holds is let go.

use sortie::sync::Mutex;
use sortie::task::{self, Builder, Priority};
use sortie_test::{MODES, Running, WORKERS, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Spawns with a priority.
fn spawn<T: Send + 'static>(
    runtime: &Running<'_>,
    priority: Priority,
    f: impl FnOnce() -> T + Send + 'static,
) -> sortie::JoinHandle<T> {
    Builder::new().priority(priority).spawn_on(&runtime.handle(), f)
}

#[test]
fn each_level_can_be_given_and_changed() {
    let levels: Vec<i32> = Priority::ALL.iter().map(|priority| priority.level()).collect();
    assert_eq!(levels, [-15, -2, -1, 0, 1, 2, 15]);
    assert!(Priority::ALL.is_sorted());
    assert_eq!(Priority::from_level(3), None);
    each(|runtime| {
        for priority in Priority::ALL {
            assert_eq!(Priority::from_level(priority.level()), Some(priority));
            let began = Arc::new(AtomicBool::new(false));
            let says = began.clone();
            let task = spawn(runtime, priority, move || {
                let first = task::priority();
                says.store(true, SeqCst);
                while task::priority() == first {
                    sortie::yield_now();
                }
                let second = task::priority();
                assert!(task::set_priority(priority));
                sortie::yield_now();
                (first, second, task::priority())
            });
            assert_eq!(task.priority(), priority);
            until("it runs", || began.load(SeqCst));
            let other = Priority::ALL[(priority as usize + 3) % 7];
            task.set_priority(other);
            assert_eq!(task.join().unwrap(), (Some(priority), Some(other), Some(priority)));
        }
        assert_eq!(runtime.run(task::priority), Some(Priority::Normal));
    });
    assert!(task::priority().is_none() && !task::set_priority(Priority::Highest));
}

/// What one worker finds ready goes by rank, but for a turn now and then, and first come first served in a class.
#[test]
fn a_higher_one_goes_first() {
    const CLASSES: [Priority; 5] = [
        Priority::TimeCritical,
        Priority::Highest,
        Priority::Normal,
        Priority::Lowest,
        Priority::Idle,
    ];
    each_of(&[1], &MODES, |runtime| {
        let order = runtime.run(|| {
            let (send, order) = std::sync::mpsc::channel();
            let spawn = |priority, n| {
                let send = send.clone();
                Builder::new().priority(priority).spawn(move || send.send((priority, n)).unwrap())
            };
            let tasks: Vec<_> = (0..10)
                .flat_map(|n| CLASSES.map(|priority| (priority, n)))
                .map(|(priority, n)| spawn(priority, n))
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            order.try_iter().collect::<Vec<(Priority, usize)>>()
        });
        let places = |priority| {
            let places = order.iter().enumerate().filter(move |(_, it)| it.0 == priority);
            places.map(|(place, it)| (place, it.1))
        };
        let sums = CLASSES.map(|class| places(class).map(|(place, _)| place).sum::<usize>());
        assert!(sums.is_sorted() && sums[0] * 2 < sums[2] && sums[2] < sums[4], "{order:?}");
        for class in CLASSES.into_iter().filter(|class| *class != Priority::Normal) {
            assert!(places(class).map(|(_, n)| n).is_sorted(), "{order:?}");
        }
    });
}

/// All levels are ready without end: turns are shared as documented, whatever is pinned or moves.
#[test]
fn nobody_starves() {
    each_of(&[1, 2], &MODES, |runtime| {
        const CLASSES: [(Priority, usize); 5] = [
            (Priority::TimeCritical, 16),
            (Priority::Highest, 8),
            (Priority::Normal, 5),
            (Priority::Lowest, 2),
            (Priority::Idle, 1),
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let turns: Arc<[AtomicUsize; 5]> = Arc::default();
        let started = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = CLASSES
            .iter()
            .enumerate()
            .flat_map(|(class, (priority, _))| [(class, *priority); 4])
            .map(|(class, priority)| {
                let (stop, turns, started) = (stop.clone(), turns.clone(), started.clone());
                spawn(runtime, priority, move || {
                    started.fetch_add(1, SeqCst);
                    while !stop.load(SeqCst) {
                        turns[class].fetch_add(1, SeqCst);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        until("all have begun", || started.load(SeqCst) == tasks.len());
        let now = || turns.each_ref().map(|turns| turns.load(SeqCst));
        let before = now();
        until("the least have had turns", || now()[4] > before[4] + 100);
        let after = now();
        stop.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let had: Vec<usize> = (0..5).map(|class| after[class] - before[class]).collect();
        println!("{had:?} turns");
        // Shares, as far as the tasks of a class are where the worker is; of one worker they are exact.
        if runtime.case.workers == 1 {
            let all: usize = had.iter().sum();
            for (had, (priority, share)) in had.iter().zip(CLASSES) {
                let expected = all * share / 32;
                assert!(
                    had.abs_diff(expected) <= expected / 4 + 10,
                    "{priority:?}: {had} of {all}"
                );
            }
        }
    });
}

/// A task that spawns and joins without end lends its turns, and not for ever while somebody of another level waits who has
/// not begun.
#[test]
fn nobody_starves_behind_joins() {
    each_of(&[1], &MODES, |runtime| {
        let most = Arc::new(AtomicUsize::new(0));
        let seen = most.clone();
        let joins = runtime.spawn(move || {
            let turns = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                let (most, now) = (seen.clone(), turns.clone());
                let at = turns.load(SeqCst);
                let idle = Builder::new().priority(Priority::Idle).spawn(move || {
                    most.fetch_max(now.load(SeqCst) - at, SeqCst);
                });
                while !idle.is_finished() {
                    turns.fetch_add(1, SeqCst);
                    sortie::spawn(|| ()).join().unwrap();
                }
            }
        });
        joins.join().unwrap();
        let most = most.load(SeqCst);
        println!("{most} turns at most");
        assert!(most <= 55 * 33, "{most} turns");
    });
}

/// While higher ones are ready without end, a low one holds a lock that a high one waits for.
#[test]
fn a_lock_that_a_low_task_holds_is_let_go() {
    each_of(&[1, 2], &MODES, |runtime| {
        let lock = Arc::new(Mutex::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let held = Arc::new(AtomicBool::new(false));
        let flood: Vec<_> = [Priority::TimeCritical, Priority::Highest, Priority::Normal]
            .into_iter()
            .flat_map(|priority| [priority; 4])
            .map(|priority| {
                let stop = stop.clone();
                spawn(runtime, priority, move || {
                    while !stop.load(SeqCst) {
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        let low = {
            let (lock, held) = (lock.clone(), held.clone());
            spawn(runtime, Priority::Idle, move || {
                let mut guard = lock.lock();
                held.store(true, SeqCst);
                (0..20).for_each(|_| sortie::yield_now());
                *guard += 1;
            })
        };
        until("the low one has the lock", || held.load(SeqCst));
        let high = spawn(runtime, Priority::TimeCritical, move || {
            let mut guard = lock.lock();
            *guard += 1;
            *guard
        });
        assert_eq!(high.join().unwrap(), 2);
        low.join().unwrap();
        stop.store(true, SeqCst);
        flood.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Waits of all kinds, from everywhere: no task of any level is forgotten.
#[test]
fn none_is_lost() {
    each_of(&WORKERS, &MODES, |runtime| {
        let done = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..140)
            .map(|n| {
                let done = done.clone();
                let priority = Priority::ALL[n % 7];
                spawn(runtime, priority, move || {
                    for turn in 0..6 {
                        match (n + turn) % 4 {
                            0 => sortie::yield_now(),
                            1 => sortie::sleep(Duration::from_micros(100)),
                            2 => {
                                let child = Builder::new()
                                    .priority(Priority::ALL[(n + turn) % 7])
                                    .spawn(move || sortie_natives::nanosleep(10_000));
                                child.join().unwrap();
                            }
                            _ => assert!(task::set_priority(Priority::ALL[(n * 3 + turn) % 7])),
                        }
                    }
                    done.fetch_add(1, SeqCst);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(done.load(SeqCst), 140);
        // At the end some are ready, some wait, and some were never started.
        for priority in Priority::ALL.into_iter().cycle().take(30) {
            drop(spawn(runtime, priority, || sortie::sleep(Duration::MAX)));
        }
    });
}
