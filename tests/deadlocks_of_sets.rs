//! Who waits at the end of a scope, or for a group, waits for each of its tasks: one that waits for what the waiting one has
//! makes a deadlock, whatever the others do, and nothing else does.

use sortie::native::{self, Target};
use sortie::sync::{Event, Mutex};
use sortie::task::{self, AbortHandle, Group};
use sortie::{Deadlock, Runtime};
use sortie_test::{deadlocks, each, each_setting, events};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

static LOOK: Target = Target::named("a look");

/// The only deadlock, once it is there: what each waits in, beginning with the one that waits for several.
fn the_waits(runtime: &Runtime) -> Vec<&'static str> {
    let deadlock = deadlocks::the_only(runtime);
    assert_is_here(&deadlock);
    let mut waits: Vec<_> = deadlock.waits().iter().map(|wait| wait.what()).collect();
    let several = ["the end of a scope", "a group of tasks"];
    let is_several = |what: &&str| several.iter().any(|words| what.ends_with(words));
    let first = waits.iter().position(is_several).expect("one who waits for several");
    waits.rotate_left(first);
    waits
}

fn assert_is_here(deadlock: &Deadlock) {
    for wait in deadlock.waits() {
        assert!(wait.place().file().ends_with("deadlocks_of_sets.rs"), "{deadlock}");
    }
}

/// Holds the lock at the end of a scope whose tasks want it, beside others that are at work.
fn hold_at_the_end(lock: &Mutex<()>, stop: &AtomicBool) {
    let _held = lock.lock();
    task::scope(|s| {
        let busy = || {
            while !stop.load(SeqCst) {
                sortie::sleep(Duration::from_micros(100));
            }
        };
        s.spawn(busy);
        s.spawn(|| drop(lock.lock()));
        s.spawn(busy);
    });
}

#[test]
fn the_end_of_a_scope() {
    each(|runtime| {
        let (lock, stop) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let owner = {
            let (lock, stop) = (lock.clone(), stop.clone());
            runtime.spawn(move || hold_at_the_end(&lock, &stop))
        };
        let waits = the_waits(runtime);
        assert_eq!(waits, ["a wait for the end of a scope", "a wait for a lock"]);
        stop.store(true, SeqCst);
        assert_eq!(runtime.deadlocks().len(), 1);
        // An abort is passed on to the scope's tasks, so all end.
        owner.abort();
        assert!(owner.join().unwrap_err().is_aborted());
        assert!(lock.try_lock().is_some() && runtime.deadlocks().is_empty());
    });
}

/// Through a join, and a scope inside of a scope, opened by a thread without a task.
#[test]
fn a_scope_of_a_thread() {
    each(|runtime| {
        let (lock, found) = (Mutex::new(()), Event::manual());
        let held = lock.lock();
        runtime.scope(|s| {
            let wants = s.spawn(|| task::scope(|inner| drop(inner.spawn(|| drop(lock.lock())))));
            s.spawn(move || drop(wants.join()));
            s.spawn(|| {
                found.wait();
                s.abort();
            });
            let look = || {
                let waits = the_waits(runtime);
                let count = |what| waits.iter().filter(|wait| **wait == what).count();
                let counts = [count("a wait for the end of a scope"), count("a wait for a lock")];
                assert_eq!(counts, [2, 1], "{waits:?}");
                found.set();
            };
            // On a thread of its own: this one waits for them next.
            s.spawn(move || native::offload(&LOOK, look));
        });
        drop(held);
    });
}

#[test]
fn a_group() {
    each(|runtime| {
        let (lock, group) = (Arc::new(Mutex::new(())), Group::new("those who want it"));
        let owner = {
            let (lock, group) = (lock.clone(), group.clone());
            runtime.spawn(move || {
                let _held = lock.lock();
                let wanted = lock.clone();
                drop(group.spawn(move || drop(wanted.lock())));
                group.wait().unwrap();
            })
        };
        assert_eq!(the_waits(runtime), ["a wait for a group of tasks", "a wait for a lock"]);
        group.abort();
        owner.join().unwrap();
        // A task that waits for its own group waits for itself.
        let own = group.clone();
        let member = group_of(runtime, &group, move || own.wait().unwrap());
        assert_eq!(the_waits(runtime), ["a wait for a group of tasks"]);
        member.abort();
        assert!(member.join().unwrap_err().is_aborted());
    });
}

fn group_of(
    runtime: &Runtime,
    group: &Group,
    f: impl FnOnce() + Send + 'static,
) -> sortie::JoinHandle<()> {
    task::Builder::new().group(group).spawn_on(&runtime.handle(), f)
}

/// It is told once, by whichever of the two waits is the last: the one of a task of the scope, or the one of its owner.
#[test]
fn it_is_told_when_it_closes() {
    each_setting(|case| {
        for owner_is_last in [false, true] {
            events::record();
            let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
            let busy = deadlocks::no_rest(&runtime);
            let owner = runtime.spawn(move || {
                let (lock, ready) = (Mutex::new(()), Event::manual());
                let _held = lock.lock();
                task::scope(|s| {
                    let wants = s.spawn(|| {
                        ready.set();
                        drop(lock.lock());
                    });
                    if owner_is_last {
                        ready.wait();
                        let late = wants.join_timeout(Duration::from_millis(2));
                        assert!(late.is_err(), "the lock is held");
                    }
                });
            });
            deadlocks::is_told_once(owner, "the end of a scope");
            busy.end();
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        }
    });
}

/// Who holds what a task of its scope wants has it aborted, or is aborted itself before the end of the scope.
#[test]
fn who_is_aborted_is_in_no_deadlock() {
    each_setting(|case| {
        for aborts_itself in [false, true] {
            events::record();
            let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
            let handle = Arc::new(Mutex::new(None::<AbortHandle>));
            let (own, ready) = (handle.clone(), Arc::new(Event::manual()));
            let begin = ready.clone();
            let owner = runtime.spawn(move || {
                begin.wait();
                let (lock, wants) = (Mutex::new(()), Event::manual());
                let _held = lock.lock();
                task::scope(|s| {
                    let task = s.spawn(|| {
                        wants.set();
                        drop(lock.lock());
                    });
                    wants.wait();
                    // It waits by then, mostly.
                    assert!(task.join_timeout(Duration::from_millis(1)).is_err());
                    match aborts_itself {
                        true => own.lock().take().unwrap().abort(),
                        false => s.abort(),
                    }
                });
            });
            *handle.lock() = Some(owner.abort_handle());
            ready.set();
            assert_eq!(owner.join().is_err(), aborts_itself);
            let told = deadlocks::told();
            assert!(told.is_empty(), "{told:?}");
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        }
    });
}

/// Scopes and groups whose tasks want locks that others hold, and get them.
#[test]
fn what_ends_is_no_deadlock() {
    each(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let lock = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (stop, lock) = (stop.clone(), lock.clone());
                runtime.spawn(move || {
                    while !stop.load(SeqCst) {
                        let group = Group::new("beside");
                        let beside = lock.clone();
                        drop(group.spawn(move || *beside.lock() += 1));
                        task::scope(|s| {
                            // Two of the tasks hold it over the scope, whose tasks do not want it then.
                            let held = (n < 2).then(|| lock.lock());
                            let work = || match n {
                                0 | 1 => sortie::yield_now(),
                                _ => *lock.lock() += 1,
                            };
                            s.spawn(work);
                            s.spawn(work).join().unwrap();
                            drop(held);
                        });
                        group.wait().unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..60 {
            let found = runtime.deadlocks();
            assert!(found.is_empty(), "{}", found[0]);
        }
        stop.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
