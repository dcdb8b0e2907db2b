//! Order, limits, who waits where; how waits end early is in `ends.rs`, permits that are spent in `counting.rs`, turns by
//! level in `by_priority.rs`.

mod by_priority;
mod counting;
mod ends;

use super::*;
use crate::crossing::{self, Exit};
use crate::task::TaskRef;
use crate::wait::{self, tests::in_a_callback};
use crate::{Config, JoinHandle, Scheduler, Spawn, yield_now};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const WORKERS: [usize; 4] = [1, 2, 4, 8];
const LONG: Duration = Duration::from_secs(20);

fn start(workers: usize, migrating: bool) -> Scheduler {
    let config = Config::new().workers(workers);
    // SAFETY: the tests' tasks keep nothing of their thread over a suspension.
    let config = if migrating { unsafe { config.migrating() } } else { config };
    config.start().unwrap()
}

/// Runs `test` for every worker count, pinned and migrating, and ends the runtime cleanly.
fn each(test: impl Fn(&Scheduler)) {
    for workers in WORKERS {
        for migrating in [false, true] {
            let runtime = start(workers, migrating);
            test(&runtime);
            end(&runtime);
        }
    }
}

fn end(runtime: &Scheduler) {
    let report = runtime.shutdown(LONG).unwrap();
    assert!(report.is_clean(), "{report}");
}

/// Waits, on a thread or in a task, until `condition` holds.
fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "in vain: {what}");
        if !yield_now() {
            thread::yield_now();
        }
    }
}

fn is_unused(semaphore: &Semaphore) {
    assert_eq!(semaphore.in_use(), 0);
    assert_eq!(semaphore.waiting(), 0);
    let permits = semaphore.permits();
    let all: Vec<_> = (0..permits).map_while(|_| semaphore.try_acquire()).collect();
    assert!(all.len() == permits as usize && semaphore.try_acquire().is_none());
}

/// Spawns a task that acquires, and returns once it stands in line.
fn queue(
    runtime: &Scheduler,
    semaphore: &'static Semaphore,
    then: impl FnOnce() + Send + 'static,
) -> (JoinHandle<()>, TaskRef) {
    let (tell, told) = channel();
    let before = semaphore.waiting();
    let task = runtime.spawn(move || {
        let (_, task) = wait::managed().unwrap();
        tell.send(wait::reference(task)).unwrap();
        semaphore.acquire().forget();
        then();
    });
    let reference = told.recv().unwrap();
    until("the task stands in line", || semaphore.waiting() > before);
    (task, reference)
}

/// A semaphore for tasks, which must be `'static`.
fn leak(permits: u32) -> &'static Semaphore {
    Box::leak(Box::new(Semaphore::new(permits)))
}

#[test]
fn first_come_first_served() {
    each(|runtime| {
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiters = Vec::new();
        for n in 0..20 {
            let order = order.clone();
            waiters.push(queue(runtime, semaphore, move || {
                order.lock().unwrap().push(n);
                semaphore.release();
            }));
        }
        assert!(semaphore.try_acquire().is_none(), "nobody overtakes");
        assert_eq!(semaphore.waited(), 20);
        semaphore.release();
        waiters.into_iter().for_each(|(task, _)| task.join().unwrap());
        assert!(order.lock().unwrap().is_sorted(), "{order:?}");
        assert_eq!(order.lock().unwrap().len(), 20);
        is_unused(semaphore);
    });
}

#[test]
fn never_above_the_limit_with_tasks_and_threads_mixed() {
    each(|runtime| {
        let semaphore = leak(3);
        let inside = Arc::new(AtomicU32::new(0));
        let work = {
            let inside = inside.clone();
            move || {
                for _ in 0..20 {
                    semaphore.acquire().forget();
                    // ORDERING: Relaxed, a count.
                    let others = inside.fetch_add(1, Ordering::Relaxed);
                    assert!(others < 3, "{others} others");
                    yield_now();
                    inside.fetch_sub(1, Ordering::Relaxed);
                    semaphore.release();
                }
            }
        };
        // Spawned by one task, so that the others must steal them.
        let tasks = {
            let work = work.clone();
            runtime.spawn(move || -> Vec<_> {
                let tasks = (0..30).map(|_| crate::spawn_current(Spawn::new(), work.clone()));
                tasks.map(|task| task.unwrap_or_else(|_| panic!("in a task"))).collect()
            })
        };
        let threads = [(), (), ()].map(|()| thread::spawn(work.clone()));
        tasks.join().unwrap().into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        is_unused(semaphore);
    });
}

#[test]
fn who_waits_in_place_goes_before_those_who_need_its_carrier() {
    for handed_first in [false, true] {
        let runtime = start(1, false);
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let (first, _first) = queue(&runtime, semaphore, || semaphore.release());
        let second = runtime.spawn(move || {
            in_a_callback(|| {
                if handed_first {
                    semaphore.release();
                }
                semaphore.acquire().forget();
                semaphore.release();
            });
        });
        if !handed_first {
            until("the second waits in place", || semaphore.waiting() == 2);
            semaphore.release();
        }
        second.join().unwrap();
        first.join().unwrap();
        is_unused(semaphore);
        end(&runtime);
    }
}

#[test]
fn callbacks_and_native_code_wait_in_line() {
    each(|runtime| {
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let in_place = runtime.spawn(move || {
            in_a_callback(|| {
                semaphore.acquire().forget();
                semaphore.release();
            });
        });
        let native = runtime.spawn(move || {
            assert!(crossing::leave(1, Exit::Compare));
            semaphore.acquire().forget();
            semaphore.release();
            crossing::come_back().unwrap();
        });
        until("both stand in line", || semaphore.waiting() == 2);
        semaphore.release();
        in_place.join().unwrap();
        native.join().unwrap();
        is_unused(semaphore);
    });
}

#[test]
fn the_limit_grows_and_shrinks() {
    each(|runtime| {
        let semaphore = leak(0);
        let holders = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let holders = holders.clone();
                queue(runtime, semaphore, move || {
                    // ORDERING: Relaxed, a count.
                    holders.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        let holding = |n| until("so many hold", || holders.load(Ordering::Relaxed) == n);
        semaphore.set_permits(4);
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (4, 6));
        holding(4);
        // Two of the four come back, and nobody is let in; the next two are replaced.
        semaphore.set_permits(2);
        semaphore.release();
        semaphore.release();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (2, 6));
        semaphore.release();
        semaphore.release();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (2, 4));
        holding(6);
        semaphore.set_permits(u32::MAX);
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (6, 0));
        tasks.into_iter().for_each(|(task, _)| task.join().unwrap());
        (0..6).for_each(|_| semaphore.release());
        assert_eq!(semaphore.in_use(), 0);
    });
}

fn errno() -> Option<i32> {
    std::io::Error::last_os_error().raw_os_error()
}

#[inline(never)]
fn set_errno(value: i32) {
    // SAFETY: has no conditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as `Errno::restore`.
    unsafe { *errno = value };
}

/// A subscriber that sets `errno` at each event, as a wake's system call may.
struct Careless;

impl tracing::Subscriber for Careless {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        set_errno(libc::ENOTTY);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn errno_is_kept() {
    let (runtime, semaphore) = (start(1, false), leak(1));
    semaphore.acquire().forget();
    let task = runtime.spawn(move || {
        set_errno(libc::EXDEV);
        // The wait is traced on this thread.
        tracing::subscriber::with_default(Careless, || semaphore.acquire().forget());
        assert_eq!(errno(), Some(libc::EXDEV));
        semaphore.release();
    });
    until("the task stands in line", || semaphore.waiting() == 1);
    set_errno(libc::EXDEV);
    // The wake is traced on this one.
    tracing::subscriber::with_default(Careless, || semaphore.release());
    assert_eq!(errno(), Some(libc::EXDEV));
    task.join().unwrap();
    end(&runtime);
}

#[test]
#[should_panic(expected = "a permit is released that nobody has acquired")]
fn a_release_of_nothing() {
    Semaphore::new(1).release();
}

/// Waits for permits and lets them go, with aborts, growth and shrinking at any moment.
#[test]
fn a_mixture() {
    for workers in WORKERS {
        let [one, two] = [start(workers, true), start(2, false)];
        let semaphore = leak(2);
        let inside = Arc::new(AtomicU32::new(0));
        let (tell, told) = channel::<TaskRef>();
        let task = |n: u32| {
            let (inside, tell) = (inside.clone(), tell.clone());
            move || {
                struct Inside<'a>(&'a AtomicU32);
                impl Drop for Inside<'_> {
                    fn drop(&mut self) {
                        // ORDERING: Relaxed, a count.
                        self.0.fetch_sub(1, Ordering::Relaxed);
                    }
                }
                let (_, task) = wait::managed().unwrap();
                if n.is_multiple_of(3) {
                    tell.send(wait::reference(task)).unwrap();
                }
                for _ in 0..10 {
                    let _permit = semaphore.acquire();
                    let others = inside.fetch_add(1, Ordering::Relaxed);
                    let _inside = Inside(&inside);
                    assert!(others < 3, "{others} others");
                    yield_now();
                }
            }
        };
        let tasks: Vec<_> = (0..60)
            .map(|n| if n % 2 == 0 { one.spawn(task(n)) } else { two.spawn(task(n)) })
            .collect();
        drop(tell);
        let changer = thread::spawn(move || {
            for limit in (0..200).map(|n| 1 + n % 3) {
                semaphore.set_permits(limit);
                thread::yield_now();
            }
        });
        told.iter().for_each(|task| task.abort());
        for task in tasks {
            if let Err(error) = task.join() {
                assert!(error.is_aborted(), "{error}");
            }
        }
        changer.join().unwrap();
        is_unused(semaphore);
        end(&one);
        end(&two);
    }
}
