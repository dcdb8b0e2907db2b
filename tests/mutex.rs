//! A mutex lets one in at a time, tasks and threads alike, and lets everybody in in the end.

use sortie::native::{self, Target};
use sortie::sync::{Mutex, MutexGuard};
use sortie_test::{MODES, Mode, each, each_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

#[test]
fn tasks_and_threads_exclude_each_other() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const ROUNDS: usize = 50;
        let counter = Arc::new(Mutex::new((0, false)));
        let add = {
            let counter = counter.clone();
            move |suspends: bool| {
                for _ in 0..ROUNDS {
                    let mut held = counter.lock();
                    assert!(!std::mem::replace(&mut held.1, true), "two are inside");
                    if suspends {
                        sortie::yield_now();
                    }
                    held.0 += 1;
                    held.1 = false;
                }
            }
        };
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let add = add.clone();
                runtime.spawn(move || add(n % 2 == 0))
            })
            .collect();
        let threads = [(), ()].map(|()| {
            let add = add.clone();
            std::thread::spawn(move || add(false))
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.lock().0, 18 * ROUNDS);
    });
}

#[test]
fn a_task_holds_it_while_it_is_suspended_and_no_worker_waits() {
    each(|runtime| {
        let mutex = Arc::new(Mutex::new(()));
        let go_on = Arc::new(AtomicBool::new(false));
        let holder = {
            let (mutex, go_on) = (mutex.clone(), go_on.clone());
            runtime.spawn(move || {
                let _held = mutex.lock();
                while !go_on.load(Ordering::SeqCst) {
                    sortie::yield_now();
                }
            })
        };
        until("it is held", || mutex.is_locked());
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let mutex = mutex.clone();
                runtime.spawn(move || drop(mutex.lock()))
            })
            .collect();
        // More of them than workers, and others run all the same.
        runtime.spawn(sortie::yield_now).join().unwrap();
        assert!(mutex.try_lock().is_none());
        go_on.store(true, Ordering::SeqCst);
        holder.join().unwrap();
        waiters.into_iter().for_each(|task| task.join().unwrap());
        assert!(mutex.try_lock().is_some());
    });
}

#[test]
fn who_takes_it_again_and_again_does_not_starve_who_waits() {
    each(|runtime| {
        let mutex = Arc::new(Mutex::new(()));
        let served = Arc::new(AtomicBool::new(false));
        let greedy = {
            let (mutex, served) = (mutex.clone(), served.clone());
            runtime.spawn(move || {
                let mut turns = 0;
                while !served.load(Ordering::SeqCst) {
                    let _held = mutex.lock();
                    // Whoever waits was called, comes, and finds it taken.
                    sortie::yield_now();
                    turns += 1;
                }
                turns
            })
        };
        until("it is held", || mutex.is_locked());
        let patient = {
            let mutex = mutex.clone();
            runtime.spawn(move || {
                drop(mutex.lock());
                served.store(true, Ordering::SeqCst);
            })
        };
        patient.join().unwrap();
        greedy.join().unwrap();
    });
}

#[test]
fn a_guard_can_be_handed_over_at_once() {
    // One worker, so that who yields knows what the other has done.
    each_of(&[1], &MODES, |runtime| {
        let handed_over = runtime.run(|| {
            let mutex = Arc::new(Mutex::new(()));
            let held = mutex.lock();
            let at = mutex.clone();
            let task = sortie::spawn(move || drop(at.lock()));
            sortie::yield_now();
            MutexGuard::unlock_fair(held);
            let handed_over = mutex.is_locked();
            task.join().unwrap();
            handed_over
        });
        assert!(handed_over);
    });
}

#[test]
fn timed_waits_end_in_time() {
    each(|runtime| {
        let mutex = Arc::new(Mutex::new(()));
        let held = mutex.lock();
        let wait = {
            let mutex = mutex.clone();
            move || {
                let start = Instant::now();
                assert!(mutex.try_lock_for(Duration::from_millis(2)).is_none());
                assert!(mutex.try_lock_until(start).is_none());
                start.elapsed() >= Duration::from_millis(2)
            }
        };
        assert!(runtime.spawn(wait.clone()).join().unwrap());
        assert!(std::thread::spawn(wait).join().unwrap());
        let patient = {
            let mutex = mutex.clone();
            runtime.spawn(move || mutex.try_lock_for(Duration::MAX).is_some())
        };
        drop(held);
        assert!(patient.join().unwrap());
        assert!(!mutex.is_locked());
    });
}

#[test]
fn callbacks_and_native_code_wait_too() {
    each(|runtime| {
        let mutex = Arc::new(Mutex::new(0));
        let held = mutex.lock();
        let tasks = [false, true].map(|calls_back| {
            let mutex = mutex.clone();
            runtime.spawn(move || {
                native::call_here(&NATIVE, || match calls_back {
                    false => *mutex.lock() += 1,
                    true => native::callback((), || *mutex.lock() += 1),
                });
            })
        });
        runtime.spawn(|| ()).join().unwrap();
        drop(held);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*mutex.lock(), 2);
    });
}

#[test]
fn a_panic_lets_it_go_without_poison() {
    each(|runtime| {
        let mutex = Arc::new(Mutex::new(1));
        let task = {
            let mutex = mutex.clone();
            runtime.spawn(move || {
                let _held = mutex.lock();
                std::panic::panic_any(());
            })
        };
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(*mutex.lock(), 1);
    });
}

#[test]
fn a_second_lock_by_its_owner_panics_instead_of_waiting_for_itself() {
    each(|runtime| {
        let twice = || {
            let mutex = Mutex::new(());
            let _held = mutex.lock();
            assert!(mutex.try_lock().is_none());
            assert!(mutex.try_lock_for(Duration::from_millis(1)).is_none());
            let second = catch_unwind(AssertUnwindSafe(|| drop(mutex.lock())));
            second.is_err()
        };
        assert!(runtime.run(twice));
        assert!(runtime.run(move || native::call_here(&NATIVE, twice)));
        assert!(twice());
    });
}

#[test]
fn aborts_and_time_limits_lose_no_wake_up() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const TASKS: usize = 40;
        let mutex = Arc::new(Mutex::new(()));
        let inside = Arc::new(AtomicUsize::new(0));
        let mut tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (mutex, inside) = (mutex.clone(), inside.clone());
                runtime.spawn(move || {
                    for round in 0..30 {
                        let limit = Duration::from_micros((n * round) as u64 % 97);
                        let held = match n % 3 {
                            0 => mutex.try_lock_for(limit),
                            _ => Some(mutex.lock()),
                        };
                        let Some(_held) = held else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
                        let inside = count_out(&inside);
                        if n % 2 == 0 {
                            sortie::yield_now();
                        }
                        drop(inside);
                    }
                })
            })
            .collect();
        for (n, task) in tasks.iter().enumerate() {
            if n % 4 == 1 {
                task.abort();
            }
        }
        for (n, task) in tasks.drain(..).enumerate() {
            match task.join() {
                Ok(()) => {}
                Err(error) => assert!(error.is_aborted() && n % 4 == 1, "{error}"),
            }
        }
        assert!(!mutex.is_locked());
        drop(mutex.lock());
    });
}

/// Counts one out when it is dropped, by an abort too.
fn count_out(inside: &AtomicUsize) -> impl Drop + '_ {
    struct Out<'a>(&'a AtomicUsize);
    impl Drop for Out<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    Out(inside)
}

#[test]
fn guards_of_arcs_and_of_parts_come_along() {
    let mutex = Arc::new(Mutex::new((1, 2)));
    let held = mutex.lock_arc();
    assert!(mutex.is_locked());
    drop(held);
    let mut part = MutexGuard::map(mutex.lock(), |both| &mut both.1);
    *part = 3;
    drop(part);
    assert_eq!(*mutex.lock(), (1, 3));
}

#[test]
fn who_waits_in_place_goes_before_those_who_need_its_carrier() {
    // One worker, so that both are at home on its carrier.
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let order = runtime.run(|| {
            let mutex = Arc::new(Mutex::new(Vec::new()));
            let held = mutex.lock();
            let at = mutex.clone();
            let behind = sortie::spawn(move || at.lock().push("who needs the carrier"));
            sortie::yield_now();
            native::call_here(&NATIVE, || {
                native::callback((), || {
                    // Handed over to one that cannot run before this callback has returned.
                    MutexGuard::unlock_fair(held);
                    mutex.lock().push("who holds it");
                });
            });
            behind.join().unwrap();
            mutex.lock().clone()
        });
        assert_eq!(order, ["who holds it", "who needs the carrier"]);
    });
}

/// Says what the value was when it was dropped.
struct Reads<'a> {
    held: MutexGuard<'a, u32>,
    saw: &'a AtomicU32,
}

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.saw.store(*self.held, Ordering::SeqCst);
    }
}

/// A guard that is let go of for a while: an abort comes when it wants the lock again, and must wait for that.
#[test]
fn who_is_aborted_while_it_takes_the_lock_again_has_it_when_it_unwinds() {
    fn until_held(is_free: &AtomicBool) {
        is_free.store(true, Ordering::SeqCst);
        while is_free.load(Ordering::SeqCst) {
            // No suspension point: the abort is not to come here.
            std::thread::yield_now();
        }
    }
    let ways: [fn(&mut MutexGuard<'_, u32>, &AtomicBool); 3] = [
        |held, is_free| MutexGuard::unlocked(held, || until_held(is_free)),
        |held, is_free| MutexGuard::unlocked_fair(held, || until_held(is_free)),
        |held, is_free| {
            is_free.store(true, Ordering::SeqCst);
            while is_free.load(Ordering::SeqCst) {
                MutexGuard::bump(held);
            }
        },
    ];
    each(|runtime| {
        for way in ways {
            let lock = Arc::new((Mutex::new(0), AtomicBool::new(false), AtomicU32::new(0)));
            let task = {
                let lock = lock.clone();
                runtime.spawn(move || {
                    let (value, is_free, saw) = &*lock;
                    let mut reads = Reads { held: value.lock(), saw };
                    way(&mut reads.held, is_free);
                    sortie::yield_now();
                    unreachable!("it was aborted");
                })
            };
            let (value, is_free, saw) = &*lock;
            until("it lets go of the lock", || is_free.load(Ordering::SeqCst));
            let mut held = value.lock();
            is_free.store(false, Ordering::SeqCst);
            // On one worker another has its turn when that one waits.
            runtime.spawn(|| ()).join().unwrap();
            task.abort();
            *held = 7;
            drop(held);
            assert!(task.join().unwrap_err().is_aborted());
            assert_eq!(saw.load(Ordering::SeqCst), 7, "it was alone with the value");
            assert!(!value.is_locked());
        }
    });
}
