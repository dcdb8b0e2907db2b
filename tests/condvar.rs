//! A wait for a condition lets the mutex go, ends by a notification, and holds the mutex again however it ends.

use sortie::native::{self, Target};
use sortie::sync::{Condvar, Mutex, MutexGuard};
use sortie_test::{MODES, each, each_of, each_setting, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Inbox {
    letters: Mutex<(usize, usize)>,
    arrived: Condvar,
}

impl Inbox {
    /// The waiters say that they are there, under the mutex.
    fn take(&self) {
        let mut held = self.letters.lock();
        held.1 += 1;
        self.arrived.wait_while(&mut held, |held| held.0 == 0);
        held.0 -= 1;
        held.1 -= 1;
    }

    fn wait_for_waiters(&self, count: usize) {
        until("they wait", || self.letters.lock().1 == count);
    }

    fn put(&self, count: usize) {
        self.letters.lock().0 += count;
    }
}

#[test]
fn each_notification_lets_one_on_tasks_and_threads() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let inbox = Arc::new(Inbox::default());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let inbox = inbox.clone();
                runtime.spawn(move || inbox.take())
            })
            .collect();
        let threads = [(), ()].map(|()| {
            let inbox = inbox.clone();
            std::thread::spawn(move || inbox.take())
        });
        inbox.wait_for_waiters(10);
        for left in (0..10).rev() {
            inbox.put(1);
            assert!(inbox.arrived.notify_one());
            inbox.wait_for_waiters(left);
        }
        assert!(!inbox.arrived.notify_one(), "nobody waits");
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn all_are_notified_and_counted() {
    each(|runtime| {
        let inbox = Arc::new(Inbox::default());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let inbox = inbox.clone();
                runtime.spawn(move || inbox.take())
            })
            .collect();
        inbox.wait_for_waiters(8);
        inbox.put(8);
        assert_eq!(inbox.arrived.notify_all(), 8);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(inbox.arrived.notify_all(), 0);
    });
}

#[test]
fn a_wait_ends_in_time_with_the_mutex_held() {
    each(|runtime| {
        let inbox = Arc::new(Inbox::default());
        let wait = {
            let inbox = inbox.clone();
            move || {
                let start = Instant::now();
                let mut held = inbox.letters.lock();
                let result = inbox.arrived.wait_for(&mut held, Duration::from_millis(2));
                assert!(result.timed_out());
                assert!(inbox.letters.is_locked());
                start.elapsed() >= Duration::from_millis(2)
            }
        };
        assert!(runtime.spawn(wait.clone()).join().unwrap());
        assert!(std::thread::spawn(wait).join().unwrap());
        assert!(!inbox.letters.is_locked());
    });
}

/// Says whether the mutex was held when it was dropped.
struct Look<'a> {
    inbox: &'a Inbox,
    held: &'a AtomicBool,
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.held.store(self.inbox.letters.is_locked(), Ordering::SeqCst);
    }
}

#[test]
fn who_is_aborted_holds_the_mutex_again_when_it_unwinds() {
    each(|runtime| {
        let inbox = Arc::new(Inbox::default());
        let was_held = Arc::new(AtomicBool::new(false));
        let waiter = {
            let (inbox, was_held) = (inbox.clone(), was_held.clone());
            runtime.spawn(move || {
                let mut held = inbox.letters.lock();
                let _look = Look { inbox: &inbox, held: &was_held };
                held.1 += 1;
                inbox.arrived.wait(&mut held);
            })
        };
        inbox.wait_for_waiters(1);
        // Held by another task, on the same worker maybe, which is suspended: the one that is aborted must wait
        // for it, and not on the thread that it needs.
        let go_on = Arc::new(AtomicBool::new(false));
        let holder = {
            let (inbox, go_on) = (inbox.clone(), go_on.clone());
            runtime.spawn(move || {
                let _held = inbox.letters.lock();
                while !go_on.load(Ordering::SeqCst) {
                    sortie::yield_now();
                }
            })
        };
        until("it is held", || inbox.letters.is_locked());
        waiter.abort();
        runtime.spawn(|| ()).join().unwrap();
        go_on.store(true, Ordering::SeqCst);
        holder.join().unwrap();
        assert!(waiter.join().unwrap_err().is_aborted());
        assert!(was_held.load(Ordering::SeqCst));
        assert!(!inbox.letters.is_locked());
    });
}

#[test]
fn aborts_and_time_limits_lose_no_notification() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const LETTERS: usize = 200;
        let inbox = Arc::new(Inbox::default());
        let taken = Arc::new(AtomicUsize::new(0));
        // These take all in the end, whatever becomes of the others.
        let patient: Vec<_> = (0..4)
            .map(|_| {
                let (inbox, taken) = (inbox.clone(), taken.clone());
                runtime.spawn(move || {
                    loop {
                        let mut held = inbox.letters.lock();
                        inbox.arrived.wait_while(&mut held, |held| held.0 == 0 && held.1 == 0);
                        if held.0 == 0 {
                            return;
                        }
                        held.0 -= 1;
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let others: Vec<_> = (0..20u64)
            .map(|n| {
                let inbox = inbox.clone();
                runtime.spawn(move || {
                    let mut held = inbox.letters.lock();
                    match n % 2 {
                        // Ended by a notification that is not for it: it passes it on, as users must.
                        0 => drop(inbox.arrived.wait_for(&mut held, Duration::from_micros(n * 50))),
                        _ => inbox.arrived.wait(&mut held),
                    }
                    inbox.arrived.notify_one();
                })
            })
            .collect();
        for letter in 0..LETTERS {
            inbox.put(1);
            inbox.arrived.notify_one();
            if let Some(other) = others.get(letter) {
                other.abort();
            }
            if letter % 16 == 0 {
                std::thread::yield_now();
            }
        }
        until("all are taken", || taken.load(Ordering::SeqCst) == LETTERS);
        inbox.letters.lock().1 = 1;
        inbox.arrived.notify_all();
        patient.into_iter().for_each(|task| task.join().unwrap());
        for other in others {
            let _ = other.join();
        }
    });
}

/// Says what the value was when it was dropped.
struct Reads<'a> {
    held: MutexGuard<'a, (usize, usize)>,
    saw: &'a AtomicUsize,
}

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.saw.store(self.held.0, Ordering::SeqCst);
    }
}

/// In a callback it waits on its thread, which the end of the runtime does not wait for.
#[test]
fn who_outlives_its_runtime_holds_the_mutex_again_when_it_unwinds() {
    each_setting(|case| {
        let runtime = case.runtime();
        let (inbox, saw) = (Arc::new(Inbox::default()), Arc::new(AtomicUsize::new(0)));
        let waiter = {
            let (inbox, saw) = (inbox.clone(), saw.clone());
            runtime.spawn(move || {
                native::call_here(&CALL_BACK, || {
                    sortie_natives::with_callback(1, |_| {
                        native::callback(-1, || {
                            let mut reads = Reads { held: inbox.letters.lock(), saw: &saw };
                            reads.held.1 += 1;
                            inbox.arrived.wait(&mut reads.held);
                            0
                        })
                    })
                })
            })
        };
        inbox.wait_for_waiters(1);
        let mut held = inbox.letters.lock();
        let report = runtime.shutdown(Duration::from_millis(20));
        assert_eq!(report.stragglers().len(), 1, "it waits for the mutex: {report}");
        held.0 = 7;
        drop(held);
        assert!(waiter.join().unwrap_err().is_aborted());
        assert_eq!(saw.load(Ordering::SeqCst), 7, "it was alone with the value");
        assert!(!inbox.letters.is_locked());
    });
}

static CALL_BACK: Target = Target::named("natives_call_back");
