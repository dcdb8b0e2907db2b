//! A task that is joined before it has run, and so runs on top of who joins it, does what any task does; and so do
//! those that were spawned after it, and come before it.

use sortie::native::{self, Target};
use sortie::sync::Event;
use sortie_natives::use_stack;
use sortie_test::{Case, Mode, each, exclusively, until};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// Spawns and joins at once.
fn run<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    sortie::spawn(f).join().expect("a task that ends")
}

/// Runs `f` on a pile of so many tasks, each joined by the one below.
fn on_a_pile<T: Send + 'static>(height: u32, f: impl FnOnce() -> T + Send + 'static) -> T {
    if height == 0 { f() } else { run(move || on_a_pile_boxed(height - 1, Box::new(f))) }
}

fn on_a_pile_boxed<T: Send + 'static>(height: u32, f: Box<dyn FnOnce() -> T + Send>) -> T {
    on_a_pile(height, f)
}

#[test]
fn its_native_calls_have_the_carriers_stack() {
    each(|runtime| {
        // More than all tasks of the pile have together.
        const BYTES: usize = 4 << 20;
        for height in [1, 2, 5] {
            let used = runtime
                .run(move || on_a_pile(height, || native::call_here(&NATIVE, || use_stack(BYTES))));
            assert!(used > 0);
        }
    });
}

#[test]
fn it_waits_and_goes_on() {
    each(|runtime| {
        for height in [1, 2, 3, 100] {
            runtime.run(move || {
                on_a_pile(height, || {
                    let waiting = Arc::new(AtomicBool::new(true));
                    let its = waiting.clone();
                    let other = sortie::spawn(move || its.store(false, Ordering::Release));
                    while waiting.load(Ordering::Acquire) {
                        sortie::yield_now();
                    }
                    other.join().expect("a task that ends");
                    sortie::sleep(Duration::from_micros(50));
                });
            });
        }
    });
}

#[test]
fn each_of_a_pile_may_wait_in_its_turn() {
    each(|runtime| {
        let ended = runtime.run(|| {
            fn pile(height: u32, ended: Arc<AtomicU32>) {
                if height > 0 {
                    sortie::yield_now();
                    let inner = ended.clone();
                    run(move || pile(height - 1, inner));
                    sortie::yield_now();
                }
                ended.fetch_add(1, Ordering::Relaxed);
            }
            let ended = Arc::new(AtomicU32::new(0));
            pile(40, ended.clone());
            ended.load(Ordering::Relaxed)
        });
        assert_eq!(ended, 41);
    });
}

#[test]
fn its_panic_is_the_joins() {
    each(|runtime| {
        let text = runtime.run(|| {
            on_a_pile(3, || {
                let failed = sortie::spawn(|| -> () { panic!("on top") }).join();
                sortie_test::text_of(failed.unwrap_err().into_panic())
            })
        });
        assert_eq!(text, "on top");
    });
}

#[test]
fn an_abort_of_the_one_below_is_raised_when_the_one_on_top_is_back() {
    each(|runtime| {
        for waits in [false, true] {
            let (send, below) = mpsc::channel::<sortie::task::AbortHandle>();
            let went_on = Arc::new(AtomicBool::new(false));
            let its = went_on.clone();
            let task = runtime.spawn(move || {
                run(move || {
                    let below = below.recv().expect("the handle of the one below");
                    below.abort();
                    if waits {
                        sortie::yield_now();
                    }
                });
                // Where the one on top ran elsewhere the join may have found it done.
                sortie::task::checkpoint();
                its.store(true, Ordering::Relaxed);
            });
            send.send(task.abort_handle()).expect("the task waits for it");
            assert!(task.join().unwrap_err().is_aborted());
            assert!(!went_on.load(Ordering::Relaxed));
        }
    });
}

#[test]
fn trees_that_are_joined_oldest_first_come_to_their_sums() {
    fn node(first: u64, leaves: u64) -> u64 {
        if leaves == 1 {
            match first % 100 {
                17 => {
                    sortie::yield_now();
                }
                41 => sortie::sleep(Duration::from_micros(20)),
                _ => {}
            }
            return first;
        }
        let part = leaves / 10;
        let children: Vec<_> =
            (0..10).map(|child| sortie::spawn(move || node(first + child * part, part))).collect();
        children.into_iter().map(|child| child.join().expect("a node does not fail")).sum()
    }
    each(|runtime| {
        assert_eq!(runtime.run(|| node(0, 1000)), 1000 * 999 / 2);
    });
}

#[test]
fn younger_siblings_run_before_the_one_that_is_joined() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        let order = runtime.run(|| {
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut children = (0..10).map(|child| {
                let order = order.clone();
                sortie::spawn(move || order.lock().unwrap().push(child))
            });
            let first = children.next().expect("ten children");
            // Nobody has these handles.
            children.for_each(drop);
            first.join().expect("a task that ends");
            Arc::try_unwrap(order).unwrap().into_inner().unwrap()
        });
        assert_eq!(order, (0..10).rev().collect::<Vec<_>>());
    });
}

#[test]
fn one_that_waits_for_who_is_below_lets_it_go_on() {
    each(|runtime| {
        for yields in [false, true] {
            runtime.run(move || {
                let (open, its) = (Arc::new(Event::manual()), Arc::new(AtomicBool::new(false)));
                let first = sortie::spawn(|| 7);
                let younger = sortie::spawn({
                    let (open, its) = (open.clone(), its.clone());
                    move || {
                        while yields && !its.load(Ordering::Acquire) {
                            sortie::yield_now();
                        }
                        open.wait();
                    }
                });
                assert_eq!(first.join().expect("a task that ends"), 7);
                its.store(true, Ordering::Release);
                open.set();
                younger.join().expect("a task that ends");
            });
        }
    });
}

#[test]
fn joins_without_end_let_others_have_their_turns() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        let its = Arc::new(AtomicU32::new(0));
        let came = Arc::new(AtomicBool::new(false));
        let its_coming = came.clone();
        let busy = runtime.spawn(move || {
            let inner = its.clone();
            let yielding = sortie::spawn(move || {
                sortie::yield_now();
                sortie::yield_now();
                inner.fetch_add(1, Ordering::Relaxed);
            });
            let inner = its.clone();
            let sleeping = sortie::spawn(move || {
                sortie::sleep(Duration::from_micros(100));
                inner.fetch_add(1, Ordering::Relaxed);
            });
            // Both begin, and only the loop serves them from here on.
            sortie::yield_now();
            while its.load(Ordering::Relaxed) < 2 {
                for task in [sortie::spawn(|| ()), sortie::spawn(|| ())] {
                    task.join().expect("a task that ends");
                }
            }
            yielding.join().expect("a task that ends");
            sleeping.join().expect("a task that ends");
            while !came.load(Ordering::Relaxed) {
                run(|| ());
            }
        });
        let from_outside = runtime.spawn(move || its_coming.store(true, Ordering::Relaxed));
        from_outside.join().expect("a task that ends");
        busy.join().expect("a task that ends");
    });
}

#[test]
fn an_abort_of_the_one_below_is_raised_whoever_was_on_top() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        for waits in [false, true] {
            let (send, below) = mpsc::channel::<sortie::task::AbortHandle>();
            let ran = Arc::new(AtomicBool::new(false));
            let its = ran.clone();
            let task = runtime.spawn(move || {
                let first = sortie::spawn(move || its.store(true, Ordering::Relaxed));
                drop(sortie::spawn(move || {
                    below.recv().expect("the handle of the one below").abort();
                    if waits {
                        sortie::yield_now();
                    }
                }));
                first.join()
            });
            send.send(task.abort_handle()).expect("the task waits for it");
            assert!(task.join().unwrap_err().is_aborted());
            // The one that was joined is detached, and runs on.
            until("it runs", || ran.load(Ordering::Relaxed));
        }
    });
}

#[test]
fn one_that_takes_long_is_seen_and_aborted_by_the_end_of_the_runtime() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        let began = Arc::new(AtomicBool::new(false));
        let its = began.clone();
        let task = runtime.spawn(move || {
            on_a_pile(3, move || {
                its.store(true, Ordering::Release);
                loop {
                    sortie::yield_now();
                    std::hint::spin_loop();
                    sortie::task::checkpoint();
                }
            })
        });
        until("it runs", || began.load(Ordering::Acquire));
        assert_eq!(runtime.snapshot().tasks_live(), 4);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        let ended: Result<(), _> = task.join();
        assert!(ended.unwrap_err().is_aborted());
    });
}
