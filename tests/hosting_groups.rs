//! A group that is unloaded ends whoever has a layer of it, and nobody else; what comes later is refused.

use sortie::Runtime;
use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, ClrFailure, ClrOperation, ClrRuntimeHost,
    ClrTaskManager, HResult, Host, HostPolicyManager, HostTask, INFINITE, PolicyAction,
    RuntimeTask, TaskType, WaitOption, WorkItemFlags,
};
use sortie::sync::Event;
use sortie::task::is_abort;
use sortie_test::until;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The groups that the VM was told to destroy, and then the host of.
#[derive(Default)]
struct Told(Mutex<Vec<(&'static str, u32)>>);

impl ClrTaskManager for Told {
    fn unload_app_domain(&self, id: u32) -> HResult {
        self.0.lock().unwrap().push(("vm", id));
        // A VM that panics is no reason to stop.
        panic!("a VM that fails");
    }
}

impl ActionOnClrEvent for Told {
    fn on_event(&self, _: ClrEvent, data: ClrEventData) -> HResult {
        let ClrEventData::Group(id) = data else { return HResult::E_UNEXPECTED };
        self.0.lock().unwrap().push(("event", id));
        HResult::S_OK
    }
}

/// What a host was told of its policies.
#[derive(Default)]
struct Policies(Mutex<Vec<String>>);

impl Policies {
    fn add(&self, text: String) -> HResult {
        self.0.lock().unwrap().push(text);
        HResult::S_OK
    }
}

impl HostPolicyManager for Policies {
    fn on_default_action(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.add(format!("default {operation} {action}"))
    }

    fn on_timeout(&self, operation: ClrOperation, action: PolicyAction) -> HResult {
        self.add(format!("timeout {operation} {action}"))
    }

    fn on_failure(&self, failure: ClrFailure, action: PolicyAction) -> HResult {
        self.add(format!("failure {failure} {action}"))
    }
}

/// A host over a runtime of two workers, and a runtime that is hosted and started.
struct Stage {
    runtime: Runtime,
    host: Host,
    clr: ClrRuntimeHost,
    told: Arc<Told>,
    policies: Arc<Policies>,
    /// A task has panicked.
    has_failed: Arc<AtomicBool>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let has_failed = self.has_failed.load(SeqCst);
        assert!(!has_failed || std::thread::panicking(), "a task has panicked");
    }
}

impl Stage {
    fn new() -> Stage {
        let runtime = Runtime::builder().workers(2).build().unwrap();
        let policies = Arc::new(Policies::default());
        let host = Host::builder(&runtime.handle()).policies(policies.clone()).build();
        let told = Arc::new(Told::default());
        let clr = ClrRuntimeHost::builder().tasks(told.clone()).build();
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        let subscribed =
            clr.on_event_manager().register_action_on_event(ClrEvent::DomainUnload, told.clone());
        assert_eq!(subscribed, HResult::S_OK);
        Stage { runtime, host, clr, told, policies, has_failed: Arc::default() }
    }

    fn group(&self) -> u32 {
        self.clr.create_app_domain().unwrap()
    }

    /// A task with both halves.
    fn task(&self, body: impl FnOnce(&RuntimeTask) + Send + 'static) -> HostTask {
        let (clr, has_failed) = (self.clr.clone(), self.has_failed.clone());
        let task = self.host.task_manager().create_task(0, move || {
            let half = clr.task_manager().attach().unwrap();
            let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(&half))) else { return 0 };
            if !is_abort(&*payload) {
                has_failed.store(true, SeqCst);
            }
            resume_unwind(payload)
        });
        let task = task.unwrap();
        assert_eq!(task.start(), HResult::S_OK);
        task
    }

    /// A task that is in the group when this returns, and runs `body` there.
    fn task_in(&self, group: u32, body: impl FnOnce(&RuntimeTask) + Send + 'static) -> HostTask {
        let (clr, inside) = (self.clr.clone(), Arc::new(Event::manual()));
        let comes = inside.clone();
        let task = self.task(move |half| {
            let _group = clr.enter_app_domain(group).unwrap();
            comes.set();
            body(half);
        });
        inside.wait();
        task
    }

    fn set(&self, operation: ClrOperation, milliseconds: u32, action: PolicyAction) {
        let policies = self.clr.policy_manager();
        let (operation, action) = (operation.number(), action.number());
        let set = policies.set_timeout_and_action(operation, milliseconds, action);
        assert_eq!(set, HResult::S_OK);
    }

    fn told(&self) -> Vec<(&'static str, u32)> {
        self.told.0.lock().unwrap().clone()
    }

    fn policies(&self) -> Vec<String> {
        std::mem::take(&mut self.policies.0.lock().unwrap())
    }
}

/// The last that a task does in its group.
struct Leaves(Arc<AtomicU32>);

impl Drop for Leaves {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_micros(100));
        self.0.fetch_add(1, SeqCst);
    }
}

fn for_ever() {
    sortie::sleep(Duration::MAX);
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
fn an_abort_that_takes_too_long_unloads_its_group_and_that_rudely() {
    let stage = Stage::new();
    let group = stage.group();
    stage.set(ClrOperation::ThreadAbort, 20, PolicyAction::UnloadAppDomain);
    stage.set(ClrOperation::AppDomainUnload, 20, PolicyAction::RudeUnloadAppDomain);
    // In a clause that is run to its end; and beside it another.
    let stubborn = stage.task_in(group, |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        for_ever();
    });
    let beside = stage.task_in(group, |_| for_ever());
    assert_eq!(stubborn.clr_task().unwrap().abort(), HResult::S_OK);
    until("all have ended", || stubborn.is_done() && beside.is_done());
    until("it was told of", || stage.told().len() == 2);
    let policies = stage.policies();
    let expected = [
        "default ThreadAbort AbortThread",
        "timeout ThreadAbort UnloadAppDomain",
        "timeout AppDomainUnload RudeUnloadAppDomain",
    ];
    assert_eq!(policies, expected);
}

#[test]
fn an_unload_that_policies_make_rude_goes_through_clauses() {
    let stage = Stage::new();
    let group = stage.group();
    let (unload, rude) = (ClrOperation::AppDomainUnload, PolicyAction::RudeUnloadAppDomain);
    let set = stage.clr.policy_manager().set_default_action(unload.number(), rude.number());
    assert_eq!(set, HResult::S_OK);
    let stubborn = stage.task_in(group, |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        for_ever();
    });
    assert_eq!(stage.clr.unload_app_domain(group, true), HResult::S_OK);
    until("it has ended", || stubborn.is_done());
    assert_eq!(stage.policies(), ["default AppDomainUnload RudeUnloadAppDomain"]);
}

#[test]
fn a_failure_unloads_the_group_of_its_task_and_throws_where_there_is_none() {
    let stage = Stage::new();
    let policies = stage.clr.policy_manager();
    let unload = PolicyAction::UnloadAppDomain.number();
    for failure in [ClrFailure::NonCriticalResource, ClrFailure::OrphanedLock] {
        assert_eq!(policies.set_action_on_failure(failure.number(), unload), HResult::S_OK);
    }
    let (memory, lock) = (stage.group(), stage.group());
    let beside = stage.task_in(memory, |_| for_ever());
    let clr = stage.clr.clone();
    let fails = stage.task_in(memory, move |_| {
        let failed = clr.report_failure(ClrFailure::NonCriticalResource);
        unreachable!("it was unwound: {failed:?}");
    });
    until("both have ended", || beside.is_done() && fails.is_done());
    assert_eq!(stage.policies(), ["failure NonCriticalResource UnloadAppDomain"]);

    // A task that ends with a lock, in the group that it was made in.
    let (host, clr) = (stage.host.clone(), stage.clr.task_manager());
    let beside = stage.task_in(lock, move |_| {
        let crst = host.sync_manager().create_crst().unwrap();
        let owner = host.task_manager().create_task(0, move || {
            assert!(clr.attach().is_ok());
            assert_eq!(crst.enter(WaitOption::NONE), HResult::S_OK);
            0
        });
        assert_eq!(owner.unwrap().start(), HResult::S_OK);
        for_ever();
    });
    until("the other has ended", || beside.is_done());
    assert_eq!(stage.policies(), ["failure OrphanedLock UnloadAppDomain"]);

    // In the group that is there from the start on.
    let failed = stage.clr.report_failure(ClrFailure::NonCriticalResource);
    assert_eq!(failed, Ok(PolicyAction::ThrowException));
    assert_eq!(stage.policies(), ["failure NonCriticalResource ThrowException"]);
}

#[test]
fn in_the_first_group_an_abort_that_would_unload_it_is_one_of_the_task() {
    let stage = Stage::new();
    let (abort, unload) = (ClrOperation::ThreadAbort, PolicyAction::RudeUnloadAppDomain);
    let set = stage.clr.policy_manager().set_default_action(abort.number(), unload.number());
    assert_eq!(set, HResult::S_OK);
    let (begun, beside) = (Arc::new(Event::manual()), stage.task(|_| for_ever()));
    let begins = begun.clone();
    let task = stage.task(move |half| {
        assert_eq!(half.begin_clause(), HResult::S_OK);
        begins.set();
        for_ever();
    });
    begun.wait();
    assert_eq!(task.clr_task().unwrap().abort(), HResult::S_OK);
    until("it has ended", || task.is_done());
    assert_eq!(stage.policies(), ["default ThreadAbort RudeAbortThread"]);
    assert!(!beside.is_done());
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
