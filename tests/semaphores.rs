//! No more hold permits than there are; who gives up takes none along.

use sortie::sync::Semaphore;
use sortie_test::{MODES, each, each_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn many_at_once_with_time_limits_and_aborts() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const PERMITS: u32 = 5;
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        let out = Arc::new(AtomicU32::new(0));
        let work = {
            let (semaphore, out) = (semaphore.clone(), out.clone());
            move |n: u32| {
                for round in 0..20 {
                    let limit = Duration::from_micros(u64::from(n * round % 83));
                    let permit = match n % 3 {
                        0 => semaphore.acquire_timeout(limit),
                        1 => Some(semaphore.acquire_many(1 + n % PERMITS)),
                        _ => Some(semaphore.acquire()),
                    };
                    let Some(permit) = permit else { continue };
                    let now = out.fetch_add(permit.permits(), Ordering::SeqCst);
                    let back = Back(&out, permit.permits());
                    assert!(now + permit.permits() <= PERMITS, "{now} are out, and more");
                    sortie::yield_now();
                    drop(back);
                }
            }
        };
        let tasks: Vec<_> = (0..30)
            .map(|n| {
                let work = work.clone();
                runtime.spawn(move || work(n))
            })
            .collect();
        let thread = std::thread::spawn(move || work(4));
        tasks.iter().step_by(4).for_each(|task| task.abort());
        for (n, task) in tasks.into_iter().enumerate() {
            if let Err(error) = task.join() {
                assert!(error.is_aborted() && n % 4 == 0, "{error}");
            }
        }
        thread.join().unwrap();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (0, 0));
    });
}

struct Back<'a>(&'a AtomicU32, u32);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::SeqCst);
    }
}

#[test]
fn who_wants_many_is_not_overtaken_and_lets_others_in_when_it_gives_up() {
    // One worker, so that who yields knows what the others have done.
    each_of(&[1], &MODES, |runtime| {
        runtime.run(|| {
            let semaphore = Arc::new(Semaphore::new(3));
            let one = semaphore.acquire();
            let at = semaphore.clone();
            let all = sortie::spawn(move || at.acquire_many(3).forget());
            sortie::yield_now();
            assert!(semaphore.try_acquire().is_none(), "two are free, and one waits for three");
            let at = semaphore.clone();
            let behind = sortie::spawn(move || drop(at.acquire()));
            sortie::yield_now();
            assert_eq!(semaphore.waiting(), 2);
            all.abort();
            assert!(all.join().unwrap_err().is_aborted());
            behind.join().unwrap();
            drop(one);
            assert!(semaphore.try_acquire_many(3).is_some());
        });
    });
}

#[test]
fn time_limits() {
    each(|runtime| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire();
        let wait = {
            let semaphore = semaphore.clone();
            move || semaphore.acquire_timeout(Duration::from_millis(1)).is_some()
        };
        assert!(!runtime.spawn(wait.clone()).join().unwrap());
        assert!(!wait());
        // Who gives up takes no part of what it wanted, and keeps nobody else waiting.
        let many = {
            let semaphore = semaphore.clone();
            move || semaphore.acquire_many_timeout(2, Duration::from_millis(1)).is_some()
        };
        drop(permit);
        assert!(!runtime.spawn(many.clone()).join().unwrap() && !many());
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (0, 0));
        assert!(wait());
        semaphore.set_permits(3);
        assert!(many());
        assert_eq!(semaphore.in_use(), 0);
    });
}

#[test]
fn none_is_never_waited_for() {
    let semaphore = Semaphore::new(0);
    drop(semaphore.acquire_many(0));
    assert!(semaphore.try_acquire_many(0).is_some());
    semaphore.release_many(0);
}

#[test]
fn a_permit_that_keeps_its_semaphore_is_released_where_its_task_ends() {
    each(|runtime| {
        let slots = Arc::new(Semaphore::new(3));
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let slot = slots.acquire_arc();
                assert!(Arc::ptr_eq(slot.semaphore(), &slots) && slot.permits() == 1);
                let task = runtime.spawn(move || {
                    let _slot = slot;
                    match n % 3 {
                        0 => sortie::sleep(Duration::MAX),
                        1 => std::panic::panic_any("it fails"),
                        _ => sortie::yield_now(),
                    }
                });
                if n % 3 == 0 {
                    task.abort();
                }
                task
            })
            .collect();
        let ended = tasks.into_iter().filter_map(|task| task.join().ok()).count();
        assert_eq!(ended, 4);
        let all = slots.acquire_many_timeout(3, Duration::from_secs(60)).expect("all come back");
        all.into_arc(&slots).forget();
        assert!(slots.try_acquire_arc().is_none());
        slots.release_many(3);
        assert_eq!(slots.try_acquire_many_arc(3).map(|all| all.permits()), Some(3));
        let other = Arc::new(Semaphore::new(1));
        let refused = catch_unwind(AssertUnwindSafe(|| slots.acquire().into_arc(&other)));
        assert!(refused.is_err() && (slots.in_use(), other.in_use()) == (0, 0));
    });
}
