//! Who waits for any of several goes on with the first of them: it is in a deadlock when all of them are, and not before.

use sortie::sync::{Event, Mutex, Select, channel};
use sortie::task::JoinSet;
use sortie::{Handle, JoinHandle, Runtime, select};
use sortie_test::{deadlocks, each, each_setting, events, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// The only deadlock is that of one who waits in `what` for any of so many, which all wait for its lock.
fn expect(runtime: &Runtime, what: &str, any_of: usize) {
    let deadlock = deadlocks::the_only(runtime);
    let waits = deadlock.waits();
    assert_eq!(waits.len(), any_of + 1, "{deadlock}");
    let owner = waits.iter().position(|wait| wait.what() == what).expect("one who waits for any");
    let mut awaited = waits[owner].waits_for().to_vec();
    awaited.sort_unstable();
    let others: Vec<_> = (0..waits.len()).filter(|at| *at != owner).collect();
    assert_eq!(awaited, others, "{deadlock}");
    for wait in waits {
        assert!(wait.place().file().ends_with("deadlocks_of_any.rs"), "{deadlock}");
    }
    for other in others {
        assert_eq!(
            (waits[other].what(), waits[other].waits_for()),
            ("a wait for a lock", &[owner][..])
        );
    }
    let text = deadlock.to_string();
    assert_eq!(text.matches(" or ").count(), any_of - 1, "{text}");
}

/// One that wants the lock once it may.
fn wants(lock: &Arc<Mutex<()>>, after: &Arc<Event>) -> impl FnOnce() + Send + 'static {
    let (lock, after) = (lock.clone(), after.clone());
    move || {
        after.wait();
        drop(lock.lock());
    }
}

fn is_aborted(task: JoinHandle<()>) {
    assert!(task.join().unwrap_err().is_aborted());
}

/// Holds the lock, and waits for the next of three that want it, the last of them later than the others.
#[test]
fn the_next_of_a_set() {
    each(|runtime| {
        let lock = Arc::new(Mutex::new(()));
        let [now, later] = [(); 2].map(|()| Arc::new(Event::manual()));
        let owner = {
            let (lock, now, later) = (lock.clone(), now.clone(), later.clone());
            runtime.spawn(move || {
                let mut set = JoinSet::new();
                set.spawn(wants(&lock, &now));
                set.spawn(wants(&lock, &now));
                set.spawn(wants(&lock, &later));
                let held = lock.lock();
                now.set();
                set.join_next().unwrap().unwrap_err();
                drop(held);
                set.shutdown();
            })
        };
        now.wait();
        // Another may end it.
        for _ in 0..20 {
            assert!(runtime.deadlocks().is_empty());
        }
        later.set();
        expect(runtime, "a wait for one of several tasks", 3);
        owner.abort();
        is_aborted(owner);
        until("the others have ended", || runtime.snapshot().tasks_live() == 0);
        assert!(lock.try_lock().is_some() && runtime.deadlocks().is_empty());
    });
}

/// Joins, beside an arm that is never taken, and the next of a set.
#[test]
fn a_select_of_joins() {
    each(|runtime| {
        for list in [false, true] {
            let lock = Arc::new(Mutex::new(()));
            let now = Arc::new(Event::manual());
            let owner = {
                let (lock, now) = (lock.clone(), now.clone());
                runtime.spawn(move || {
                    let task = |_| Some(sortie::spawn(wants(&lock, &now)));
                    let [mut first, mut second] = [(); 2].map(task);
                    let (mut off, mut nobody) = (None::<JoinHandle<()>>, JoinSet::<()>::new());
                    let mut set = JoinSet::new();
                    set.spawn(wants(&lock, &now));
                    let _held = lock.lock();
                    now.set();
                    if list {
                        Select::new()
                            .join(&mut first, drop)
                            .join(&mut second, drop)
                            .join(&mut off, drop)
                            .join_next(&mut set, drop)
                            .wait();
                    }
                    select! {
                        join(first) -> _ => {},
                        join(second) -> _ => {},
                        join(off) -> _ => {},
                        join_next(set) -> _ => {},
                        join_next(nobody) -> _ => {},
                    }
                })
            };
            expect(runtime, "a select", 3);
            owner.abort();
            is_aborted(owner);
            until("the others have ended", || runtime.snapshot().tasks_live() == 0);
        }
    });
}

/// Each of these waits can be ended by somebody who is on no circle: a time, a thread that sends, an event.
#[test]
fn what_others_may_end_is_no_deadlock() {
    each(|runtime| {
        let (sender, receiver) = channel::unbounded::<()>();
        let event = Arc::new(Event::manual());
        let ready = Arc::new(Event::manual());
        let wait = |n: usize| {
            let (receiver, event, ready) = (receiver.clone(), event.clone(), ready.clone());
            move || {
                let lock = Arc::new(Mutex::new(()));
                let now = Arc::new(Event::manual());
                let mut task = Some(sortie::spawn(wants(&lock, &now)));
                let mut set = JoinSet::new();
                set.spawn(wants(&lock, &now));
                let held = lock.lock();
                now.set();
                ready.set();
                match n {
                    0 => select! {
                        join(task) -> _ => unreachable!("it wants the lock"),
                        recv(receiver) -> _ => {},
                    },
                    1 => select! {
                        join_next(set) -> _ => unreachable!("it wants the lock"),
                        event(event) => {},
                    },
                    2 => select! {
                        join(task) -> _ => unreachable!("it wants the lock"),
                        after(Duration::from_millis(5)) => {},
                    },
                    3 => assert!(set.join_next_timeout(Duration::from_millis(5)).is_none()),
                    _ => {
                        let limit = Duration::from_millis(5);
                        let late = sortie::time::timeout(limit, || set.join_next());
                        assert!(late.is_err());
                    }
                }
                drop(held);
                task.take().unwrap().join().unwrap();
                set.join_next().unwrap().unwrap();
            }
        };
        let tasks: Vec<_> = (0..5).map(|n| runtime.spawn(wait(n))).collect();
        ready.wait();
        for _ in 0..20 {
            let found = runtime.deadlocks();
            assert!(found.is_empty(), "{}", found[0]);
        }
        sender.send(()).unwrap();
        event.set();
        while !tasks.iter().all(JoinHandle::is_finished) {
            assert!(runtime.deadlocks().is_empty());
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// The one that has ended wakes who waits, who has no turn yet: all others that it waited for want its lock.
#[test]
fn an_end_that_is_not_told_yet_is_no_deadlock() {
    each_setting(|case| {
        let runtime = case.watched(case.runtime());
        let elsewhere = case.watched(case.runtime());
        let lock = Arc::new(Mutex::new(()));
        let [now, ends] = [(); 2].map(|()| Arc::new(Event::manual()));
        let owner = {
            let (lock, now, ends, other) =
                (lock.clone(), now.clone(), ends.clone(), elsewhere.handle());
            runtime.spawn(move || {
                let mut set = JoinSet::new();
                set.spawn(wants(&lock, &now));
                set.spawn_on(&other, move || ends.wait());
                let _held = lock.lock();
                now.set();
                set.join_next().unwrap().unwrap();
            })
        };
        now.wait();
        // All workers are kept until it was looked.
        let looked = Arc::new(AtomicBool::new(false));
        let keep = |_| {
            let looked = looked.clone();
            let begun = Arc::new(Event::manual());
            let told = begun.clone();
            let task = runtime.spawn(move || {
                told.set();
                while !looked.load(SeqCst) {
                    std::hint::spin_loop();
                }
            });
            (task, begun)
        };
        let keepers: Vec<_> = (0..case.workers).map(keep).collect();
        keepers.iter().for_each(|(_, begun)| begun.wait());
        ends.set();
        until("it has ended", || elsewhere.snapshot().tasks_live() == 0);
        let found = runtime.deadlocks();
        looked.store(true, SeqCst);
        assert!(found.is_empty(), "{}", found[0]);
        keepers.into_iter().for_each(|(task, _)| task.join().unwrap());
        owner.join().unwrap();
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        assert!(elsewhere.shutdown(Duration::from_secs(10)).is_clean());
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// It is told once, by whichever of the waits is the last.
#[test]
fn it_is_told_when_it_closes() {
    each_setting(|case| {
        for owner_is_last in [false, true] {
            events::record();
            let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
            let busy = deadlocks::no_rest(&runtime);
            let owner = runtime.spawn(move || {
                let (lock, now) = (Arc::new(Mutex::new(())), Arc::new(Event::manual()));
                let mut set = JoinSet::new();
                set.spawn(wants(&lock, &now));
                set.spawn(wants(&lock, &now));
                let _held = lock.lock();
                now.set();
                if owner_is_last {
                    assert!(set.join_next_timeout(Duration::from_millis(5)).is_none());
                }
                let _ = set.join_next();
            });
            deadlocks::is_told_once(owner, "one of several tasks");
            busy.end();
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        }
    });
}

/// Who holds what the tasks of its set want, aborts them, and waits for their ends: these come, though nobody has
/// unwound yet.
#[test]
fn who_is_aborted_is_in_no_deadlock() {
    each_setting(|case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        let owner = runtime.spawn(|| {
            let (lock, now) = (Arc::new(Mutex::new(())), Arc::new(Event::manual()));
            now.set();
            for _ in 0..10 {
                let _held = lock.lock();
                let mut set = JoinSet::new();
                for _ in 0..3 {
                    set.spawn(wants(&lock, &now));
                }
                // They wait by then, mostly.
                assert!(set.join_next_timeout(Duration::from_millis(1)).is_none());
                set.shutdown();
            }
        });
        owner.join().unwrap();
        let told = deadlocks::told();
        assert!(told.is_empty(), "{told:?}");
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// Sets whose tasks want a lock that others hold, and get it, while their owners wait for any of them.
#[test]
fn what_ends_is_no_deadlock() {
    each(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let lock = Arc::new(Mutex::new(0));
        let work = |n: u32, handle: Handle| {
            let (stop, lock) = (stop.clone(), lock.clone());
            move || {
                while !stop.load(SeqCst) {
                    let mut set = JoinSet::new();
                    let held = (n < 2).then(|| lock.lock());
                    // Of one's that hold it only one wants it, too.
                    for m in 0..3 {
                        let lock = lock.clone();
                        set.spawn_on(&handle, move || match n < 2 && m > 0 {
                            true => sortie::yield_now(),
                            false => *lock.lock() += 1,
                        });
                    }
                    set.join_next().unwrap().unwrap();
                    drop(held);
                    while set.join_next().is_some() {}
                }
            }
        };
        let tasks: Vec<_> = (0..8).map(|n| runtime.spawn(work(n, runtime.handle()))).collect();
        let thread = std::thread::spawn(work(9, runtime.handle()));
        deadlocks::are_none(runtime);
        stop.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
    });
}

/// A thread without a task waits for the next of a set.
#[test]
fn a_thread_that_waits() {
    each_setting(|case| {
        let runtime = case.watched(case.runtime());
        let handle = runtime.handle();
        let thread = std::thread::spawn(move || {
            let (lock, now) = (Arc::new(Mutex::new(())), Arc::new(Event::manual()));
            let mut set = JoinSet::new();
            set.spawn_on(&handle, wants(&lock, &now));
            set.spawn_on(&handle, wants(&lock, &now));
            let _held = lock.lock();
            now.set();
            assert!(set.join_next().unwrap().is_err(), "the shutdown ends it");
        });
        expect(&runtime, "a wait for one of several tasks", 2);
        let deadlock = deadlocks::the_only(&runtime);
        assert!(deadlock.waits().iter().any(|wait| wait.task().is_none()), "{deadlock}");
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        thread.join().unwrap();
    });
}
