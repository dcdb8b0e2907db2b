//! Who waits goes on by its level, and of a level as it came: events, counts, and locks.

use super::*;
use crate::Lock;
use crate::task::priority::{Priority, set_priority};
use crate::wait::Nudge;
use Priority::{Highest, Idle, Lowest, Normal, TimeCritical};

/// Who has gone on, in order.
type Order = Arc<Mutex<Vec<usize>>>;

/// Tasks of these levels wait at it, in this order.
fn line_up(
    runtime: &Scheduler,
    semaphore: &Arc<CountingSemaphore>,
    levels: &[Priority],
) -> (Vec<JoinHandle<()>>, Order) {
    let order = Order::default();
    let wait = |(n, level): (usize, &Priority)| {
        let (waited, order) = (semaphore.clone(), order.clone());
        let task = runtime.spawn_with(Spawn::new().priority(*level), move || {
            waited.wait();
            order.lock().unwrap().push(n);
        });
        until("it waits", || semaphore.waiting() > n);
        task
    };
    (levels.iter().enumerate().map(wait).collect(), order)
}

/// Lets one go on after the other.
fn serve(semaphore: &CountingSemaphore, order: &Order, times: usize) -> Vec<usize> {
    for n in 1..=times {
        assert!(semaphore.post(1).is_some());
        until("the next goes on", || order.lock().unwrap().len() == n);
    }
    order.lock().unwrap().clone()
}

fn by_priority() -> Arc<CountingSemaphore> {
    Arc::new(CountingSemaphore::new(0, 100).by_priority())
}

#[test]
fn the_highest_level_goes_first_and_of_a_level_who_came_first() {
    each(|runtime| {
        let levels = [Normal, Lowest, TimeCritical, Normal, Idle, Highest, TimeCritical];
        let semaphore = by_priority();
        let (tasks, order) = line_up(runtime, &semaphore, &levels);
        assert_eq!(serve(&semaphore, &order, 7), [2, 6, 5, 0, 3, 1, 4]);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn without_that_they_go_as_they_came() {
    each(|runtime| {
        let semaphore = Arc::new(CountingSemaphore::new(0, 100));
        let (tasks, order) = line_up(runtime, &semaphore, &[Lowest, Highest, Normal]);
        assert_eq!(serve(&semaphore, &order, 3), [0, 1, 2]);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// What one was handed who is aborted goes to the highest level that waits then.
#[test]
fn who_gives_up_in_any_place_loses_nothing() {
    each(|runtime| {
        let semaphore = by_priority();
        let levels = [Lowest, Highest, Normal, Highest, Normal];
        let (tasks, order) = line_up(runtime, &semaphore, &levels);
        for n in [1, 2] {
            tasks[n].abort();
            until("it has ended", || tasks[n].is_finished());
        }
        assert_eq!(serve(&semaphore, &order, 3), [3, 4, 0]);
        assert_eq!((semaphore.waiting(), semaphore.count()), (0, 0));
        let ended: Vec<_> = tasks.into_iter().map(|task| task.join().is_ok()).collect();
        assert_eq!(ended, [true, false, false, true, true]);
    });
}

#[test]
fn a_level_that_changes_during_a_wait_counts_once_it_is_nudged() {
    each(|runtime| {
        let semaphore = by_priority();
        let (first, first_order) = line_up(runtime, &semaphore, &[Normal]);
        let (order, nudge) = (first_order.clone(), Arc::new(Mutex::new(None)));
        let (waited, nudges) = (semaphore.clone(), nudge.clone());
        let second = runtime.spawn(move || {
            *nudges.lock().unwrap() = Some(Nudge::current());
            waited.wait();
            order.lock().unwrap().push(1);
        });
        until("both wait", || semaphore.waiting() == 2);
        second.set_priority(Highest);
        nudge.lock().unwrap().take().unwrap().nudge();
        until("it stands by its new level", || {
            semaphore.pool.permits.next_level() == Some(Highest as u8)
        });
        assert_eq!(serve(&semaphore, &first_order, 2), [1, 0]);
        first.into_iter().chain([second]).for_each(|task| task.join().unwrap());
    });
}

/// The owner of one lock waits for another, where it stands by the level of who waits for the first.
#[test]
fn a_level_that_is_lent_during_a_wait_counts() {
    each(|runtime| {
        let [wanted, held] = [(); 2].map(|()| Arc::new(Lock::new().by_priority()));
        let order = Order::default();
        let holder = held.lock();
        let takes = |level, n: usize, first: Option<&Arc<Lock>>, then: &Arc<Lock>| {
            let (first, then, order) = (first.cloned(), then.clone(), order.clone());
            runtime.spawn_with(Spawn::new().priority(level), move || {
                let outer = first.as_ref().map(|lock| lock.lock());
                let inner = then.lock();
                order.lock().unwrap().push(n);
                then.unlock(inner);
                if let (Some(lock), Some(owner)) = (first, outer) {
                    lock.unlock(owner);
                }
            })
        };
        let ordinary = takes(Normal, 0, None, &held);
        until("it waits", || held.waits().0 == 1);
        let low = takes(Lowest, 1, Some(&wanted), &held);
        until("it waits, too", || held.waits().0 == 2);
        let urgent = takes(TimeCritical, 2, None, &wanted);
        until("the low one stands by the urgent one's level", || {
            held.waits().1 == Some(TimeCritical as u8)
        });
        held.unlock(holder);
        [ordinary, low, urgent].into_iter().for_each(|task| task.join().unwrap());
        let order = order.lock().unwrap();
        assert!(
            order.iter().position(|n| *n == 1) < order.iter().position(|n| *n == 0),
            "{order:?}"
        );
    });
}

#[test]
fn changes_and_ends_at_random_lose_nothing() {
    each(|runtime| {
        const TASKS: usize = 60;
        let semaphore = by_priority();
        let taken = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (semaphore, taken) = (semaphore.clone(), taken.clone());
                runtime.spawn_with(Spawn::new().priority(Priority::ALL[n % 7]), move || {
                    set_priority(Priority::ALL[n * 3 % 7]);
                    let is_taken = match n % 3 {
                        0 => semaphore
                            .wait_until(Instant::now() + Duration::from_micros(50 * n as u64)),
                        _ => {
                            semaphore.wait();
                            true
                        }
                    };
                    taken.fetch_add(u32::from(is_taken), Ordering::Relaxed);
                })
            })
            .collect();
        let mut posted = 0;
        for (n, task) in tasks.iter().enumerate() {
            task.set_priority(Priority::ALL[n * 5 % 7]);
            if n % 4 == 1 {
                task.abort();
            }
            posted += u32::from(semaphore.post(1).is_some());
            yield_now();
        }
        until("all have ended", || tasks.iter().all(JoinHandle::is_finished));
        assert_eq!(taken.load(Ordering::Relaxed) + semaphore.count(), posted);
        assert_eq!(semaphore.waiting(), 0);
    });
}
