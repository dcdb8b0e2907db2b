//! Life cycle: S-01 to S-25.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{Attach, HResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(3, "host control comes before the start", s03, setup: bare),
    scenario!(4, "starts and stops are counted", s04, setup: bare),
    scenario!(6, "a task is suspended until its start", s06),
    scenario!(7, "a repeated start does nothing", s07),
    scenario!(9, "the current task is the one that was made", s09),
    scenario!(11, "a thread that the host refuses has no task", s11, setup: denying),
];

fn bare() -> Setup {
    Setup { bare: true, ..Setup::new() }
}

fn denying() -> Setup {
    Setup { host: |host| host.attach(Attach::Deny), ..Setup::new() }
}

fn s03(stage: &Stage) {
    assert_eq!(stage.clr.set_host_control(None), HResult::E_INVALIDARG);
    assert_eq!(stage.clr.start(), HResult::S_OK);
    let control = Arc::new(stage.host.clone());
    assert_eq!(stage.clr.set_host_control(Some(control)), HResult::E_CLR_ALREADY_STARTED);
}

fn s04(stage: &Stage) {
    let control = Arc::new(stage.host.clone());
    let _ = stage.clr.set_host_control(Some(control));
    for _ in 0..2 {
        let _ = stage.clr.start();
    }
    for _ in 0..3 {
        let _ = stage.clr.stop();
    }
    let _ = stage.tasks.leave_runtime(stage.target("C"));
}

fn s06(stage: &Stage) {
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let task = stage.suspended("A", move || {
        counter.fetch_add(1, SeqCst);
    });
    // What is tested: that nothing happens.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(runs.load(SeqCst), 0);
    let _ = task.start();
    stage.wait();
    assert_eq!(runs.load(SeqCst), 1);
}

fn s07(stage: &Stage) {
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let own = Arc::new(std::sync::OnceLock::<sortie::hosting::HostTask>::new());
    let itself = own.clone();
    let task = stage.suspended("A", move || {
        counter.fetch_add(1, SeqCst);
        // It runs.
        let _ = itself.get().expect("set before the start").start();
    });
    assert!(own.set(task.clone()).is_ok());
    let _ = task.start();
    stage.wait();
    let _ = task.start();
    assert_eq!(runs.load(SeqCst), 1);
}

fn s09(stage: &Stage) {
    let tasks = stage.tasks.clone();
    let clr = stage.clr.task_manager();
    let own = Arc::new(std::sync::OnceLock::<sortie::hosting::HostTask>::new());
    let itself = own.clone();
    let task = stage.suspended("A", move || {
        let itself = itself.get().expect("set before the start");
        let before = itself.references();
        let one = tasks.get_current_task().expect("a task");
        let two = tasks.get_current_task().expect("a task");
        assert!(one.is(itself) && two.is(itself));
        assert_eq!(itself.references(), before + 2);
        let half = clr.create_task().expect("a half");
        assert!(itself.clr_task().is_some_and(|bound| bound.is(&half)));
    });
    assert!(own.set(task.clone()).is_ok());
    let _ = task.start();
    stage.wait();
}

fn s11(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.thread(move || {
        assert!(tasks.get_current_task().is_err());
        assert!(sortie::hosting::HostTask::current().is_none());
    });
}
