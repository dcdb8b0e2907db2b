//! Who was aborted may wait all the same: in a destructor, or where the abort is held back. A deadlock that such a wait is
//! in is one as any other.

use sortie::native::{self, Target};
use sortie::sync::{Condvar, Event, Mutex, RwLock, oneshot};
use sortie::task::{self, AbortHandle, Builder, JoinSet, delay_abort};
use sortie::{Handle, JoinHandle};
use sortie_natives::with_callback;
use sortie_scheduler::abort;
use sortie_test::{Case, Mode, deadlocks, each, each_setting, events, exclusively, until};
use std::sync::Arc;
use std::time::Duration;

static CALL_BACK: Target = Target::named("natives_call_back");

/// Calls it when it is dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A task that can go on whoever keeps the thread on which it began.
fn spawn_movable<T: Send + 'static>(
    runtime: &Handle,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    // SAFETY: none of the tasks here keeps things of its thread over a suspension.
    unsafe { Builder::new().migrating() }.spawn_on(runtime, f)
}

/// What `owner` brings about is told once, of a wait for `what`, while others run.
fn is_told_beside_others(case: &Case, what: &str, owner: impl FnOnce() + Send + 'static) {
    events::record();
    let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
    let busy = deadlocks::no_rest(&runtime);
    let owner = spawn_movable(&runtime.handle(), owner);
    deadlocks::is_told_once(owner, what);
    busy.end();
    assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
}

fn is_aborted(task: JoinHandle<()>) {
    assert!(task.join().unwrap_err().is_aborted());
}

#[derive(Default)]
struct Wanted {
    mutex: Mutex<()>,
    table: RwLock<()>,
}

/// How one that is aborted comes to want what its owner has, and what is told of its own wait.
type Want = (&'static str, fn(&Arc<Wanted>));

const WANTS: [Want; 6] = [
    ("a wait for a lock", |wanted| drop(wanted.mutex.lock())),
    ("a wait to read", |wanted| drop(wanted.table.read())),
    ("a wait to write", |wanted| drop(wanted.table.write())),
    ("a join", |wanted| {
        let wanted = wanted.clone();
        // The end of the runtime may come between.
        let _ = sortie::spawn(move || drop(wanted.mutex.lock())).join();
    }),
    ("a wait for the end of a scope", |wanted| {
        task::scope(|s| drop(s.spawn(|| drop(wanted.mutex.lock()))));
    }),
    ("a wait for one of several tasks", |wanted| {
        let mut set = JoinSet::new();
        let wanted = wanted.clone();
        set.spawn(move || drop(wanted.mutex.lock()));
        let _ = set.join_next();
    }),
];

/// Has all that is wanted, aborts a task whose destructor wants something of it, and waits for its end.
fn has_and_joins(want: fn(&Arc<Wanted>), is_late: bool) {
    let (wanted, ready) = (Arc::new(Wanted::default()), Arc::new(Event::manual()));
    let _held = (wanted.mutex.lock(), wanted.table.write());
    let doomed = {
        let (wanted, ready) = (wanted.clone(), ready.clone());
        sortie::spawn(move || {
            let _finally = Finally(|| want(&wanted));
            ready.set();
            sortie::sleep(Duration::MAX);
        })
    };
    ready.wait();
    doomed.abort();
    let doomed = match is_late {
        // It waits by then, mostly.
        true => doomed.join_timeout(Duration::from_millis(5)).expect_err("it waits"),
        false => doomed,
    };
    let _ = doomed.join();
}

#[test]
fn a_destructor_wants_what_the_one_has_that_joins_its_task() {
    each(|runtime| {
        for (what, want) in WANTS {
            let owner = spawn_movable(&runtime.handle(), move || has_and_joins(want, false));
            let deadlock = deadlocks::the_only(runtime);
            let mut waits: Vec<_> = deadlock.waits().iter().map(|wait| wait.what()).collect();
            for wait in deadlock.waits() {
                assert!(wait.place().file().ends_with("deadlocks_of_aborted.rs"), "{deadlock}");
            }
            let join = waits.iter().position(|wait| *wait == "a join").expect("the owner's");
            waits.remove(join);
            assert!(waits.contains(&what), "{deadlock}");
            owner.abort();
            is_aborted(owner);
            until("the others have ended", || runtime.snapshot().tasks_live() == 0);
            assert!(runtime.deadlocks().is_empty());
        }
    });
}

/// By whichever of the two waits is the last, though others run.
#[test]
fn it_is_told_when_it_closes() {
    each_setting(|case| {
        for (what, want) in WANTS {
            for is_late in [false, true] {
                is_told_beside_others(case, what, move || has_and_joins(want, is_late));
            }
        }
    });
}

/// Who aborts the tasks of a set whose destructors want its lock, and waits for all of them.
#[test]
fn a_set_that_is_shut_down_by_the_one_that_has_the_lock() {
    each_setting(|case| {
        is_told_beside_others(case, "one of several tasks", || {
            let (lock, mut set) = (Arc::new(Mutex::new(())), JoinSet::new());
            let ready = [(); 3].map(|()| Arc::new(Event::manual()));
            for ready in &ready {
                let (lock, ready) = (lock.clone(), ready.clone());
                set.spawn(move || {
                    let _finally = Finally(|| drop(lock.lock()));
                    ready.set();
                    sortie::sleep(Duration::MAX);
                });
            }
            ready.iter().for_each(|ready| ready.wait());
            let _held = lock.lock();
            set.shutdown();
        });
    });
}

/// Waits for a lock where an abort is held back.
type HeldBack = fn(&Arc<Mutex<()>>);

const HELD_BACK: [HeldBack; 3] = [
    |lock| delay_abort(|| drop(lock.lock())),
    |lock| delay_abort(|| task::scope(|s| drop(s.spawn(|| drop(lock.lock()))))),
    |lock| task::scope(|s| drop(s.spawn(|| delay_abort(|| drop(lock.lock()))))),
];

/// It is woken by the abort, and sleeps again: who joins it has looked in between.
#[test]
fn a_region_that_holds_the_abort_back() {
    each_setting(|case| {
        for held_back in HELD_BACK {
            is_told_beside_others(case, "a wait for a lock", move || {
                let (lock, ready) = (Arc::new(Mutex::new(())), Arc::new(Event::manual()));
                let _held = lock.lock();
                let doomed = {
                    let (lock, ready) = (lock.clone(), ready.clone());
                    sortie::spawn(move || {
                        ready.set();
                        held_back(&lock);
                    })
                };
                ready.wait();
                // It waits by then, mostly.
                let doomed = doomed.join_timeout(Duration::from_millis(5)).expect_err("it waits");
                doomed.abort();
                let _ = doomed.join();
            });
        }
    });
}

/// What held the first abort back does not hold the second: until its task has looked, it is in no deadlock.
#[test]
fn an_abort_that_is_not_held_back_after_one_that_was() {
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        runtime.run(|| {
            for aborts_before in [false, true] {
                let (lock, ready) = (Arc::new(Mutex::new(())), Arc::new(Event::manual()));
                let (wanted, is_ready) = (lock.clone(), ready.clone());
                let held = lock.lock();
                let doomed = sortie::spawn(move || {
                    assert!(abort::begin_critical());
                    is_ready.wait();
                    drop(wanted.lock());
                });
                sortie::yield_now();
                if aborts_before {
                    doomed.abort();
                }
                ready.set();
                // It waits for the lock by then, and is woken, and waits on.
                (0..3).for_each(|_| sortie::yield_now());
                doomed.abort();
                (0..3).for_each(|_| sortie::yield_now());
                doomed.abort_rudely();
                is_aborted(doomed);
                drop(held);
            }
        });
        let told = deadlocks::told();
        assert!(told.is_empty(), "{told:?}");
    });
}

/// Who waits for a condition unwinds with the mutex, and so waits for that first.
#[test]
fn a_wait_for_a_condition() {
    each_setting(|case| {
        is_told_beside_others(case, "a wait for a lock", || {
            let shared = Arc::new((Mutex::new(()), Condvar::new()));
            let ready = Arc::new(Event::manual());
            let doomed = {
                let (shared, ready) = (shared.clone(), ready.clone());
                sortie::spawn(move || {
                    let mut held = shared.0.lock();
                    ready.set();
                    loop {
                        shared.1.wait(&mut held);
                    }
                })
            };
            ready.wait();
            let _held = shared.0.lock();
            doomed.abort();
            let _ = doomed.join();
        });
    });
}

/// A task that is joined at once may run on top of the one that joins it, which neither waits nor runs then. It waits in
/// place, above native frames, for what that one has.
#[test]
fn who_runs_on_top_of_the_one_that_joins_it() {
    each(|runtime| {
        // Only on a warm stack does it run on top: these leave two.
        runtime.spawn(|| sortie::spawn(|| ()).join().unwrap()).join().unwrap();
        let (tell, told) = oneshot::channel::<AbortHandle>();
        let owner = spawn_movable(&runtime.handle(), || {
            let lock = Arc::new(Mutex::new(()));
            let _held = lock.lock();
            let wanted = lock.clone();
            let joined = sortie::spawn(move || {
                let want = || {
                    drop(wanted.lock());
                    0
                };
                native::call_here(&CALL_BACK, || with_callback(1, |_| native::callback(-1, want)));
            });
            tell.send(joined.abort_handle()).unwrap();
            is_aborted(joined);
        });
        let deadlock = deadlocks::the_only(runtime);
        let mut waits: Vec<_> = deadlock.waits().iter().map(|wait| wait.what()).collect();
        waits.sort_unstable();
        assert_eq!(waits, ["a join", "a wait for a lock"]);
        for wait in deadlock.waits() {
            assert!(wait.place().file().ends_with("deadlocks_of_aborted.rs"), "{deadlock}");
        }
        told.recv().unwrap().abort();
        owner.join().unwrap();
        assert!(runtime.deadlocks().is_empty());
    });
}

/// Destructors that get what they want, from those that others wait for.
#[test]
fn what_ends_is_no_deadlock() {
    each_setting(|case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        let turns = || {
            for _ in 0..10 {
                let lock = Arc::new(Mutex::new(()));
                let ready = Arc::new(Event::manual());
                let tasks = [(); 2].map(|()| {
                    let (lock, ready) = (lock.clone(), ready.clone());
                    sortie::spawn(move || {
                        let _finally = Finally(|| drop(lock.lock()));
                        ready.set();
                        delay_abort(|| drop(lock.lock()));
                        sortie::sleep(Duration::MAX);
                    })
                });
                let held = lock.lock();
                ready.wait();
                tasks.iter().for_each(JoinHandle::abort);
                sortie::yield_now();
                drop(held);
                tasks.into_iter().for_each(is_aborted);
            }
        };
        let tasks = [(); 4].map(|()| spawn_movable(&runtime.handle(), turns));
        deadlocks::are_none(&runtime);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let told = deadlocks::told();
        assert!(told.is_empty(), "{told:?}");
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}
