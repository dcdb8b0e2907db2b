//! No abort, be it rude or a task's own, is raised in code that must complete; it is at that code's end.

use sortie::hosting::{ClrRuntimeHost, HResult, Host, HostTask, INFINITE, RuntimeTask, WaitOption};
use sortie_test::{each, until};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

/// Runs `f` in a task with a half of the runtime's, to its end.
fn in_task(host: &Host, clr: &ClrRuntimeHost, f: impl FnOnce(&RuntimeTask) + Send + 'static) {
    let tasks = clr.task_manager();
    let task = host.task_manager().create_task(0, move || {
        f(&tasks.create_task().expect("a half"));
        0
    });
    let task = task.expect("a task");
    assert_eq!(task.start(), HResult::S_OK);
    until("it has ended", || task.is_done());
}

#[test]
fn of_others() {
    each(|runtime| {
        for rudely in [false, true] {
            let (host, clr) = started(runtime);
            let passed = Arc::new(AtomicU32::new(0));
            let its = passed.clone();
            let tasks = host.task_manager();
            let (send, asked) = mpsc::channel::<RuntimeTask>();
            let aborter = std::thread::spawn(move || {
                let half = asked.recv().expect("a half");
                let result = if rudely { half.rude_abort() } else { half.abort() };
                assert_eq!(result, HResult::S_OK);
                half
            });
            in_task(&host, &clr, move |half| {
                assert_eq!(half.begin_must_complete(), HResult::S_OK);
                assert_eq!(half.begin_must_complete(), HResult::S_OK);
                send.send(half.clone()).expect("a thread that aborts");
                // The alert that comes with an abort.
                let result = tasks.sleep(INFINITE, WaitOption::ALERTABLE);
                assert_eq!(result, HResult::HOST_E_INTERRUPTED);
                assert_eq!(tasks.sleep(1, WaitOption::NONE), HResult::S_OK);
                assert_eq!(half.end_must_complete(), HResult::S_OK);
                sortie::task::checkpoint();
                its.fetch_add(1, SeqCst);
                let _ = half.end_must_complete();
                its.fetch_add(1, SeqCst);
            });
            assert_eq!(passed.load(SeqCst), 1, "rudely: {rudely}");
            aborter.join().unwrap();
        }
    });
}

#[test]
fn of_its_own() {
    each(|runtime| {
        let (host, clr) = started(runtime);
        let passed = Arc::new(AtomicU32::new(0));
        let its = passed.clone();
        in_task(&host, &clr, move |half| {
            assert_eq!(half.begin_must_complete(), HResult::S_OK);
            assert_eq!(half.rude_abort(), HResult::S_OK);
            its.fetch_add(1, SeqCst);
            let _ = half.end_must_complete();
            its.fetch_add(1, SeqCst);
        });
        assert_eq!(passed.load(SeqCst), 1);
    });
}

#[test]
fn and_what_does_not_match_is_refused() {
    each(|runtime| {
        let (host, clr) = started(runtime);
        let (send, receive) = mpsc::channel::<RuntimeTask>();
        in_task(&host, &clr, move |half| {
            assert_eq!(half.end_must_complete(), HResult::E_UNEXPECTED);
            send.send(half.clone()).expect("it is received");
        });
        let half = receive.recv().expect("a half");
        assert!(HostTask::current().is_none());
        assert_eq!(half.begin_must_complete(), HResult::HOST_E_INVALIDOPERATION);
        assert_eq!(half.end_must_complete(), HResult::HOST_E_INVALIDOPERATION);
    });
}

fn started(runtime: &sortie::Runtime) -> (Host, ClrRuntimeHost) {
    let host = Host::builder(&runtime.handle()).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    assert_eq!(clr.start(), HResult::S_OK);
    (host, clr)
}
