//! `Runtime::deadlocks` sees the waits of hosted tasks, also where they and the crate's make one circle.

use sortie::Runtime;
use sortie::hosting::{ClrRuntimeHost, HResult, Host, HostTask, INFINITE, WaitOption};
use sortie::sync::{Event, Mutex};
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// The host may not end it, but an alert does.
fn kept() -> WaitOption {
    WaitOption::NOTINDEADLOCK | WaitOption::ALERTABLE
}

fn host(runtime: &Runtime) -> (Host, ClrRuntimeHost) {
    let host = Host::builder(&runtime.handle()).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    assert_eq!(clr.start(), HResult::S_OK);
    (host, clr)
}

fn task(host: &Host, f: impl FnOnce() + Send + 'static) -> HostTask {
    let task = host.task_manager().create_task(0, || {
        f();
        0
    });
    let task = task.expect("a task");
    assert_eq!(task.start(), HResult::S_OK);
    task
}

/// What the two of a circle wait for, in the order of their names.
fn circle(runtime: &Runtime) -> [&'static str; 2] {
    until("there is a deadlock", || !runtime.deadlocks().is_empty());
    let deadlocks = runtime.deadlocks();
    assert_eq!(deadlocks.len(), 1, "{deadlocks:?}");
    let mut waits: Vec<_> = deadlocks[0].waits().iter().map(|wait| wait.what()).collect();
    waits.sort_unstable();
    waits.try_into().expect("two waits")
}

#[test]
fn with_a_lock_of_the_crates() {
    each(|runtime| {
        let (host, _clr) = host(runtime);
        let crst = host.sync_manager().create_crst().unwrap();
        let lock = Arc::new(Mutex::new(()));
        let (has_crst, has_lock) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let first = {
            let (crst, lock) = (crst.clone(), lock.clone());
            let (has_crst, has_lock) = (has_crst.clone(), has_lock.clone());
            task(&host, move || {
                assert_eq!(crst.enter(kept()), HResult::S_OK);
                has_crst.set();
                has_lock.wait();
                drop(lock.lock());
                assert_eq!(crst.leave(), HResult::S_OK);
            })
        };
        let second = task(&host, move || {
            let guard = lock.lock();
            has_lock.set();
            has_crst.wait();
            assert_eq!(crst.enter(kept()), HResult::HOST_E_INTERRUPTED);
            drop(guard);
        });
        assert_eq!(circle(runtime), ["a wait for a critical section", "a wait for a lock"]);
        assert_eq!(second.alert(), HResult::S_OK);
        until("both have ended", || first.is_done() && second.is_done());
        assert!(runtime.deadlocks().is_empty());
    });
}

#[test]
fn of_a_join_and_a_critical_section() {
    each(|runtime| {
        let (host, _clr) = host(runtime);
        let crst = host.sync_manager().create_crst().unwrap();
        let ended = Arc::new(AtomicU32::new(0));
        let has_crst = Arc::new(Event::manual());
        let joined = {
            let (crst, has_crst) = (crst.clone(), has_crst.clone());
            task(&host, move || {
                has_crst.wait();
                assert_eq!(crst.enter(kept()), HResult::HOST_E_INTERRUPTED);
            })
        };
        let joiner = {
            let (joined, ended) = (joined.clone(), ended.clone());
            task(&host, move || {
                assert_eq!(crst.enter(kept()), HResult::S_OK);
                has_crst.set();
                assert_eq!(joined.join(INFINITE, kept()), HResult::S_OK);
                assert_eq!(crst.leave(), HResult::S_OK);
                ended.fetch_add(1, SeqCst);
            })
        };
        let waits = ["a wait for a critical section", "a wait for a hosted task's end"];
        assert_eq!(circle(runtime), waits);
        assert_eq!(joined.alert(), HResult::S_OK);
        until("both have ended", || joined.is_done() && joiner.is_done());
        assert_eq!(ended.load(SeqCst), 1);
        assert!(runtime.deadlocks().is_empty());
    });
}

/// What has a limit ends by itself, and is none.
#[test]
fn but_not_of_waits_that_end() {
    each(|runtime| {
        let (host, _clr) = host(runtime);
        let ended = Arc::new(Event::manual());
        let its = ended.clone();
        let joined = task(&host, move || {
            its.wait();
        });
        let awaited = joined.clone();
        let joiner = task(&host, move || {
            assert_eq!(awaited.join(60_000, kept()), HResult::S_OK);
        });
        until("it waits", || joiner.is_waiting());
        assert!(runtime.deadlocks().is_empty());
        ended.set();
        until("both have ended", || joined.is_done() && joiner.is_done());
    });
}
