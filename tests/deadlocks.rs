//! Circles of waits are found, with names and places, and nothing else is taken for one.

use sortie::native::{self, Target};
use sortie::sync::{Event, Mutex, Once, RwLock};
use sortie::time::timeout;
use sortie::{Handle, JoinHandle, task};
use sortie_natives::with_callback;
use sortie_test::deadlocks;
use sortie_test::{Case, MODES, Mode, each, each_of, each_setting, events, exclusively, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static CALL_BACK: Target = Target::named("natives_call_back");

fn named<T: Send + 'static>(
    runtime: &Handle,
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    task::Builder::new().name(name).spawn_on(runtime, f)
}

/// Two that each take a lock, and then want the other's.
struct Crossing {
    locks: [Mutex<()>; 2],
    taken: [Event; 2],
}

impl Crossing {
    fn new() -> Arc<Crossing> {
        let locks = [Mutex::new(()), Mutex::new(())];
        Arc::new(Crossing { locks, taken: [Event::manual(), Event::manual()] })
    }

    fn take(&self, n: usize, limit: Option<Duration>) {
        let _one = self.locks[n].lock();
        self.taken[n].set();
        self.taken[1 - n].wait();
        match limit {
            None => drop(self.locks[1 - n].lock()),
            Some(limit) => drop(self.locks[1 - n].try_lock_for(limit)),
        }
    }
}

fn is_aborted(task: JoinHandle<()>) {
    assert!(task.join().unwrap_err().is_aborted());
}

#[test]
fn tasks_that_lock_crosswise_are_named_and_one_abort_frees_the_other() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let crossing = Crossing::new();
        let tasks = ["left", "right"].map(|name| {
            let crossing = crossing.clone();
            let n = usize::from(name == "right");
            named(&runtime.handle(), name, move || crossing.take(n, None))
        });
        let deadlock = deadlocks::the_only(runtime);
        let mut names: Vec<_> = deadlock.waits().iter().map(|wait| wait.name().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["left", "right"]);
        for wait in deadlock.waits() {
            assert_eq!(wait.what(), "a wait for a lock");
            assert!(wait.place().file().ends_with("deadlocks.rs"), "{deadlock}");
            assert!(tasks.iter().any(|task| Some(task.id()) == wait.task()));
        }
        let text = deadlock.to_string();
        assert!(text.contains("task \"left\" (id ") && text.contains("deadlocks.rs:"), "{text}");
        let [left, right] = tasks;
        left.abort();
        is_aborted(left);
        right.join().unwrap();
        assert!(runtime.deadlocks().is_empty());
    });
}

#[test]
fn a_circle_of_a_writer_something_done_once_a_join_and_a_thread() {
    each(|runtime| {
        let table = Arc::new(RwLock::new(()));
        let once = Arc::new(Once::new());
        let lock = Arc::new(Mutex::new(()));
        let [wrote, began, locked] = [(); 3].map(|()| Arc::new(Event::manual()));
        let go_on = Arc::new(Event::manual());
        // The writer wants what is done once; who does that joins a task; that wants the thread's lock; and the
        // thread wants to read.
        let writer = {
            let (table, once, wrote, go_on) =
                (table.clone(), once.clone(), wrote.clone(), go_on.clone());
            named(&runtime.handle(), "writer", move || {
                let _held = table.write();
                wrote.set();
                go_on.wait();
                once.call_once(|| ());
            })
        };
        let joined = {
            let (lock, go_on) = (lock.clone(), go_on.clone());
            named(&runtime.handle(), "joined", move || {
                go_on.wait();
                drop(lock.lock());
            })
        };
        let to_abort = {
            let (once, began, go_on) = (once.clone(), began.clone(), go_on.clone());
            named(&runtime.handle(), "beginner", move || {
                once.call_once(|| {
                    began.set();
                    go_on.wait();
                    joined.join().unwrap();
                });
            })
        };
        let thread = {
            let (table, lock, locked, go_on) =
                (table.clone(), lock.clone(), locked.clone(), go_on.clone());
            let body = move || {
                let _held = lock.lock();
                locked.set();
                go_on.wait();
                drop(table.read());
            };
            std::thread::Builder::new().name("reader".into()).spawn(body).unwrap()
        };
        wrote.wait();
        began.wait();
        locked.wait();
        go_on.set();
        let deadlock = deadlocks::the_only(runtime);
        let mut waits: Vec<_> =
            deadlock.waits().iter().map(|wait| (wait.name().unwrap(), wait.what())).collect();
        waits.sort_unstable();
        let expected = [
            ("beginner", "a join"),
            ("joined", "a wait for a lock"),
            ("reader", "a wait to read"),
            ("writer", "a wait for what is done once"),
        ];
        assert_eq!(waits, expected);
        for wait in deadlock.waits() {
            assert!(wait.place().file().ends_with("deadlocks.rs"), "{deadlock}");
            assert_eq!(wait.task().is_none(), wait.name() == Some("reader"));
        }
        to_abort.abort();
        is_aborted(to_abort);
        writer.join().unwrap();
        thread.join().unwrap();
        assert!(runtime.deadlocks().is_empty());
    });
}

/// Who only waits until it is done, and never would do it, waits for the one who is at it.
#[test]
fn a_wait_for_what_another_does_once() {
    each(|runtime| {
        let (once, lock) = (Arc::new(Once::new()), Arc::new(Mutex::new(())));
        let [began, go_on] = [(); 2].map(|()| Arc::new(Event::manual()));
        let beginner = {
            let (once, lock) = (once.clone(), lock.clone());
            let (began, go_on) = (began.clone(), go_on.clone());
            runtime.spawn(move || {
                once.call_once(|| {
                    began.set();
                    go_on.wait();
                    drop(lock.lock());
                });
            })
        };
        let waiter = runtime.spawn(move || {
            let _held = lock.lock();
            began.wait();
            go_on.set();
            once.wait();
        });
        let deadlock = deadlocks::the_only(runtime);
        let mut waits: Vec<_> = deadlock.waits().iter().map(|wait| wait.what()).collect();
        waits.sort_unstable();
        assert_eq!(waits, ["a wait for a lock", "a wait for what is done once"]);
        for wait in deadlock.waits() {
            assert!(wait.place().file().ends_with("deadlocks.rs"), "{deadlock}");
        }
        waiter.abort();
        is_aborted(waiter);
        beginner.join().unwrap();
        assert!(runtime.deadlocks().is_empty());
    });
}

#[test]
fn tasks_that_join_each_other() {
    each(|runtime| {
        let handles = Arc::new([Mutex::new(None::<JoinHandle<()>>), Mutex::new(None)]);
        let there = Arc::new(Event::manual());
        let tasks = [0, 1].map(|n| {
            let (handles, there) = (handles.clone(), there.clone());
            runtime.spawn(move || {
                there.wait();
                let other = handles[1 - n].lock().take().unwrap();
                let _ = other.join();
            })
        });
        let ids = tasks.each_ref().map(|task| Some(task.id()));
        let [first, second] = tasks;
        *handles[0].lock() = Some(first);
        *handles[1].lock() = Some(second);
        there.set();
        let deadlock = deadlocks::the_only(runtime);
        assert_eq!(deadlock.waits().len(), 2);
        for wait in deadlock.waits() {
            assert!(ids.contains(&wait.task()) && wait.what() == "a join", "{deadlock}");
        }
        // Nobody has a handle any more: the fixture's shutdown ends them.
    });
}

/// One holds a lock and is ready, the other wants it in a callback, and so keeps the thread that the first needs.
fn keep_the_owner_from_running(runtime: &Handle) -> [JoinHandle<()>; 2] {
    let lock = Arc::new(Mutex::new(()));
    let [held, go_on] = [(); 2].map(|()| Arc::new(Event::manual()));
    let owner = {
        let (lock, held, go_on) = (lock.clone(), held.clone(), go_on.clone());
        named(runtime, "owner", move || {
            let _held = lock.lock();
            held.set();
            go_on.wait();
        })
    };
    let keeper = named(runtime, "keeper", move || {
        held.wait();
        let want = || {
            go_on.set();
            drop(lock.lock());
            0
        };
        native::call_here(&CALL_BACK, || with_callback(1, |_| native::callback(-1, want)));
    });
    [owner, keeper]
}

#[test]
fn a_callback_that_waits_for_a_lock_keeps_its_owner_from_running() {
    // Both on one thread, for as long as it takes.
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let [owner, keeper] = keep_the_owner_from_running(&runtime.handle());
        let deadlock = deadlocks::the_only(runtime);
        let mut waits: Vec<_> =
            deadlock.waits().iter().map(|wait| (wait.name().unwrap(), wait.what())).collect();
        waits.sort_unstable();
        let expected = [
            ("keeper", "a wait for a lock"),
            ("owner", "a wait for the thread that the next one keeps"),
        ];
        assert_eq!(waits, expected);
        for wait in deadlock.waits() {
            assert!(wait.place().file().ends_with("deadlocks.rs"), "{deadlock}");
        }
        keeper.abort();
        is_aborted(keeper);
        owner.join().unwrap();
        assert!(runtime.deadlocks().is_empty());
    });
    // Where the owner may go elsewhere, it does.
    each_of(&[1, 2], &[Mode::Migrating], |runtime| {
        let tasks = keep_the_owner_from_running(&runtime.handle());
        while !tasks.iter().all(JoinHandle::is_finished) {
            assert!(runtime.deadlocks().is_empty());
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_callback_that_closes_such_a_circle_says_so() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        let [owner, keeper] = keep_the_owner_from_running(&runtime.handle());
        let said =
            |seen: &events::Seen| seen.text.contains("deadlock:") && seen.text.contains("keeper");
        until("it is said", || events::seen().iter().any(said));
        keeper.abort();
        is_aborted(keeper);
        owner.join().unwrap();
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn waits_that_end_are_no_deadlock() {
    each(|runtime| {
        // With a limit, of the wait or around it.
        let own = |crossing: &Crossing, n| crossing.take(n, Some(Duration::from_millis(3)));
        let around = |crossing: &Crossing, n| {
            let _ = timeout(Duration::from_millis(3), || crossing.take(n, None));
        };
        for take in [own, around] {
            let crossing = Crossing::new();
            let tasks = [0, 1].map(|n| {
                let crossing = crossing.clone();
                runtime.spawn(move || take(&crossing, n))
            });
            while !tasks.iter().all(JoinHandle::is_finished) {
                assert!(runtime.deadlocks().is_empty());
            }
            tasks.into_iter().for_each(|task| task.join().unwrap());
        }
        // A limit that never comes is none.
        let crossing = Crossing::new();
        let tasks = [0, 1].map(|n| {
            let crossing = crossing.clone();
            runtime.spawn(move || timeout(Duration::MAX, || crossing.take(n, None)).unwrap())
        });
        assert_eq!(deadlocks::the_only(runtime).waits().len(), 2);
        tasks[0].abort();
        let [given_up, done] = tasks;
        is_aborted(given_up);
        done.join().unwrap();
        // And where locks are taken in order, handed over, and joined around.
        let stop = Arc::new(AtomicBool::new(false));
        let locks = Arc::new([(); 3].map(|()| Mutex::new(0)));
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let (locks, stop) = (locks.clone(), stop.clone());
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let one = locks[n % 2].lock();
                        let inner = locks.clone();
                        sortie::spawn(move || *inner[2].lock() += 1).join().unwrap();
                        let two = locks[2].lock();
                        sortie::yield_now();
                        drop((one, two));
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            let found = runtime.deadlocks();
            assert!(found.is_empty(), "{}", found[0]);
        }
        stop.store(true, Ordering::Relaxed);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_runtime_that_is_to_report_them_says_so_once_when_it_closes() {
    each_setting(|case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        let crossing = Crossing::new();
        let tasks = ["left", "right"].map(|name| {
            let crossing = crossing.clone();
            let n = usize::from(name == "right");
            named(&runtime.handle(), name, move || crossing.take(n, None))
        });
        let said = || {
            let seen = events::seen().into_iter();
            seen.filter(|seen| seen.target == "sortie::task" && seen.text.contains("deadlock:"))
                .collect::<Vec<_>>()
        };
        until("it is said", || !said().is_empty());
        let text = &said()[0].text;
        assert!(text.contains("left") && text.contains("right"), "{text}");
        tasks[1].abort();
        for task in tasks {
            let _ = task.join();
        }
        assert_eq!(said().len(), 1, "{:?}", said());
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// Of many that are ready each may wait for the thread that another keeps: who keeps which is asked once.
#[test]
fn a_look_at_many_that_are_ready_is_short() {
    const MANY: usize = 10_000;
    each_of(&[2], &[Mode::Pinned], |runtime| {
        let (begun, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let (begun, stop) = (begun.clone(), stop.clone());
                runtime.spawn(move || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    while !stop.load(Ordering::SeqCst) {
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        until("all have begun", || begun.load(Ordering::SeqCst) == MANY);
        let look = Instant::now();
        assert!(runtime.deadlocks().is_empty());
        let took = look.elapsed();
        stop.store(true, Ordering::SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}
