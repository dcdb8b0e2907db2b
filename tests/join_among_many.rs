//! Who joins one of many tasks has those that come before it run one after the other; each of them is a task like any, and
//! who joins goes on as soon as its own is done, or it is aborted.

#[cfg(debug_assertions)]
use sortie::task::NoSuspend;
use sortie::task::{AbortHandle, Builder};
use sortie_test::drops::Drops;
use sortie_test::{Case, Mode, each, exclusively, text_of, until};
#[cfg(debug_assertions)]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// What came, in its order.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<&'static str>>>);

impl Order {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// One worker, on which `test` runs as a task. There are warm fibers: only on such tasks run on top of others.
fn alone<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let mut value = None;
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        value = Some(case.watched(case.runtime()).run(|| {
            let at_once = [(); 4].map(|()| sortie::spawn(sortie::yield_now));
            at_once.into_iter().for_each(|task| assert!(task.join().is_ok()));
            test()
        }));
    });
    value.expect("it has run")
}

#[test]
fn tasks_of_all_kinds_come_to_their_ends() {
    each(|runtime| {
        let drops = Drops::default();
        let dropped = drops.clone();
        runtime.run(move || {
            let first = sortie::spawn(|| 0);
            let others: Vec<_> = (1..200u64)
                .map(|n| match n % 10 {
                    3 => sortie::spawn(move || (sortie::yield_now(), n).1),
                    4 => sortie::spawn(move || (sortie::sleep(Duration::from_micros(10)), n).1),
                    5 => sortie::spawn(move || sortie::spawn(move || n).join().unwrap()),
                    6 => Builder::new().stack_bytes(32 << 10).spawn(move || n),
                    7 => Builder::new().name("named").spawn(move || n),
                    8 => sortie::spawn(move || if n > 0 { panic!("in its turn") } else { n }),
                    9 => {
                        // Nobody has its handle, and its output is dropped by itself.
                        let value = dropped.value();
                        drop(sortie::spawn(move || value));
                        sortie::spawn(move || n)
                    }
                    _ => sortie::spawn(move || n),
                })
                .collect();
            assert_eq!(first.join().unwrap(), 0);
            for (n, task) in (1..).zip(others) {
                match task.join() {
                    Ok(value) => assert_eq!(value, n),
                    Err(error) => {
                        assert_eq!(n % 10, 8);
                        assert_eq!(text_of(error.into_panic()), "in its turn");
                    }
                }
            }
        });
        until("all outputs are dropped", || drops.dropped() == drops.made());
    });
}

/// Those that come before the joined one end while another thread drops, joins or aborts them.
#[test]
fn whose_handles_are_elsewhere_come_to_their_ends() {
    each(|runtime| {
        let drops = Drops::default();
        let (send, handles) = mpsc::channel::<sortie::JoinHandle<_>>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for (n, task) in handles.into_iter().enumerate() {
                    match n % 4 {
                        0 => drop(task),
                        1 => assert!(task.join().is_ok()),
                        2 => {
                            task.abort();
                            // It may have ended before.
                            assert!(task.join().map_or_else(|error| error.is_aborted(), |_| true));
                        }
                        _ => {
                            let aborts = task.abort_handle();
                            drop(task);
                            aborts.abort();
                        }
                    }
                }
            });
            let its = drops.clone();
            runtime.run(move || {
                for _ in 0..300 {
                    let first = sortie::spawn(|| 7);
                    for _ in 0..10 {
                        let (value, own) = (its.value(), its.value());
                        let task = sortie::spawn(move || (value, drop(own)).0);
                        send.send(task).expect("the other thread waits for it");
                    }
                    assert_eq!(first.join().unwrap(), 7);
                }
            });
        });
        until("all values are dropped", || drops.dropped() == drops.made());
    });
}

/// What an output's destructor does that nobody else drops.
struct Waits(&'static str);

impl Drop for Waits {
    fn drop(&mut self) {
        match self.0 {
            "yields" => sortie::yield_now(),
            "sleeps" => sortie::sleep(Duration::from_micros(20)),
            _ => sortie::spawn(sortie::yield_now).join().unwrap(),
        }
    }
}

/// It is another's turn then, and those who lend go on, or lend to it once more.
#[test]
fn whose_outputs_wait_when_they_are_dropped_come_to_their_ends() {
    each(|runtime| {
        let ended = Arc::new(AtomicU32::new(0));
        let its = ended.clone();
        runtime.run(move || {
            for _ in 0..20 {
                let first = sortie::spawn(|| 7);
                for how in ["yields", "sleeps", "joins", "sleeps"] {
                    let its = its.clone();
                    drop(sortie::spawn(move || {
                        its.fetch_add(1, Ordering::Relaxed);
                        Waits(how)
                    }));
                    drop(sortie::spawn(|| ()));
                }
                assert_eq!(first.join().unwrap(), 7);
            }
        });
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        assert_eq!(ended.load(Ordering::Relaxed), 80);
    });
}

#[test]
fn who_joins_one_in_the_middle_goes_on_with_its_end() {
    let order = alone(|| {
        let order = Order::default();
        let [older, joined, younger] = ["older", "joined", "younger"].map(|it| {
            let order = order.clone();
            [(); 2].map(|()| {
                let order = order.clone();
                sortie::spawn(move || order.note(it))
            })
        });
        let [first, second] = joined;
        first.join().unwrap();
        order.note("who joins");
        for task in [second].into_iter().chain(older).chain(younger) {
            task.join().unwrap();
        }
        order.take()
    });
    assert_eq!(order, ["younger", "younger", "joined", "joined", "who joins", "older", "older"]);
}

#[test]
fn who_is_aborted_goes_on_before_the_next() {
    let order = Order::default();
    let its = order.clone();
    alone(move || {
        /// Says that its task unwinds.
        struct Unwinds(Order);
        impl Drop for Unwinds {
            fn drop(&mut self) {
                self.0.note("unwound");
            }
        }
        let (joins, inner) = (its.clone(), its.clone());
        let (send, itself) = mpsc::channel::<AbortHandle>();
        let task = sortie::spawn(move || {
            let _unwinds = Unwinds(joins);
            let itself = itself.recv().expect("its handle");
            let joined = [(); 3].map(|()| {
                let inner = inner.clone();
                sortie::spawn(move || inner.note("older"))
            });
            let aborts = sortie::spawn(move || itself.abort());
            let [first, ..] = joined;
            first.join().unwrap();
            drop(aborts);
        });
        send.send(task.abort_handle()).expect("the task has not begun");
        assert!(task.join().unwrap_err().is_aborted());
        its.note("seen");
    });
    assert_eq!(order.take()[..2], ["unwound", "seen"]);
}

#[test]
fn those_that_wait_for_a_turn_have_it_before_all_others_have_run() {
    const MANY: u32 = 1000;
    let seen = alone(|| {
        let (ran, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (its, seen_by) = (ran.clone(), seen.clone());
        let yields = sortie::spawn(move || {
            sortie::yield_now();
            seen_by.store(its.load(Ordering::Relaxed), Ordering::Relaxed);
        });
        // It begins, and waits for its turn from here on.
        sortie::yield_now();
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let ran = ran.clone();
                sortie::spawn(move || {
                    ran.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        yields.join().unwrap();
        seen.load(Ordering::Relaxed)
    });
    assert!(seen < MANY / 2, "{seen} of {MANY} tasks came before");
}

#[test]
fn who_is_aborted_lends_no_turn() {
    let order = alone(|| {
        /// Says that its task unwinds.
        struct Unwinds(Order);
        impl Drop for Unwinds {
            fn drop(&mut self) {
                self.0.note("unwound");
            }
        }
        let order = Order::default();
        let (joins, inner) = (order.clone(), order.clone());
        let (send, itself) = mpsc::channel::<AbortHandle>();
        let task = sortie::spawn(move || {
            let _unwinds = Unwinds(joins);
            itself.recv().expect("its handle").abort();
            let _ = sortie::spawn(move || inner.note("joined")).join();
        });
        send.send(task.abort_handle()).expect("the task has not begun");
        assert!(task.join().unwrap_err().is_aborted());
        // The one that was to be joined runs all the same.
        while order.0.lock().unwrap().len() < 2 {
            sortie::yield_now();
        }
        order.take()
    });
    assert_eq!(order, ["unwound", "joined"]);
}

/// Without debug assertions nothing is refused.
#[cfg(debug_assertions)]
#[test]
fn who_must_not_suspend_lends_no_turn() {
    let (has_refused, ran) = alone(|| {
        let ran = Arc::new(AtomicU32::new(0));
        let its = ran.clone();
        let task = sortie::spawn(move || its.fetch_add(1, Ordering::Relaxed));
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let _region = NoSuspend::new();
            task.join().unwrap();
        }));
        (refused.is_err(), ran.load(Ordering::Relaxed))
    });
    assert!(has_refused);
    assert_eq!(ran, 0, "it ran on top of one that must not suspend");
}

/// What it joins may end elsewhere meanwhile, and it goes on there.
#[test]
fn who_may_move_lends_to_none_but_the_one_that_it_joins() {
    exclusively(&Case::new(2, Mode::Migrating), |case| {
        let runtime = case.watched(case.runtime());
        let went_on = runtime.run(|| {
            let at_once = [(); 4].map(|()| sortie::spawn(sortie::yield_now));
            at_once.into_iter().for_each(|task| assert!(task.join().is_ok()));
            let went_on = Arc::new(AtomicU32::new(0));
            let its = went_on.clone();
            let joined = sortie::spawn(|| ());
            let younger = sortie::spawn(move || {
                let end = Instant::now() + Duration::from_secs(10);
                while its.load(Ordering::Relaxed) == 0 && Instant::now() < end {
                    std::hint::spin_loop();
                }
                its.load(Ordering::Relaxed)
            });
            joined.join().unwrap();
            went_on.store(1, Ordering::Relaxed);
            younger.join().unwrap()
        });
        assert_eq!(went_on, 1, "it was kept below the younger one");
    });
}
