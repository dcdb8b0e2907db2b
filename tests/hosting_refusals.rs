//! What a host refuses, and what becomes of a VM whose host's runtime is shut down.

use sortie::Runtime;
use sortie::hosting::{Attach, ClrEvent, ClrRuntimeHost, HResult, Host, TaskType, WorkItemFlags};
use sortie_test::told::Told;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn hosted(attach: Attach) -> (Runtime, Host, ClrRuntimeHost) {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let host = Host::builder(&runtime.handle()).attach(attach).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    assert_eq!(clr.start(), HResult::S_OK);
    (runtime, host, clr)
}

fn on_thread(body: impl FnOnce() + Send + 'static) {
    thread::spawn(body).join().unwrap();
}

/// The helpers of the VM's pool, and nobody else.
#[test]
fn a_refusal_spares_the_helpers_of_the_vm_s_pool() {
    let (_runtime, host, clr) = hosted(Attach::Deny);
    for &of in TaskType::ALL {
        let (clr, tasks) = (clr.task_manager(), host.task_manager());
        on_thread(move || {
            assert_eq!(clr.attach().err(), Some(HResult::HOST_E_INVALIDOPERATION));
            let spared = matches!(
                of,
                TaskType::ThreadPoolTimer
                    | TaskType::ThreadPoolWorker
                    | TaskType::ThreadPoolIoCompletion
                    | TaskType::ThreadPoolWait
            );
            let attached = clr.attach_helper(of).map(|half| half.is_some());
            let expected = if spared { Ok(false) } else { Err(HResult::HOST_E_INVALIDOPERATION) };
            assert_eq!(attached, expected, "{of}");
            let is_of = if spared { of } else { TaskType::Unknown };
            assert_eq!(clr.get_current_task_type(), Ok(is_of));
            assert!(clr.get_current_task().unwrap().is_none());
            // It has no task, and the host makes it none.
            let refused = tasks.reverse_enter_runtime();
            assert_eq!(refused, HResult::HOST_E_INVALIDOPERATION);
            assert_eq!(tasks.leave_runtime(0), HResult::HOST_E_NOT_OWNER);
        });
    }
    // Of another thread nothing was kept.
    let clr = clr.task_manager();
    on_thread(move || assert_eq!(clr.get_current_task_type(), Ok(TaskType::Unknown)));
}

#[test]
fn a_helper_that_is_not_refused_has_a_task() {
    let (_runtime, _host, clr) = hosted(Attach::Adopt);
    let clr = clr.task_manager();
    on_thread(move || {
        let half = clr.attach_helper(TaskType::ThreadPoolWorker).unwrap().unwrap();
        assert!(half.is_current());
        assert_eq!(clr.get_current_task_type(), Ok(TaskType::ThreadPoolWorker));
    });
}

/// A start that fails for good disables the runtime, as each call does; its task stays suspended.
#[test]
fn a_start_after_the_end_of_the_host_s_runtime_disables_the_vm_s() {
    let (runtime, host, clr) = hosted(Attach::Adopt);
    let told = Told::of(&clr, ClrEvent::ClrDisabled);
    let task = host.task_manager().create_task(0, || 0).unwrap();
    assert!(runtime.shutdown(Duration::from_secs(5)).is_clean());
    // What finds no runtime underneath is refused, and disables nothing.
    let queued = host.thread_pool_manager().queue_user_work_item(WorkItemFlags::NONE, || ());
    assert_eq!(queued, HResult::HOST_E_CLRNOTAVAILABLE);
    let answers = || clr.task_manager().get_current_task_type();
    assert_eq!((answers(), told.times()), (Ok(TaskType::Unknown), 0));
    for _ in 0..2 {
        assert_eq!(task.start(), HResult::E_FAIL);
        assert!(!task.is_done(), "it is suspended");
        assert_eq!(told.times(), 1);
    }
    assert_eq!(answers(), Err(HResult::HOST_E_CLRNOTAVAILABLE));
    assert_eq!(clr.start(), HResult::HOST_E_CLRNOTAVAILABLE);
}
