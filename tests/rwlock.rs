//! Many read at a time or one writes, tasks and threads alike, and neither starves the other.

use sortie::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use sortie_test::{MODES, each, each_of, until};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, Ordering};
use std::time::Duration;

/// Readers inside count up, a writer sets it to -1.
#[derive(Default)]
struct Inside(AtomicIsize);

struct Leaves<'a>(&'a AtomicIsize, isize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(self.1, Ordering::SeqCst);
    }
}

impl Inside {
    fn read(&self) -> Leaves<'_> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) >= 0, "a reader beside a writer");
        Leaves(&self.0, -1)
    }

    fn write(&self) -> Leaves<'_> {
        assert_eq!(self.0.fetch_sub(1, Ordering::SeqCst), 0, "a writer beside others");
        Leaves(&self.0, 1)
    }
}

#[test]
fn readers_together_writers_alone_tasks_and_threads() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let lock = Arc::new(RwLock::new(0));
        let inside = Arc::new(Inside::default());
        let work = {
            let (lock, inside) = (lock.clone(), inside.clone());
            move |n: usize| {
                for round in 0..40 {
                    if (n + round).is_multiple_of(4) {
                        let mut held = lock.write();
                        let _in = inside.write();
                        sortie::yield_now();
                        *held += 1;
                    } else {
                        let held = lock.read();
                        let _in = inside.read();
                        let before = *held;
                        sortie::yield_now();
                        assert_eq!(*held, before);
                    }
                }
            }
        };
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let work = work.clone();
                runtime.spawn(move || work(n))
            })
            .collect();
        let threads = [16, 17].map(|n| {
            let work = work.clone();
            std::thread::spawn(move || work(n))
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.read(), 18 * 10);
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_writer_that_waits_goes_before_readers_that_come_later() {
    // One worker, so that who yields knows what the others have done.
    each_of(&[1], &MODES, |runtime| {
        let order = runtime.run(|| {
            let lock = Arc::new(RwLock::new(Vec::new()));
            let held = lock.read();
            let at = lock.clone();
            let writer = sortie::spawn(move || at.write().push("writer"));
            sortie::yield_now();
            assert!(lock.try_read().is_none(), "a reader overtakes");
            let at = lock.clone();
            let reader = sortie::spawn(move || at.read().clone());
            sortie::yield_now();
            drop(held);
            writer.join().unwrap();
            reader.join().unwrap()
        });
        assert_eq!(order, ["writer"]);
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    each(|runtime| {
        let lock = Arc::new(RwLock::new(()));
        let held = lock.read();
        let waits = Arc::new(AtomicBool::new(false));
        let writer = {
            let (lock, waits) = (lock.clone(), waits.clone());
            runtime.spawn(move || {
                waits.store(true, Ordering::SeqCst);
                drop(lock.write());
            })
        };
        until("the writer is there", || waits.load(Ordering::SeqCst));
        let reader = {
            let lock = lock.clone();
            runtime.spawn(move || drop(lock.read()))
        };
        writer.abort();
        assert!(writer.join().unwrap_err().is_aborted());
        reader.join().unwrap();
        drop(held);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn timed_waits_end_in_time() {
    each(|runtime| {
        let lock = Arc::new(RwLock::new(()));
        let limit = Duration::from_millis(1);
        let wait = move |lock: &RwLock<()>| {
            assert!(lock.try_write_for(limit).is_none());
            lock.try_read_for(limit).is_some()
        };
        for reads in [true, false] {
            let held = match reads {
                true => (Some(lock.read()), None),
                false => (None, Some(lock.write())),
            };
            let at = lock.clone();
            assert_eq!(runtime.spawn(move || wait(&at)).join().unwrap(), reads);
            let at = lock.clone();
            assert_eq!(std::thread::spawn(move || wait(&at)).join().unwrap(), reads);
            drop(held);
        }
        assert!(lock.try_write_for(Duration::MAX).is_some());
    });
}

#[test]
fn a_writer_that_becomes_a_reader_lets_readers_in_and_no_writer() {
    each(|runtime| {
        let lock = Arc::new(RwLock::new(1));
        let mut held = lock.write();
        *held = 2;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                runtime.spawn(move || *lock.read())
            })
            .collect();
        let held = RwLockWriteGuard::downgrade(held);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 2);
        }
        assert!(lock.try_write().is_none());
        drop(held);
        assert!(lock.try_write().is_some());
    });
}

/// In a task that is suspended with them, too; each is let go where its guard ends.
#[test]
fn guards_of_arcs_and_of_parts_come_along() {
    each(|runtime| {
        let lock = Arc::new(RwLock::new((1, 2)));
        let both = lock.clone();
        let task = runtime.spawn(move || {
            let (one, other) = (both.read_arc(), both.read_arc());
            sortie::yield_now();
            assert!(both.try_write().is_none());
            drop((one, other));
            let mut held = both.write_arc();
            sortie::yield_now();
            assert!(both.try_read().is_none());
            held.0 = 3;
            drop(held);
            let mut part = RwLockWriteGuard::map(both.write(), |both| &mut both.1);
            sortie::yield_now();
            assert!(both.try_read_arc().is_none());
            *part = 4;
            drop(part);
            let part = RwLockReadGuard::map(both.read(), |both| &both.1);
            sortie::yield_now();
            assert!(both.try_write_arc().is_none());
            *part
        });
        assert_eq!(task.join().unwrap(), 4);
        assert_eq!(*lock.write(), (3, 4));
    });
}

#[test]
fn a_writer_that_would_wait_for_itself_panics() {
    let lock = RwLock::new(());
    let _held = lock.write();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lock.read()))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lock.write()))).is_err());
}

#[test]
fn aborts_and_time_limits_lose_no_wake_up() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let lock = Arc::new(RwLock::new(()));
        let inside = Arc::new(Inside::default());
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let (lock, inside) = (lock.clone(), inside.clone());
                runtime.spawn(move || {
                    for round in 0..30u64 {
                        let limit = Duration::from_micros(n * round % 97);
                        match n % 4 {
                            0 => drop(lock.try_read_for(limit)),
                            1 => drop(lock.try_write_for(limit)),
                            2 => {
                                let _held = lock.read();
                                let _in = inside.read();
                                sortie::yield_now();
                            }
                            _ => {
                                let _held = lock.write();
                                let _in = inside.write();
                                sortie::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        tasks.iter().step_by(5).for_each(|task| task.abort());
        for (n, task) in tasks.into_iter().enumerate() {
            if let Err(error) = task.join() {
                assert!(error.is_aborted() && n % 5 == 0, "{error}");
            }
        }
        assert!(!lock.is_locked());
        drop(lock.write());
    });
}

/// Says what the value was when it was dropped.
struct Reads<'a, G: Deref<Target = u32>> {
    held: G,
    saw: &'a AtomicU32,
}

impl<G: Deref<Target = u32>> Drop for Reads<'_, G> {
    fn drop(&mut self) {
        self.saw.store(*self.held, Ordering::SeqCst);
    }
}

/// Until somebody else has it. No suspension point: an abort is not to come here.
fn let_go(is_free: &AtomicBool) {
    is_free.store(true, Ordering::SeqCst);
    while is_free.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
}

/// A guard that is let go of for a while: an abort comes when it wants the lock again, and must wait for that.
#[test]
fn who_is_aborted_while_it_takes_the_lock_again_has_it_when_it_unwinds() {
    each(|runtime| {
        for writes in [false, true] {
            let lock = Arc::new((RwLock::new(0), AtomicBool::new(false), AtomicU32::new(0)));
            let task = {
                let lock = lock.clone();
                runtime.spawn(move || {
                    let (value, is_free, saw) = &*lock;
                    if writes {
                        let mut reads = Reads { held: value.write(), saw };
                        RwLockWriteGuard::unlocked(&mut reads.held, || let_go(is_free));
                        sortie::yield_now();
                    } else {
                        let mut reads = Reads { held: value.read(), saw };
                        RwLockReadGuard::unlocked(&mut reads.held, || let_go(is_free));
                        sortie::yield_now();
                    }
                    unreachable!("it was aborted");
                })
            };
            let (value, is_free, saw) = &*lock;
            until("it lets go of the lock", || is_free.load(Ordering::SeqCst));
            let mut held = value.write();
            is_free.store(false, Ordering::SeqCst);
            // On one worker another has its turn when that one waits.
            runtime.spawn(|| ()).join().unwrap();
            task.abort();
            *held = 7;
            drop(held);
            assert!(task.join().unwrap_err().is_aborted());
            assert_eq!(saw.load(Ordering::SeqCst), 7, "nobody wrote meanwhile");
            assert!(!value.is_locked());
        }
    });
}
