//! Events, semaphores, critical sections, and the owners of the VM's locks: S-59 to S-65, S-67 to S-69.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage, current};
use sortie::hosting::{HResult, HostAutoEvent, HostTask, INFINITE, WaitOption};
use sortie::native::{self, Target};
use sortie::sync::Event;
use sortie_natives::Gate;
use sortie_test::until;
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(59, "events that let one through", s59),
    scenario!(60, "events that let all through", s60),
    scenario!(61, "an event is gone", s61),
    scenario!(62, "semaphores", s62),
    scenario!(63, "critical sections", s63),
    scenario!(64, "a task owns, not a thread", s64, setup: migrating, fibers_only: true),
    scenario!(65, "spins, and as many objects as there may be", s65, setup: two_objects),
    scenario!(67, "a deadlock is resolved", s67),
    scenario!(68, "waits that must not be ended", s68),
    scenario!(69, "who holds a reader-writer lock", s69),
];

const NONE: WaitOption = WaitOption::NONE;
const UNBREAKABLE: WaitOption = WaitOption::NOTINDEADLOCK;

fn migrating() -> Setup {
    Setup { migrating: true, ..Setup::new() }
}

fn two_objects() -> Setup {
    Setup { host: |host| host.sync_object_limit(2), ..Setup::new() }
}

/// A task that waits for an event, and does.
fn waiter(stage: &Stage, name: &str, wait: impl FnOnce() + Send + 'static) -> HostTask {
    let task = stage.task(name, wait);
    until("it waits", || task.is_waiting() || task.is_done());
    task
}

fn s59(stage: &Stage) {
    let event = stage.host.sync_manager().create_auto_event().expect("an event");
    let own = event.clone();
    let tasks = stage.tasks.clone();
    stage.run("A", move || {
        let _ = own.wait(0, NONE);
        let _ = own.set();
        let _ = own.set();
        let _ = own.wait(INFINITE, NONE);
        let _ = own.wait(0, NONE);
        // A signal and an alert: the signal is looked at first, and the alert stays.
        let _ = own.set();
        let _ = tasks.get_current_task().expect("a task").alert();
        let _ = own.wait(INFINITE, WaitOption::ALERTABLE);
        let _ = own.wait(INFINITE, WaitOption::ALERTABLE);
        let _ = own.wait(0, NONE);
    });
    let woken: Arc<Mutex<Vec<&str>>> = Arc::default();
    let tasks: Vec<_> = ["W1", "W2", "W3"]
        .into_iter()
        .map(|name| {
            let (event, woken) = (event.clone(), woken.clone());
            waiter(stage, name, move || {
                let _ = event.wait(INFINITE, NONE);
                woken.lock().unwrap().push(name);
            })
        })
        .collect();
    for so_many in 1..=3 {
        let _ = event.set();
        until("one more is through", || woken.lock().unwrap().len() == so_many);
        assert_eq!(tasks.iter().filter(|task| task.is_waiting()).count(), 3 - so_many);
    }
    stage.wait();
    assert_eq!(*woken.lock().unwrap(), ["W1", "W2", "W3"]);
}

fn s60(stage: &Stage) {
    let event = stage.host.sync_manager().create_manual_event(true).expect("an event");
    let own = event.clone();
    stage.run("A", move || {
        let _ = own.wait(0, NONE);
        let _ = own.wait(0, NONE);
        let _ = own.reset();
        let _ = own.wait(0, NONE);
    });
    for name in ["W1", "W2", "W3", "W4", "W5"] {
        let event = event.clone();
        waiter(stage, name, move || {
            let _ = event.wait(INFINITE, NONE);
        });
    }
    let _ = event.set();
    stage.wait();
}

fn s61(stage: &Stage) {
    let event = stage.host.sync_manager().create_auto_event().expect("an event");
    for name in ["W1", "W2"] {
        let event = event.clone();
        waiter(stage, name, move || {
            let _ = event.wait(INFINITE, NONE);
        });
    }
    event.destroy();
    stage.wait();
    stage.run("later", move || {
        let _ = event.wait(INFINITE, NONE);
    });
}

fn s62(stage: &Stage) {
    let sync = stage.host.sync_manager();
    for (initial, max) in [(4, 3), (0, 0), (0, 0x8000_0000)] {
        assert_eq!(sync.create_semaphore(initial, max).err(), Some(HResult::E_INVALIDARG));
    }
    let semaphore = sync.create_semaphore(2, 3).expect("a semaphore");
    let own = semaphore.clone();
    stage.run("A", move || {
        for _ in 0..3 {
            let _ = own.wait(0, NONE);
        }
        assert_eq!(own.release_semaphore(1), Ok(0));
        assert_eq!(own.release_semaphore(1), Ok(1));
        let _ = own.release_semaphore(5);
        let _ = own.release_semaphore(0);
        let _ = own.release_semaphore(-1);
        assert_eq!(own.release_semaphore(1), Ok(2), "a failure has changed the count");
        for _ in 0..4 {
            let _ = own.wait(0, NONE);
        }
    });
    waiter(stage, "W", {
        let semaphore = semaphore.clone();
        move || {
            let _ = semaphore.wait(INFINITE, NONE);
        }
    });
    assert_eq!(semaphore.release_semaphore(1), Ok(0));
    stage.wait();
}

fn s63(stage: &Stage) {
    let crst = stage.host.sync_manager().create_crst().expect("a critical section");
    let (entered, left_once, tried) = (Event::auto(), Event::auto(), Event::auto());
    let events = Arc::new((entered, left_once, tried));
    let (own, shared) = (crst.clone(), events.clone());
    stage.task("A", move || {
        let (entered, left_once, tried) = &*shared;
        let _ = own.enter(NONE);
        let _ = own.enter(NONE);
        entered.set();
        tried.wait();
        let _ = own.leave();
        left_once.set();
        tried.wait();
        let _ = own.leave();
        left_once.set();
        let _ = own.leave();
    });
    stage.task("B", move || {
        let (entered, left_once, tried) = &*events;
        entered.wait();
        let _ = crst.leave();
        assert_eq!(crst.try_enter(NONE), Ok(false));
        tried.set();
        left_once.wait();
        assert_eq!(crst.try_enter(NONE), Ok(false), "one level was enough");
        tried.set();
        left_once.wait();
        assert_eq!(crst.try_enter(NONE), Ok(true));
        assert_eq!(crst.try_enter(NONE), Ok(true));
        let _ = crst.leave();
        let _ = crst.leave();
    });
    stage.wait();
}

/// Not inlined: who was switched must not keep the thread that it ran on.
#[inline(never)]
fn here() -> thread::ThreadId {
    thread::current().id()
}

/// Tasks that are no host's, one after the other, each of which keeps its carrier in native code, until one keeps this one.
fn keep_carrier(stage: &Stage, carrier: thread::ThreadId, gate: &Arc<Gate>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    for count in 1.. {
        let (gate, keeps) = (gate.clone(), kept.clone());
        drop(stage.runtime.spawn(move || {
            keeps.lock().unwrap().push(here());
            native::call_here(&BLOCKS, || gate.wait());
        }));
        until("one more is kept", || kept.lock().unwrap().len() == count);
        if kept.lock().unwrap().contains(&carrier) {
            return;
        }
    }
}

static BLOCKS: Target = Target::named("blocks");

fn s64(stage: &Stage) {
    let sync = stage.host.sync_manager();
    let crst = sync.create_crst().expect("a critical section");
    let event = sync.create_auto_event().expect("an event");
    let (ran_on, go) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Event::manual()));
    let (own, wakes, runs_on, goes) = (crst.clone(), event.clone(), ran_on.clone(), go.clone());
    let a = stage.task("A", move || {
        runs_on.lock().unwrap().push(here());
        assert_eq!(own.enter(NONE), HResult::S_OK);
        assert_eq!(wakes.wait(INFINITE, NONE), HResult::S_OK);
        runs_on.lock().unwrap().push(here());
        goes.wait();
        assert_eq!(own.leave(), HResult::S_OK);
    });
    until("A waits", || a.is_waiting());
    let first = ran_on.lock().unwrap()[0];
    let gate = Arc::new(Gate::new());
    keep_carrier(stage, first, &gate);
    let _ = event.set();
    until("A goes on", || ran_on.lock().unwrap().len() == 2);
    assert_ne!(ran_on.lock().unwrap()[1], first, "A is on a carrier that is kept");
    gate.open();
    // Each keeps its carrier in native code, so that the next is on another: on the first one, too.
    let (gate, tried) = (Arc::new(Gate::new()), Arc::new(Mutex::new(Vec::new())));
    for n in 0..8 {
        let (crst, gate, tried) = (crst.clone(), gate.clone(), tried.clone());
        stage.task(&format!("B{n}"), move || {
            assert_eq!(crst.try_enter(NONE), Ok(false), "two tasks have it");
            tried.lock().unwrap().push(here());
            native::call_here(&BLOCKS, || gate.wait());
        });
    }
    until("all have tried", || tried.lock().unwrap().len() == 8);
    gate.open();
    assert!(tried.lock().unwrap().contains(&first), "nobody ran on the first thread any more");
    go.set();
    stage.wait();
}

fn s65(stage: &Stage) {
    let sync = stage.host.sync_manager();
    for spins in [4000, 0] {
        let crst = sync.create_crst_with_spin_count(spins).expect("a critical section");
        let _ = crst.set_spin_count(4000 - spins);
        let held = crst.clone();
        let (entered, go) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let (has_entered, goes) = (entered.clone(), go.clone());
        stage.task("holder", move || {
            let _ = held.enter(NONE);
            has_entered.set();
            goes.wait();
            let _ = held.leave();
        });
        entered.wait();
        let waits = waiter(stage, "waiter", move || {
            let _ = crst.enter(NONE);
            let _ = crst.leave();
        });
        assert!(!waits.is_done());
        go.set();
        stage.wait();
    }
    let first = sync.create_crst().expect("one of two");
    let _second = sync.create_crst_with_spin_count(1).expect("two of two");
    assert!(sync.create_crst().is_err());
    drop(first);
    let _again = sync.create_crst().expect("one has gone");
}

/// Two tasks, each of which owns what the other waits for. The second closes the circle.
fn circle(stage: &Stage, cookies: [usize; 2], options: [WaitOption; 2]) -> [HostTask; 2] {
    let sync = stage.host.sync_manager();
    let events = cookies.map(|cookie| sync.create_monitor_event(cookie).expect("an event"));
    let vm = &stage.vm;
    let go = [Arc::new(Event::manual()), Arc::new(Event::manual())];
    let tasks = [0, 1].map(|own| {
        let (events, go) = (events.clone(), go[own].clone());
        let (vm, option) = (vm.clone(), options[own]);
        stage.task(["A", "B"][own], move || {
            go.wait();
            let other: &HostAutoEvent = &events[1 - own];
            let result = other.wait(INFINITE, option);
            if result == HResult::S_OK {
                vm.set_owners(cookies[1 - own], Vec::new());
            }
            // Whoever is through lets its own go.
            vm.set_owners(cookies[own], Vec::new());
            assert_eq!(events[own].set(), HResult::S_OK);
        })
    });
    for (cookie, task) in cookies.into_iter().zip(&tasks) {
        vm.set_owners(cookie, vec![task.clone()]);
    }
    for (go, task) in go.iter().zip(&tasks) {
        go.set();
        until("it waits, or has ended", || task.is_waiting() || task.is_done());
    }
    tasks
}

/// Was the owner of each of these asked for?
fn asked_for_owners(stage: &Stage, cookies: [usize; 2]) -> bool {
    let lines = stage.trace.lines(|_| true);
    let asked =
        |cookie| lines.iter().any(|line| line.contains(&format!("GetMonitorOwner({cookie})")));
    cookies.into_iter().all(asked)
}

fn s67(stage: &Stage) {
    circle(stage, [1, 2], [NONE, NONE]);
    stage.wait();
    assert!(asked_for_owners(stage, [1, 2]));
    assert_eq!(stage.host.sync_manager().unresolved_deadlocks(), 0);
}

fn s68(stage: &Stage) {
    circle(stage, [1, 2], [UNBREAKABLE, NONE]);
    stage.wait();
    circle(stage, [3, 4], [NONE, UNBREAKABLE]);
    stage.wait();
    let sync = stage.host.sync_manager();
    assert_eq!(sync.unresolved_deadlocks(), 0);
    // Nobody may be chosen. It is told of once, and lasts until an alert.
    let alertable = UNBREAKABLE | WaitOption::ALERTABLE;
    let [a, b] = circle(stage, [5, 6], [alertable; 2]);
    assert_eq!(sync.unresolved_deadlocks(), 1);
    assert!(a.is_waiting() && b.is_waiting());
    let _ = a.alert();
    stage.wait();
    assert_eq!(sync.unresolved_deadlocks(), 1);
}

fn s69(stage: &Stage) {
    let (sync, clr, vm) = (stage.host.sync_manager(), stage.clr.sync_manager(), &stage.vm);
    let _writers = sync.create_rw_lock_writer_event(9).expect("an event");
    let _readers = sync.create_rw_lock_reader_event(false, 9).expect("an event");
    assert_eq!(clr.create_rw_lock_owner_iterator(9), Ok(0), "nobody holds it");
    assert_eq!(clr.get_rw_lock_owner_next(0), Ok(None));
    assert_eq!(clr.delete_rw_lock_owner_iterator(0), HResult::S_OK);
    let readers: Vec<HostTask> = ["R1", "R2", "R3"].map(|name| stage.suspended(name, || ())).into();
    vm.set_owners(9, readers.clone());
    let before: Vec<usize> = readers.iter().map(HostTask::references).collect();
    let iterator = clr.create_rw_lock_owner_iterator(9).expect("an iterator");
    let mut seen = Vec::new();
    while let Some(task) = clr.get_rw_lock_owner_next(iterator).expect("it is open") {
        seen.push(task);
    }
    assert_eq!(seen, readers);
    assert_eq!(clr.get_rw_lock_owner_next(iterator), Ok(None));
    drop(seen);
    assert_eq!(clr.delete_rw_lock_owner_iterator(iterator), HResult::S_OK);
    // Given up midway.
    let iterator = clr.create_rw_lock_owner_iterator(9).expect("an iterator");
    drop(clr.get_rw_lock_owner_next(iterator));
    assert_eq!(clr.delete_rw_lock_owner_iterator(iterator), HResult::S_OK);
    let after: Vec<usize> = readers.iter().map(HostTask::references).collect();
    assert_eq!(before, after);
    vm.set_owners(9, Vec::new());
    let from_managed = clr.clone();
    stage.run("A", move || {
        assert!(current().is_some());
        let _ = from_managed.create_rw_lock_owner_iterator(9);
    });
    for reader in readers {
        let _ = reader.start();
    }
    stage.wait();
}
