//! A group that is unloaded ends whoever has a layer of it, and nobody else; what comes later is refused.

#[path = "hosting_groups/policies.rs"]
mod policies;
#[path = "hosting_groups/stage.rs"]
mod stage;

use sortie::Runtime;
use sortie::hosting::{HResult, HostTask, INFINITE, TaskType, WaitOption, WorkItemFlags};
use sortie::sync::Event;
use sortie_test::until;
use stage::{Stage, for_ever};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The last that a task does in its group.
struct Leaves(Arc<AtomicU32>);

impl Drop for Leaves {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_micros(100));
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn an_unload_that_is_waited_for_is_over() {
    let stage = Stage::new();
    let (group, other) = (stage.group(), stage.group());
    let left = Arc::new(AtomicU32::new(0));
    let start = || {
        let leaves = Leaves(left.clone());
        stage.task_in(group, move |_| {
            let _leaves = leaves;
            for_ever();
        })
    };
    let tasks: Vec<_> = (0..20).map(|_| start()).collect();
    let stays = stage.task_in(other, |_| for_ever());
    assert_eq!(stage.clr.unload_app_domain(group, true), HResult::S_OK);
    assert_eq!(left.load(SeqCst), 20);
    assert_eq!(stage.told(), [("vm", group), ("event", group)]);
    until("the tasks have ended", || tasks.iter().all(HostTask::is_done));
    assert!(!stays.is_done());
    // Numbers are not given twice.
    let empty = stage.group();
    assert!(empty > other);
    assert_eq!(stage.clr.unload_app_domain(empty, true), HResult::S_OK);
    // A task may wait for another group's, too.
    let (clr, waited) = (stage.clr.clone(), Arc::new(Event::manual()));
    let waits = waited.clone();
    stage.task(move |_| {
        assert_eq!(clr.unload_app_domain(other, true), HResult::S_OK);
        waits.set();
    });
    waited.wait();
    until("the other has ended", || stays.is_done());
}

#[test]
fn who_has_left_before_goes_on_and_who_comes_later_is_refused() {
    let stage = Stage::new();
    let group = stage.group();
    let (clr, goes_on, left) =
        (stage.clr.clone(), Arc::new(Event::manual()), Arc::new(Event::manual()));
    let (may_go_on, leaves) = (goes_on.clone(), left.clone());
    let task = stage.task(move |_| {
        let outer = clr.enter_app_domain(group).unwrap();
        let inner = clr.enter_app_domain(group).unwrap();
        assert_eq!((outer.id(), inner.id()), (group, group));
        // Not in the order in which they were entered.
        drop(outer);
        assert_eq!(clr.get_current_app_domain_id(), Ok(group));
        drop(inner);
        assert_eq!(clr.get_current_app_domain_id(), Ok(1));
        leaves.set();
        may_go_on.wait();
        assert_eq!(clr.enter_app_domain(group).unwrap_err(), HResult::COR_E_APPDOMAINUNLOADED);
        assert_eq!(clr.enter_app_domain(group + 1).unwrap_err(), HResult::E_INVALIDARG);
        assert_eq!(clr.enter_app_domain(1).unwrap_err(), HResult::E_INVALIDARG);
    });
    left.wait();
    assert_eq!(stage.clr.unload_app_domain(group, true), HResult::S_OK);
    goes_on.set();
    until("it has ended", || task.is_done());
    // This thread has no task.
    assert_eq!(stage.clr.get_current_app_domain_id(), Err(HResult::HOST_E_NOT_OWNER));
    assert_eq!(stage.clr.enter_app_domain(group).unwrap_err(), HResult::HOST_E_NOT_OWNER);
}

#[test]
fn what_is_made_in_a_group_runs_there_or_not_at_all() {
    let stage = Stage::new();
    let group = stage.group();
    let (host, clr, ran) = (stage.host.clone(), stage.clr.clone(), Arc::new(AtomicU32::new(0)));
    let (late, runs) = (Arc::new(Mutex::new(None)), ran.clone());
    let made = late.clone();
    let kinds = [
        WorkItemFlags::NONE,
        WorkItemFlags::EXECUTELONGFUNCTION,
        WorkItemFlags::EXECUTEINPERSISTENTTHREAD,
    ];
    stage.task_in(group, move |_| {
        let pool = host.thread_pool_manager();
        let count = move || {
            assert_eq!(clr.get_current_app_domain_id(), Ok(group));
            runs.fetch_add(1, SeqCst);
            for_ever();
        };
        let (body, unborn) = (count.clone(), count.clone());
        let suspended = host.task_manager().create_task(0, move || {
            unborn();
            0
        });
        *made.lock().unwrap() = suspended.ok();
        let task = host.task_manager().create_task(0, move || {
            body();
            0
        });
        assert_eq!(task.unwrap().start(), HResult::S_OK);
        for kind in kinds {
            assert_eq!(pool.queue_user_work_item(kind, count.clone()), HResult::S_OK);
        }
        // The persistent thread is busy with the one before.
        assert_eq!(pool.queue_user_work_item(kinds[2], count), HResult::S_OK);
        for_ever();
    });
    until("they run", || ran.load(SeqCst) == 4);
    assert_eq!(stage.clr.unload_app_domain(group, true), HResult::S_OK);
    let late = late.lock().unwrap().take().expect("it was made");
    assert_eq!(late.start(), HResult::S_OK);
    until("the task that was not started has ended", || late.is_done());
    // The persistent thread serves the others.
    let (pool, others) = (stage.host.thread_pool_manager(), Arc::new(Event::manual()));
    let serves = others.clone();
    assert_eq!(pool.queue_user_work_item(kinds[2], move || serves.set()), HResult::S_OK);
    others.wait();
    assert_eq!(ran.load(SeqCst), 4);
}

#[test]
fn who_unloads_its_own_group_is_unwound_and_does_not_wait_for_itself() {
    let stage = Stage::new();
    let group = stage.group();
    let clr = stage.clr.clone();
    let task = stage.task_in(group, move |_| {
        let result = clr.unload_app_domain(group, true);
        unreachable!("it was unwound: {result}");
    });
    until("it has ended", || task.is_done());
    until("it was told of", || stage.told().len() == 2);

    // Where it cannot be, it goes on, and is unwound later.
    let group = stage.group();
    let (clr, tasks) = (stage.clr.clone(), stage.host.task_manager());
    let task = stage.task_in(group, move |_| {
        assert_eq!(tasks.begin_delay_abort(), HResult::S_OK);
        assert_eq!(clr.unload_app_domain(group, true), HResult::S_OK);
        let result = tasks.end_delay_abort();
        unreachable!("it was unwound: {result}");
    });
    until("it has ended", || task.is_done());
    until("it was told of", || stage.told().len() == 4);
}

#[test]
fn an_adopted_thread_is_alerted_and_waited_for() {
    let stage = Stage::new();
    let group = stage.group();
    let (clr, tasks) = (stage.clr.clone(), stage.host.task_manager());
    let (inside, leaves) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
    let (comes, may_leave) = (inside.clone(), leaves.clone());
    let thread = std::thread::spawn(move || {
        clr.task_manager().attach().unwrap();
        let _group = clr.enter_app_domain(group).unwrap();
        comes.set();
        let result = tasks.sleep(INFINITE, WaitOption::ALERTABLE);
        may_leave.wait();
        result
    });
    inside.wait();
    assert_eq!(stage.clr.unload_app_domain(group, false), HResult::S_OK);
    assert_eq!(stage.told(), []);
    leaves.set();
    assert_eq!(thread.join().unwrap(), HResult::HOST_E_INTERRUPTED);
    until("it was told of", || stage.told() == [("vm", group), ("event", group)]);
}

#[test]
fn a_finalizer_is_waited_for_and_not_aborted() {
    let stage = Stage::new();
    let group = stage.group();
    let (ends, finished) = (Arc::new(Event::manual()), Arc::new(AtomicBool::new(false)));
    let (may_end, finishes) = (ends.clone(), finished.clone());
    let typed = Arc::new(Event::manual());
    let is_typed = typed.clone();
    let finalizer = stage.task_in(group, move |half| {
        half.add_type(TaskType::Finalizer);
        is_typed.set();
        may_end.wait();
        finishes.store(true, SeqCst);
    });
    typed.wait();
    assert_eq!(stage.clr.unload_app_domain(group, false), HResult::S_OK);
    ends.set();
    // As for an unload that is under way, it waits for it; or that is over by now.
    let again = stage.clr.unload_app_domain(group, true);
    assert!([HResult::S_OK, HResult::E_INVALIDARG].contains(&again));
    until("it has ended", || finalizer.is_done());
    assert!(finished.load(SeqCst));
}

#[test]
fn an_unload_that_the_end_of_the_runtime_cuts_short_is_told_as_that() {
    let mut stage = Stage::new();
    let group = stage.group();
    let (clr, inside) = (stage.clr.clone(), Arc::new(Event::manual()));
    let (ends, comes) = (Arc::new(AtomicBool::new(false)), inside.clone());
    let may_end = ends.clone();
    let thread = std::thread::spawn(move || {
        clr.task_manager().attach().unwrap();
        let _group = clr.enter_app_domain(group).unwrap();
        comes.set();
        // Native code of its own, which the end of the runtime does not wait for.
        while !may_end.load(SeqCst) {
            std::thread::yield_now();
        }
    });
    inside.wait();
    let clr = stage.clr.clone();
    let waits = std::thread::spawn(move || clr.unload_app_domain(group, true));
    until("the unload has begun", || !stage.policies.0.lock().unwrap().is_empty());
    let runtime =
        std::mem::replace(&mut stage.runtime, Runtime::builder().workers(1).build().unwrap());
    let _ = runtime.shutdown(Duration::from_secs(10));
    assert_eq!(waits.join().unwrap(), HResult::HOST_E_ABANDONED);
    ends.store(true, SeqCst);
    thread.join().unwrap();
    assert_eq!(stage.told(), []);
}
