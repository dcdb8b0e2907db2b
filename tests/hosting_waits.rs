//! Hosted waits and what they are for: each result is returned for its own reason, and no release is lost.

use sortie::Runtime;
use sortie::hosting::{
    Attach, ClrRuntimeHost, ClrSyncManager, HResult, Host, HostTask, INFINITE, WaitOption,
};
use sortie_test::until;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const NONE: WaitOption = WaitOption::NONE;

/// The owners of the VM's monitors, by cookie.
#[derive(Default)]
struct Monitors(Mutex<HashMap<usize, Result<HostTask, HResult>>>);

impl Monitors {
    fn set(&self, cookie: usize, owner: Result<HostTask, HResult>) {
        self.0.lock().unwrap().insert(cookie, owner);
    }

    fn free(&self, cookie: usize) {
        self.0.lock().unwrap().remove(&cookie);
    }
}

impl ClrSyncManager for Monitors {
    fn get_monitor_owner(&self, cookie: usize) -> Result<Option<HostTask>, HResult> {
        let owner = self.0.lock().unwrap().get(&cookie).cloned();
        assert!(cookie != usize::MAX, "a VM that panics");
        owner.transpose()
    }
}

/// A host over a runtime of one worker or more, and a runtime that is hosted and started.
struct Stage {
    runtime: Runtime,
    host: Host,
    clr: ClrRuntimeHost,
    monitors: Arc<Monitors>,
    /// A task has panicked.
    has_failed: Arc<AtomicBool>,
}

/// Notes that a task has unwound.
struct Fails(Arc<AtomicBool>);

impl Drop for Fails {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, SeqCst);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let has_failed = self.has_failed.load(SeqCst);
        assert!(!has_failed || std::thread::panicking(), "a task has panicked");
    }
}

impl Stage {
    fn new(attach: Attach) -> Stage {
        Stage::with_workers(1, attach)
    }

    fn with_workers(workers: usize, attach: Attach) -> Stage {
        let runtime = Runtime::builder().workers(workers).build().unwrap();
        let host = Host::builder(&runtime.handle()).attach(attach).build();
        let monitors = Arc::new(Monitors::default());
        let clr = ClrRuntimeHost::builder().locks(monitors.clone()).build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        Stage { runtime, host, clr, monitors, has_failed: Arc::default() }
    }

    fn task(&self, f: impl FnOnce() + Send + 'static) -> HostTask {
        let failed = self.has_failed.clone();
        let task = self.host.task_manager().create_task(0, move || {
            let _fails = Fails(failed);
            f();
            0
        });
        let task = task.unwrap();
        assert_eq!(task.start(), HResult::S_OK);
        task
    }

    /// A task that has begun to wait in `f` when this returns: on one worker others run only then.
    fn waiting(&self, f: impl FnOnce() + Send + 'static) -> HostTask {
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let task = self.task(move || {
            begins.store(true, SeqCst);
            f();
        });
        until("it has begun", || begun.load(SeqCst));
        for _ in 0..2 {
            self.runtime.spawn(|| ()).join().unwrap();
        }
        task
    }

    fn run(&self, f: impl FnOnce() + Send + 'static) {
        done(&self.task(f));
    }
}

fn done(task: &HostTask) {
    until("the task has ended", || task.is_done());
}

fn itself() -> HostTask {
    HostTask::current().expect("a task")
}

#[test]
fn nothing_is_answered_while_the_runtime_is_stopped_but_what_is_held_is_let_go() {
    const GONE: HResult = HResult::HOST_E_CLRNOTAVAILABLE;
    let stage = Stage::new(Attach::Adopt);
    let (sync, tasks, clr) =
        (stage.host.sync_manager(), stage.host.task_manager(), stage.clr.clone());
    let crst = sync.create_crst().unwrap();
    let (held, owners) = (crst.clone(), stage.clr.sync_manager());
    stage.run(move || {
        let auto = sync.create_auto_event().unwrap();
        let manual = sync.create_manual_event(true).unwrap();
        let semaphore = sync.create_semaphore(1, 1).unwrap();
        assert_eq!(held.enter(NONE), HResult::S_OK);
        assert_eq!(clr.stop(), HResult::S_OK);

        assert_eq!(tasks.sleep(0, NONE), GONE);
        assert_eq!(tasks.switch_to_task(NONE), GONE);
        assert_eq!(itself().alert(), GONE);
        assert_eq!(itself().join(0, NONE), GONE);
        assert_eq!([auto.wait(0, NONE), auto.set()], [GONE; 2]);
        assert_eq!([manual.wait(0, NONE), manual.set(), manual.reset()], [GONE; 3]);
        assert_eq!(semaphore.wait(0, NONE), GONE);
        assert_eq!(semaphore.release_semaphore(0), Err(GONE));
        assert_eq!([held.enter(NONE), held.set_spin_count(1)], [GONE; 2]);
        assert_eq!(held.try_enter(NONE), Err(GONE));
        assert_eq!(sync.create_crst().err(), Some(GONE));
        assert_eq!(sync.create_crst_with_spin_count(1).err(), Some(GONE));
        assert_eq!(sync.create_auto_event().err(), Some(GONE));
        assert_eq!(sync.create_manual_event(true).err(), Some(GONE));
        assert_eq!(sync.create_monitor_event(1).err(), Some(GONE));
        assert_eq!(sync.create_rw_lock_writer_event(1).err(), Some(GONE));
        assert_eq!(sync.create_rw_lock_reader_event(true, 1).err(), Some(GONE));
        assert_eq!(sync.create_semaphore(0, 1).err(), Some(GONE));
        assert_eq!(owners.get_monitor_owner(1).err(), Some(GONE));
        assert_eq!(owners.create_rw_lock_owner_iterator(1), Err(GONE));
        assert_eq!(owners.get_rw_lock_owner_next(0).err(), Some(GONE));
        assert_eq!(owners.delete_rw_lock_owner_iterator(0), GONE);

        // A release is done, and says what is wrong.
        assert_eq!(held.leave(), GONE);
        assert_eq!(clr.start(), HResult::S_OK);
        assert_eq!(held.leave(), HResult::HOST_E_NOT_OWNER);
        // What was refused has changed nothing.
        assert_eq!(auto.wait(0, NONE), HResult::HOST_E_TIMEOUT);
        assert_eq!(manual.wait(0, NONE), HResult::S_OK);
        assert_eq!(semaphore.wait(0, NONE), HResult::S_OK);
        assert_eq!(tasks.sleep(0, WaitOption::ALERTABLE), HResult::S_OK);
    });
    stage.run(move || assert_eq!(crst.try_enter(NONE), Ok(true)));
}

#[test]
fn a_thread_that_the_host_refuses_waits_for_nothing() {
    const REFUSED: HResult = HResult::HOST_E_INVALIDOPERATION;
    let stage = Stage::new(Attach::Deny);
    let (sync, tasks) = (stage.host.sync_manager(), stage.host.task_manager());
    let task = stage.task(|| ());
    done(&task);
    let event = sync.create_manual_event(true).unwrap();
    let (crst, semaphore) = (sync.create_crst().unwrap(), sync.create_semaphore(1, 1).unwrap());
    assert_eq!(tasks.sleep(0, NONE), REFUSED);
    assert_eq!(tasks.switch_to_task(NONE), REFUSED);
    assert_eq!(task.join(0, NONE), REFUSED);
    assert_eq!(event.wait(0, NONE), REFUSED);
    assert_eq!(semaphore.wait(0, NONE), REFUSED);
    assert_eq!(crst.enter(NONE), REFUSED);
    assert_eq!(crst.try_enter(NONE), Err(REFUSED));
    // To set, release and alert needs no task.
    assert_eq!([event.set(), event.reset(), task.alert()], [HResult::S_OK; 3]);
    assert_eq!(crst.leave(), HResult::HOST_E_NOT_OWNER);
    assert_eq!(semaphore.release_semaphore(1), Err(HResult::ERROR_TOO_MANY_POSTS));
}

#[test]
fn a_host_has_one_counterpart_for_synchronization() {
    let stage = Stage::new(Attach::Adopt);
    let another = ClrRuntimeHost::builder().build();
    let refused = stage.host.sync_manager().set_clr_sync_manager(&another.sync_manager());
    assert_eq!(refused, HResult::HOST_E_INVALIDOPERATION);
}

#[test]
fn what_the_vm_says_of_its_locks_is_passed_on_and_a_panic_is_a_failure() {
    let stage = Stage::new(Attach::Adopt);
    let owners = stage.clr.sync_manager();
    stage.monitors.set(1, Err(HResult::E_OUTOFMEMORY));
    assert_eq!(owners.get_monitor_owner(1).err(), Some(HResult::E_OUTOFMEMORY));
    assert!(owners.get_monitor_owner(2).unwrap().is_none());
    // A wait whose owner the VM does not name is a wait all the same.
    let event = stage.host.sync_manager().create_monitor_event(1).unwrap();
    let waited = event.clone();
    let waits = stage.waiting(move || assert_eq!(waited.wait(INFINITE, NONE), HResult::S_OK));
    assert_eq!(event.set(), HResult::S_OK);
    done(&waits);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let failed = owners.get_monitor_owner(usize::MAX).err();
    std::panic::set_hook(hook);
    assert_eq!(failed, Some(HResult::E_FAIL));
    // Nobody can do anything about that: the runtime is of no more use.
    assert_eq!(owners.get_monitor_owner(2).err(), Some(HResult::HOST_E_CLRNOTAVAILABLE));
}

/// What a waiter was granted is spent, though it has not gone on yet.
#[test]
fn a_semaphore_is_released_again_before_the_waiter_goes_on() {
    let stage = Stage::new(Attach::Adopt);
    let semaphore = stage.host.sync_manager().create_semaphore(0, 1).unwrap();
    let (waited, released) = (semaphore.clone(), semaphore.clone());
    let waits = stage.waiting(move || assert_eq!(waited.wait(INFINITE, NONE), HResult::S_OK));
    let releases = stage.task(move || {
        // On the only worker: nobody goes on in between.
        let release = || released.release_semaphore(1);
        let results = [release(), release(), release()];
        assert_eq!(results, [Ok(0), Ok(0), Err(HResult::ERROR_TOO_MANY_POSTS)]);
        assert_eq!(released.wait(0, NONE), HResult::S_OK);
    });
    done(&releases);
    done(&waits);
    stage.run(move || assert_eq!(semaphore.wait(0, NONE), HResult::HOST_E_TIMEOUT));
}

/// A count that was granted to a waiter whom an alert, or the end of its time, reaches at that moment.
#[test]
fn no_count_is_lost_or_made_by_alerts_and_limits() {
    const COUNTS: u32 = 2000;
    for workers in [1, 2, 4] {
        let stage = Stage::with_workers(workers, Attach::Adopt);
        let semaphore = stage.host.sync_manager().create_semaphore(0, COUNTS).unwrap();
        let (taken, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let waiters: Vec<_> = (0..4)
            .map(|n| {
                let (semaphore, taken) = (semaphore.clone(), taken.clone());
                let is_over = is_over.clone();
                stage.task(move || {
                    while !is_over.load(SeqCst) {
                        let limit = if n % 2 == 0 { INFINITE } else { 1 };
                        match semaphore.wait(limit, WaitOption::ALERTABLE) {
                            HResult::S_OK => _ = taken.fetch_add(1, SeqCst),
                            HResult::HOST_E_INTERRUPTED => {}
                            result => assert_eq!((result, limit), (HResult::HOST_E_TIMEOUT, 1)),
                        }
                    }
                })
            })
            .collect();
        for n in 0..COUNTS {
            assert!(semaphore.release_semaphore(1).is_ok());
            assert_eq!(waiters[n as usize % 4].alert(), HResult::S_OK);
        }
        is_over.store(true, SeqCst);
        for waiter in &waiters {
            assert_eq!(waiter.alert(), HResult::S_OK);
            done(waiter);
        }
        let (left, counted) = (semaphore.clone(), taken.clone());
        stage.run(move || {
            while left.wait(0, NONE) == HResult::S_OK {
                counted.fetch_add(1, SeqCst);
            }
        });
        assert_eq!(taken.load(SeqCst), COUNTS, "on {workers}");
    }
}

#[test]
fn a_critical_section_whose_owner_has_ended_is_nobodys_for_good() {
    let stage = Stage::new(Attach::Adopt);
    let crst = stage.host.sync_manager().create_crst().unwrap();
    let (own, ends) = (crst.clone(), Arc::new(sortie::sync::Event::auto()));
    let end = ends.clone();
    let owner = stage.waiting(move || {
        assert_eq!([own.enter(NONE), own.enter(NONE)], [HResult::S_OK; 2]);
        ends.wait();
    });
    let waited = crst.clone();
    let waits = stage.waiting(move || {
        assert_eq!(waited.enter(KEPT), HResult::HOST_E_ABANDONED);
        assert_eq!(waited.leave(), HResult::HOST_E_NOT_OWNER);
    });
    end.set();
    done(&owner);
    done(&waits);
    stage.run(move || {
        assert_eq!(crst.enter(NONE), HResult::HOST_E_ABANDONED);
        assert_eq!(crst.try_enter(NONE), Err(HResult::HOST_E_ABANDONED));
        assert_eq!(crst.leave(), HResult::HOST_E_NOT_OWNER);
    });
}

/// Nobody may choose this wait.
const KEPT: WaitOption = WaitOption::NOTINDEADLOCK;

/// One task holds a critical section and waits for a monitor, another owns that and waits for the critical section.
/// What the two were told, the waiter for the monitor first. `first`: which of them waits first. `levels`: theirs.
fn cross(stage: &Stage, first: usize, levels: [i32; 2]) -> [HResult; 2] {
    const COOKIE: usize = 7;
    let sync = stage.host.sync_manager();
    let crst = sync.create_crst().unwrap();
    let monitor = sync.create_monitor_event(COOKIE).unwrap();
    let results = Arc::new(Mutex::new([HResult::E_UNEXPECTED; 2]));
    let both = Arc::new(sortie::sync::Barrier::new(2));
    let turn = Arc::new(sortie::sync::Event::manual());
    let tasks = [0, 1].map(|n| {
        let (crst, monitor) = (crst.clone(), monitor.clone());
        let (results, both, turn) = (results.clone(), both.clone(), turn.clone());
        let monitors = stage.monitors.clone();
        stage.task(move || {
            assert_eq!(itself().set_priority(levels[n]), HResult::S_OK);
            match n {
                0 => assert_eq!(crst.enter(NONE), HResult::S_OK),
                _ => monitors.set(COOKIE, Ok(itself())),
            }
            both.wait();
            if n != first {
                turn.wait();
            }
            let result = if n == 0 { monitor.wait(INFINITE, NONE) } else { crst.enter(NONE) };
            results.lock().unwrap()[n] = result;
            if n == 0 {
                assert_eq!(crst.leave(), HResult::S_OK);
            } else {
                if result == HResult::S_OK {
                    assert_eq!(crst.leave(), HResult::S_OK);
                }
                monitors.free(COOKIE);
                assert_eq!(monitor.set(), HResult::S_OK);
            }
        })
    });
    until("the first waits", || tasks[first].is_waiting());
    turn.set();
    tasks.iter().for_each(done);
    let results = results.lock().unwrap();
    *results
}

#[test]
fn of_a_circle_the_wait_for_an_event_is_ended_before_one_for_a_critical_section() {
    let stage = Stage::new(Attach::Adopt);
    for first in [0, 1] {
        // Also if the other is of a lower level.
        for levels in [[0, 0], [2, -2]] {
            let results = cross(&stage, first, levels);
            assert_eq!(results, [HResult::HOST_E_DEADLOCK, HResult::S_OK], "{first} {levels:?}");
        }
    }
}

/// Two monitors in opposite order. What the two were told.
fn cross_monitors(stage: &Stage, levels: [i32; 2]) -> [HResult; 2] {
    let sync = stage.host.sync_manager();
    let events = [0, 1].map(|cookie| sync.create_monitor_event(cookie).unwrap());
    let results = Arc::new(Mutex::new([HResult::E_UNEXPECTED; 2]));
    let tasks = [0, 1].map(|n| {
        let (events, results) = (events.clone(), results.clone());
        let monitors = stage.monitors.clone();
        stage.waiting(move || {
            assert_eq!(itself().set_priority(levels[n]), HResult::S_OK);
            monitors.set(n, Ok(itself()));
            let result = events[1 - n].wait(INFINITE, NONE);
            results.lock().unwrap()[n] = result;
            monitors.free(n);
            assert_eq!(events[n].set(), HResult::S_OK);
        })
    });
    tasks.iter().for_each(done);
    let results = results.lock().unwrap();
    *results
}

#[test]
fn of_like_waits_that_of_the_lowest_level_is_ended_and_then_the_youngest() {
    let stage = Stage::new(Attach::Adopt);
    let (ended, goes_on) = (HResult::HOST_E_DEADLOCK, HResult::S_OK);
    assert_eq!(cross_monitors(&stage, [-1, 0]), [ended, goes_on]);
    assert_eq!(cross_monitors(&stage, [0, -1]), [goes_on, ended]);
    assert_eq!(cross_monitors(&stage, [0, 0]), [goes_on, ended]);
}
