//! What of hosted tasks is no scenario: halves are bound once, and leave nothing behind.

use sortie::Runtime;
use sortie::hosting::{
    ClrEvent, ClrRuntimeHost, ClrTask, ClrTaskManager, GcThreadStats, HResult, Host, WaitOption,
};
use sortie_test::told::Told;
use sortie_test::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A host over a runtime of one worker, and a runtime that is hosted and started.
struct Stage {
    _runtime: Runtime,
    host: Host,
    clr: ClrRuntimeHost,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(ClrRuntimeHost::builder().build())
    }

    fn with(clr: ClrRuntimeHost) -> Stage {
        let runtime = Runtime::builder().workers(1).build().unwrap();
        let host = Host::builder(&runtime.handle()).build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        Stage { _runtime: runtime, host, clr }
    }

    /// Runs `body` on a thread that the host adopts, and gives back what it returns.
    fn on_thread<R: Send + 'static>(&self, body: impl FnOnce() -> R + Send + 'static) -> R {
        std::thread::spawn(body).join().unwrap()
    }
}

#[test]
fn a_reset_closes_what_its_thread_has_open() {
    let stage = Stage::new();
    let (clr, tasks) = (stage.clr.task_manager(), stage.host.task_manager());
    let sync = stage.host.sync_manager();
    stage.on_thread(move || {
        let half = clr.attach().unwrap();
        for _ in 0..2 {
            assert_eq!(tasks.begin_thread_affinity(), HResult::S_OK);
            assert_eq!(half.begin_prevent_async_abort(), HResult::S_OK);
            assert_eq!(half.begin_clause(), HResult::S_OK);
            assert_eq!(half.begin_must_complete(), HResult::S_OK);
        }
        assert_eq!(tasks.begin_delay_abort(), HResult::S_OK);
        // The host's lock is not the half's.
        let crst = sync.create_crst().unwrap();
        assert_eq!(crst.enter(WaitOption::NONE), HResult::S_OK);
        assert_eq!(half.reset(false), HResult::S_OK);
        assert_eq!(tasks.end_thread_affinity(), HResult::E_UNEXPECTED);
        assert_eq!(tasks.end_delay_abort(), HResult::E_UNEXPECTED);
        let half = clr.attach().unwrap();
        assert_eq!(half.end_prevent_async_abort(), HResult::E_UNEXPECTED);
        assert_eq!(half.end_must_complete(), HResult::E_UNEXPECTED);
        assert_eq!(half.end_clause(), HResult::S_OK, "that of the critical section");
        assert_eq!(half.end_clause(), HResult::E_UNEXPECTED);
        assert_eq!(half.begin_clause(), HResult::S_OK);
        assert_eq!(crst.leave(), HResult::S_OK);
    });
}

#[test]
fn a_host_has_one_counterpart_for_tasks() {
    let stage = Stage::new();
    let another = ClrRuntimeHost::builder().build();
    let refused = stage.host.task_manager().set_clr_task_manager(&another.task_manager());
    assert_eq!(refused, HResult::HOST_E_INVALIDOPERATION);
    // As for a runtime whose handshake would need it.
    let refused = another.set_host_control(Some(Arc::new(stage.host.clone())));
    assert_eq!(refused, HResult::HOST_E_INVALIDOPERATION);
}

#[test]
fn a_task_has_one_half_until_the_binding_is_taken_back() {
    let stage = Stage::new();
    let (clr, tasks) = (stage.clr.task_manager(), stage.host.task_manager());
    stage.on_thread(move || {
        assert_eq!(clr.create_task().err(), Some(HResult::HOST_E_NOT_OWNER));
        let task = tasks.get_current_task().unwrap();
        let half = clr.create_task().unwrap();
        assert_eq!(clr.create_task().err(), Some(HResult::HOST_E_INVALIDOPERATION));
        assert_eq!(task.set_clr_task(Some(&half)), HResult::S_OK);
        assert_eq!(task.set_clr_task(None), HResult::S_OK);
        assert!(task.clr_task().is_none() && !half.is_current());
        assert!(clr.create_task().is_ok());
    });
}

#[test]
fn a_sleep_of_no_time_lets_others_run() {
    let stage = Stage::new();
    let (has_run, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (runs, sees, notes) = (has_run.clone(), has_run.clone(), failed.clone());
    let host = stage.host.clone();
    let task = host.clone().task_manager().create_task(0, move || {
        let other = host.task_manager().create_task(0, move || {
            runs.store(true, SeqCst);
            0
        });
        let other = other.unwrap().start();
        let slept = host.task_manager().sleep(0, WaitOption::NONE);
        let alone = host.task_manager().sleep(0, WaitOption::NONE);
        let is_right = [other, slept, alone] == [HResult::S_OK; 3] && sees.load(SeqCst);
        notes.store(!is_right, SeqCst);
        0
    });
    let task = task.unwrap();
    assert_eq!(task.start(), HResult::S_OK);
    until("the task has ended", || task.is_done());
    assert!(!failed.load(SeqCst));
}

/// A VM that is broken.
struct Broken;

impl ClrTask for Broken {
    fn get_mem_stats(&self) -> Result<GcThreadStats, HResult> {
        Err(HResult::E_FAIL)
    }
}

impl ClrTaskManager for Broken {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        Ok(Arc::new(Broken))
    }
}

#[test]
fn a_method_that_fails_for_good_disables_the_runtime() {
    let stage = Stage::with(ClrRuntimeHost::builder().tasks(Arc::new(Broken)).build());
    let told = Told::of(&stage.clr, ClrEvent::ClrDisabled);
    let clr = stage.clr.task_manager();
    stage.on_thread(move || {
        let half = clr.attach().unwrap();
        assert_eq!(half.get_mem_stats(), Err(HResult::E_FAIL));
        assert_eq!(half.get_mem_stats(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
    });
    assert_eq!(stage.clr.get_current_app_domain_id(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
    assert_eq!(stage.clr.start(), HResult::HOST_E_CLRNOTAVAILABLE);
    assert_eq!(told.times(), 1);
}
