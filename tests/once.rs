//! What is done once is done by one, while others wait; if that one fails, another does it.

use sortie::sync::{Event, LazyLock, Once, OnceLock};
use sortie_test::drops::Drops;
use sortie_test::{MODES, each, each_of, panic_text, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn one_makes_the_value_and_may_suspend_tasks_and_threads() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let cell = Arc::new(OnceLock::new());
        let made = Arc::new(AtomicUsize::new(0));
        let want = {
            let (cell, made) = (cell.clone(), made.clone());
            move || {
                let make = || {
                    sortie::sleep(Duration::from_micros(200));
                    made.fetch_add(1, Ordering::SeqCst) + 1
                };
                *cell.get_or_init(make)
            }
        };
        let tasks: Vec<_> = (0..20).map(|_| runtime.spawn(want.clone())).collect();
        let threads = [(), ()].map(|()| std::thread::spawn(want.clone()));
        let at = cell.clone();
        let waits = runtime.spawn(move || *at.wait());
        for task in tasks {
            assert_eq!(task.join().unwrap(), 1);
        }
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
        assert_eq!(waits.join().unwrap(), 1);
    });
}

#[test]
fn a_value_that_makes_itself_is_made_once_by_one_who_stays() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let drops = Drops::new();
        let (at_it, goes_on) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let begun = Arc::new(AtomicUsize::new(0));
        let lazy = {
            let (drops, at_it, goes_on) = (drops.clone(), at_it.clone(), goes_on.clone());
            let begun = begun.clone();
            Arc::new(LazyLock::new(move || {
                let value = drops.value();
                match begun.fetch_add(1, Ordering::SeqCst) {
                    0 => {
                        at_it.set();
                        sortie::sleep(Duration::MAX);
                    }
                    1 => std::panic::panic_any("the second"),
                    _ => goes_on.wait(),
                }
                value
            }))
        };
        let look = || {
            let lazy = lazy.clone();
            move || {
                LazyLock::force(&lazy);
            }
        };
        let first = runtime.spawn(look());
        at_it.wait();
        assert!(LazyLock::force_timeout(&lazy, Duration::from_millis(1)).is_none());
        assert!(LazyLock::get(&lazy).is_none());
        first.abort();
        assert!(first.join().unwrap_err().is_aborted());
        let second = runtime.spawn(look());
        assert!(second.join().unwrap_err().is_panic());
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(look())).collect();
        let thread = std::thread::spawn(look());
        until("somebody is at it", || begun.load(Ordering::SeqCst) == 3);
        goes_on.set();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
        assert!(LazyLock::get(&lazy).is_some());
        drop(lazy);
        drops.check();
    });
}

#[test]
fn who_panics_or_is_aborted_leaves_it_to_the_next() {
    each(|runtime| {
        let once = Arc::new(Once::new());
        let begun = Arc::new(AtomicUsize::new(0));
        let failing: Vec<_> = (0..6)
            .map(|n| {
                let (once, begun) = (once.clone(), begun.clone());
                runtime.spawn(move || {
                    once.call_once(|| {
                        begun.fetch_add(1, Ordering::SeqCst);
                        match n % 2 {
                            0 => std::panic::panic_any(n),
                            _ => sortie::sleep(Duration::MAX),
                        }
                    });
                })
            })
            .collect();
        let at = once.clone();
        let good = runtime.spawn(move || {
            at.wait();
        });
        for task in failing.iter().skip(1).step_by(2) {
            task.abort();
        }
        for task in failing {
            assert!(task.join().is_err());
        }
        assert!(!once.is_completed());
        once.call_once(|| ());
        good.join().unwrap();
        once.call_once(|| unreachable!("it is done"));
    });
}

#[test]
fn time_limits() {
    each(|runtime| {
        let cell = Arc::new(OnceLock::<u32>::new());
        let wait = {
            let cell = cell.clone();
            move || cell.wait_timeout(Duration::from_millis(1)).is_none()
        };
        assert!(runtime.spawn(wait.clone()).join().unwrap());
        assert!(wait());
        let at = cell.clone();
        let task = runtime.spawn(move || at.wait_timeout(Duration::MAX).copied());
        cell.set(5).unwrap();
        assert_eq!(task.join().unwrap(), Some(5));
    });
}

#[test]
fn what_waits_for_itself_panics_instead() {
    each(|runtime| {
        let waits_for_itself = || {
            let (cell, once) = (OnceLock::<u32>::new(), Once::new());
            let cell_waits = || cell.get_or_init(|| *cell.wait());
            assert!(panic_text(cell_waits).contains("waits for itself"));
            assert!(panic_text(|| once.call_once(|| once.wait())).contains("waits for itself"));
            *cell.get_or_init(|| 3)
        };
        assert_eq!(runtime.run(waits_for_itself), 3);
        assert_eq!(waits_for_itself(), 3);
    });
}

#[test]
fn cells_are_cloned_and_compared_by_what_is_there() {
    let (empty, full) = (OnceLock::new(), OnceLock::from(1));
    assert_eq!((empty.clone().get(), full.clone().get()), (None, Some(&1)));
    assert!(empty != full && empty == OnceLock::new() && full == OnceLock::from(1));
    full.get_or_init(|| unreachable!("it is there"));
    assert_eq!(empty.get_or_init(|| empty.clone().into_inner().unwrap_or(1)), &1);
    assert_eq!(empty, full);
}

#[test]
fn what_needs_itself_panics_instead_of_waiting_for_itself() {
    each(|runtime| {
        let needs_itself = || {
            let cell = OnceLock::new();
            let made = catch_unwind(AssertUnwindSafe(|| {
                *cell.get_or_init(|| *cell.get_or_init(|| 1) + 1)
            }));
            assert!(made.is_err());
            *cell.get_or_init(|| 3)
        };
        assert_eq!(runtime.run(needs_itself), 3);
        assert_eq!(needs_itself(), 3);
    });
}

#[test]
fn values_are_dropped_once() {
    each(|runtime| {
        let drops = Drops::new();
        let cell = Arc::new(OnceLock::new());
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (cell, value) = (cell.clone(), drops.value());
                runtime.spawn(move || drop(cell.set(value)))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        until("the others are dropped", || drops.dropped() == 9);
        assert!(cell.get().is_some());
        until("the tasks let go", || Arc::strong_count(&cell) == 1);
        drop(cell);
        drops.check();
        let mut cell = OnceLock::from(drops.value());
        drop(cell.take());
        assert!(cell.get().is_none());
        drop(cell);
        drops.check();
    });
}

#[test]
fn who_waits_for_so_long_at_most_leaves_the_turn_to_those_who_stay() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let cell = Arc::new(OnceLock::new());
        let (begun, fails) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let first = runtime.spawn({
            let (cell, begun, fails) = (cell.clone(), begun.clone(), fails.clone());
            move || {
                cell.get_or_init(|| {
                    begun.set();
                    fails.wait();
                    panic!("as the test wants");
                });
            }
        });
        begun.wait();
        let late = |limit: Duration| {
            let cell = cell.clone();
            move || cell.get_or_init_timeout(limit, || 1).copied()
        };
        let tasks: Vec<_> =
            (0..10).map(|n| runtime.spawn(late(Duration::from_micros(n * 50)))).collect();
        let threads = [0, 300].map(|us| std::thread::spawn(late(Duration::from_micros(us))));
        for task in tasks {
            assert_eq!(task.join().unwrap(), None);
        }
        for thread in threads {
            assert_eq!(thread.join().unwrap(), None);
        }
        let stays: Vec<_> = (0..10).map(|_| runtime.spawn(late(Duration::MAX))).collect();
        let thread = std::thread::spawn(late(Duration::from_secs(600)));
        // Some give up just as the turn comes to them.
        let racing: Vec<_> =
            (0..10).map(|n| runtime.spawn(late(Duration::from_micros(n * 20)))).collect();
        fails.set();
        assert!(first.join().unwrap_err().is_panic());
        for task in stays {
            assert_eq!(task.join().unwrap(), Some(1));
        }
        assert_eq!(thread.join().unwrap(), Some(1));
        for task in racing {
            assert!([None, Some(1)].contains(&task.join().unwrap()));
        }
        assert_eq!(late(Duration::ZERO)(), Some(1));
    });
}
