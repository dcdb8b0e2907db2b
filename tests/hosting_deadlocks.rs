//! `Runtime::deadlocks` sees the waits of hosted tasks, also where they and the crate's make one circle; and a hosted wait
//! of such a circle that may be ended is.

use sortie::Runtime;
use sortie::hosting::{
    ClrRuntimeHost, ClrSyncManager, HResult, Host, HostTask, INFINITE, WaitOption,
};
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

/// One worker and more: whichever of two waits begins first, the other closes the circle.
struct Two {
    ended: Arc<AtomicU32>,
    begins: [Arc<Event>; 2],
    /// A lock of the crate's, which the victim holds.
    lock: Arc<Mutex<()>>,
    has_lock: Arc<Event>,
    /// The other owns what the victim is to wait for.
    owned: Arc<Event>,
}

impl Two {
    fn new() -> Two {
        let event = || Arc::new(Event::manual());
        Two {
            ended: Arc::default(),
            begins: [event(), event()],
            lock: Arc::default(),
            has_lock: event(),
            owned: event(),
        }
    }

    /// The first of both: holds the lock, and has its wait ended.
    fn victim(&self, host: &Host, wait: impl FnOnce() -> HResult + Send + 'static) -> HostTask {
        let (lock, has_lock, owned) =
            (self.lock.clone(), self.has_lock.clone(), self.owned.clone());
        let (begins, ended) = (self.begins[0].clone(), self.ended.clone());
        task(host, move || {
            let guard = lock.lock();
            has_lock.set();
            owned.wait();
            begins.wait();
            assert_eq!(wait(), HResult::HOST_E_DEADLOCK);
            drop(guard);
            ended.fetch_add(1, SeqCst);
        })
    }

    /// Lets one begin its wait, and when it most likely waits the other.
    fn begin(&self, runtime: &Runtime, first: usize) {
        self.begins[first].set();
        (0..4).for_each(|_| runtime.spawn(|| ()).join().unwrap());
        self.begins[1 - first].set();
    }

    /// Both have come to their ends, as they should.
    fn end(&self, runtime: &Runtime, tasks: &[&HostTask]) {
        until("all have ended", || tasks.iter().all(|task| task.is_done()));
        assert_eq!(self.ended.load(SeqCst), tasks.len() as u32);
        assert!(runtime.deadlocks().is_empty());
    }
}

/// The wait that may be ended is, whichever of both closes the circle.
#[test]
fn with_a_lock_of_the_crates_the_hosted_wait_is_ended() {
    for first in [0, 1] {
        each(|runtime| {
            let (host, _clr) = host(runtime);
            let crst = host.sync_manager().create_crst().unwrap();
            let two = Two::new();
            let enters = crst.clone();
            let victim = two.victim(&host, move || enters.enter(WaitOption::NONE));
            let (lock, has_lock, owned) =
                (two.lock.clone(), two.has_lock.clone(), two.owned.clone());
            let (begins, ended) = (two.begins[1].clone(), two.ended.clone());
            let other = task(&host, move || {
                assert_eq!(crst.enter(kept()), HResult::S_OK);
                owned.set();
                has_lock.wait();
                begins.wait();
                drop(lock.lock());
                assert_eq!(crst.leave(), HResult::S_OK);
                ended.fetch_add(1, SeqCst);
            });
            two.begin(runtime, first);
            two.end(runtime, &[&victim, &other]);
        });
    }
}

/// Through a task that is not hosted, which is joined and wants the lock.
#[test]
fn through_a_task_of_the_crates_the_hosted_wait_is_ended() {
    for first in [0, 1] {
        each(|runtime| {
            let (host, _clr) = host(runtime);
            let crst = host.sync_manager().create_crst().unwrap();
            let two = Two::new();
            let enters = crst.clone();
            let victim = two.victim(&host, move || enters.enter(WaitOption::NONE));
            let (lock, has_lock, owned) =
                (two.lock.clone(), two.has_lock.clone(), two.owned.clone());
            let plain = {
                let begins = two.begins[1].clone();
                runtime.spawn(move || {
                    has_lock.wait();
                    begins.wait();
                    drop(lock.lock());
                })
            };
            let ended = two.ended.clone();
            let joiner = task(&host, move || {
                assert_eq!(crst.enter(kept()), HResult::S_OK);
                owned.set();
                plain.join().unwrap();
                assert_eq!(crst.leave(), HResult::S_OK);
                ended.fetch_add(1, SeqCst);
            });
            two.begin(runtime, first);
            two.end(runtime, &[&victim, &joiner]);
        });
    }
}

/// A VM with one monitor, and its owner.
#[derive(Default)]
struct Monitor(std::sync::Mutex<Option<HostTask>>);

impl ClrSyncManager for Monitor {
    fn get_monitor_owner(&self, _cookie: usize) -> Result<Option<HostTask>, HResult> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Of the VM's locks it is asked, also by who waits for a lock of the crate's.
#[test]
fn with_a_monitor_of_the_vms_and_a_lock_of_the_crates() {
    for first in [0, 1] {
        each(|runtime| {
            let monitor = Arc::new(Monitor::default());
            let host = Host::builder(&runtime.handle()).build();
            let clr = ClrRuntimeHost::builder().locks(monitor.clone()).build();
            assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
            assert_eq!(clr.start(), HResult::S_OK);
            let event = host.sync_manager().create_monitor_event(1).unwrap();
            let two = Two::new();
            let awaited = event.clone();
            let victim = two.victim(&host, move || awaited.wait(INFINITE, WaitOption::NONE));
            let (lock, has_lock, owned) =
                (two.lock.clone(), two.has_lock.clone(), two.owned.clone());
            let (begins, ended, owner) =
                (two.begins[1].clone(), two.ended.clone(), monitor.clone());
            let other = task(&host, move || {
                *owner.0.lock().unwrap() = HostTask::current();
                owned.set();
                has_lock.wait();
                begins.wait();
                drop(lock.lock());
                *owner.0.lock().unwrap() = None;
                ended.fetch_add(1, SeqCst);
            });
            two.begin(runtime, first);
            two.end(runtime, &[&victim, &other]);
        });
    }
}
