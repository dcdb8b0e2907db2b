//! Aborts, the regions that hold them back, policies and their escalation: S-71 to S-82; and of others those that
//! are about a host with policies: S-01 and S-66.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, ClrFailure, ClrOperation, HResult, HostPolicyManager,
    INFINITE, PolicyAction, RuntimeTask, WaitOption,
};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(1, "each manager is asked for once, before the start", s01, setup: bare),
    scenario!(66, "an owner that has ended", s66, setup: told),
    scenario!(71, "an abort ends an alertable wait", s71),
    scenario!(72, "an abort does not go into native code", s72),
    scenario!(74, "a region delays aborts, of which the rudest counts", s74),
    scenario!(76, "a region prevents others' aborts", s76),
    scenario!(77, "who holds a lock is aborted rudely only", s77, setup: told),
    scenario!(78, "what policies allow", s78),
    scenario!(79, "an abort that takes too long becomes rude", s79, setup: told),
    scenario!(80, "a failure disables the runtime", s80, setup: told),
];

/// A host that wants to be told of what policies do.
struct Told;

impl HostPolicyManager for Told {}

fn told() -> Setup {
    Setup { host: |host| host.policies(Arc::new(Told)), ..Setup::new() }
}

fn bare() -> Setup {
    Setup { bare: true, ..told() }
}

/// Where a task and the scenario meet: the task's half, how far it is, and whether it may go on.
#[derive(Clone, Default)]
struct Meeting(Arc<(Mutex<Option<RuntimeTask>>, AtomicU32, AtomicBool)>);

impl Meeting {
    /// The task has come so far. Waits until it may go on; its own aborts may come meanwhile.
    fn come(&self, half: &RuntimeTask, step: u32, wait: fn()) {
        let (place, steps, goes_on) = &*self.0;
        *place.lock().unwrap() = Some(half.clone());
        goes_on.store(false, SeqCst);
        steps.store(step, SeqCst);
        while !goes_on.load(SeqCst) {
            wait();
        }
    }

    /// The half of the task that has come so far.
    fn half(&self, step: u32) -> RuntimeTask {
        let (place, steps, _) = &*self.0;
        until("the task has come so far", || steps.load(SeqCst) == step);
        place.lock().unwrap().clone().expect("it was put there")
    }

    fn go_on(&self) {
        self.0.2.store(true, SeqCst);
    }
}

/// A destructor that takes an hour, unless it is cut short.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        sortie::sleep(Duration::from_secs(3600));
    }
}

fn s01(stage: &Stage) {
    let _ = stage.clr.set_host_control(Some(Arc::new(stage.host.clone())));
    let _ = stage.clr.start();
}

fn s66(stage: &Stage) {
    let clr = stage.clr.task_manager();
    let crst = stage.host.sync_manager().create_crst().expect("a critical section");
    let (owned, is_owned) = (crst.clone(), Arc::new(AtomicBool::new(false)));
    let (owns, ends) = (is_owned.clone(), Arc::new(Event::manual()));
    let may_end = ends.clone();
    stage.task("A", move || {
        let _half = clr.attach().expect("a half");
        let _ = owned.enter(WaitOption::NONE);
        owns.store(true, SeqCst);
        ends.wait();
    });
    until("A owns it", || is_owned.load(SeqCst));
    let task = stage.task("B", move || {
        let _ = crst.enter(WaitOption::NONE);
        // Who comes later, too.
        let _ = crst.enter(WaitOption::NONE);
    });
    until("B waits", || task.is_waiting());
    may_end.set();
    stage.wait();
}

/// A handler: it notes that it runs, once it may.
struct Handler(Arc<crate::trace::Trace>, Arc<Event>);

impl Drop for Handler {
    fn drop(&mut self) {
        self.1.wait();
        self.0.note(crate::stage::current(), "the handler runs");
    }
}

fn s71(stage: &Stage) {
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    let may_run = Arc::new(Event::manual());
    let (trace, waits) = (stage.trace.clone(), may_run.clone());
    let task = stage.task("A", move || {
        let _half = clr.attach().expect("a half");
        let _handler = Handler(trace, waits);
        let _ = tasks.sleep(INFINITE, WaitOption::ALERTABLE);
        unreachable!("it was aborted");
    });
    until("the task waits", || task.is_waiting());
    let _ = task.clr_task().expect("a half").abort();
    // The abort has returned, and no handler has run.
    may_run.set();
    let joined = task.clone();
    stage.run("B", move || {
        let _ = joined.join(INFINITE, WaitOption::NONE);
    });
}

fn s77(stage: &Stage) {
    let (clr, sync) = (stage.clr.task_manager(), stage.host.sync_manager());
    let meeting = Meeting::default();
    let with = meeting.clone();
    let task = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        let crst = sync.create_crst().expect("a critical section");
        let _ = crst.enter(WaitOption::NONE);
        let _ = crst.enter(WaitOption::NONE);
        assert_eq!(half.locks_held(), Ok(2));
        with.come(&half, 1, sortie::yield_now);
        sortie::yield_now();
        with.come(&half, 2, sortie::yield_now);
        unreachable!("nobody lets it go on");
    });
    let _ = meeting.half(1).abort();
    meeting.go_on();
    let _ = meeting.half(2).rude_abort();
    until("the task has ended", || task.is_done());
}

fn s72(stage: &Stage) {
    let (tasks, clr, target) = (stage.tasks.clone(), stage.clr.task_manager(), stage.target("f"));
    let meeting = Meeting::default();
    let with = meeting.clone();
    let task = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        let _ = tasks.leave_runtime(target);
        // Native code.
        with.come(&half, 1, std::thread::yield_now);
        let _ = tasks.enter_runtime();
        unreachable!("it was aborted");
    });
    let _ = meeting.half(1).abort();
    meeting.go_on();
    until("the task has ended", || task.is_done());
}

fn s74(stage: &Stage) {
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    let meeting = Meeting::default();
    let with = meeting.clone();
    let task = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        let _slow = Slow;
        let _ = tasks.begin_delay_abort();
        with.come(&half, 1, sortie::yield_now);
        let _ = tasks.end_delay_abort();
        unreachable!("it was aborted");
    });
    let half = meeting.half(1);
    let _ = half.abort();
    let _ = half.rude_abort();
    meeting.go_on();
    until("the task has ended", || task.is_done());
}

fn s76(stage: &Stage) {
    let clr = stage.clr.task_manager();
    let meeting = Meeting::default();
    let with = meeting.clone();
    let task = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        let _ = half.begin_prevent_async_abort();
        let _ = half.begin_prevent_async_abort();
        with.come(&half, 1, sortie::yield_now);
        let _ = half.end_prevent_async_abort();
        sortie::yield_now();
        let _ = half.end_prevent_async_abort();
        unreachable!("it was aborted");
    });
    let half = meeting.half(1);
    let _ = half.begin_prevent_async_abort();
    let _ = half.rude_abort();
    meeting.go_on();
    until("the task has ended", || task.is_done());

    // Its own is not prevented.
    let clr = stage.clr.task_manager();
    stage.run("B", move || {
        let half = clr.attach().expect("a half");
        let _ = half.begin_prevent_async_abort();
        let _ = half.abort();
        unreachable!("it was aborted");
    });
    // An end too many.
    let clr = stage.clr.task_manager();
    stage.run("C", move || {
        let _ = clr.attach().expect("a half").end_prevent_async_abort();
    });
}

fn s78(stage: &Stage) {
    let policies = stage.clr.policy_manager();
    for operation in 0..8 {
        for action in 0..11 {
            let _ = policies.set_default_action(operation, action);
        }
        for action in 0..11 {
            let _ = policies.set_action_on_timeout(operation, action);
        }
        let _ = policies.set_timeout(operation, 1000);
    }
    for failure in 0..8 {
        for action in 0..11 {
            let _ = policies.set_action_on_failure(failure, action);
        }
    }
    let _ = policies.set_timeout_and_action(0, 50, 3);
    let _ = policies.set_timeout_and_action(0, 60, 1);
    let (milliseconds, action) = policies.timeout(ClrOperation::ThreadAbort);
    assert_eq!((milliseconds, action), (50, PolicyAction::RudeAbortThread));
    let _ = policies.set_timeout_and_action(4, 60, 5);
    let _ = policies.set_timeout_and_action(7, 60, 5);
    for policy in 0..3 {
        let _ = policies.set_unhandled_exception_policy(policy);
    }
}

fn s79(stage: &Stage) {
    let _ = stage.clr.policy_manager().set_timeout_and_action(0, 50, 3);
    let clr = stage.clr.task_manager();
    let meeting = Meeting::default();
    let with = meeting.clone();
    let task = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        let _ = half.begin_clause();
        with.come(&half, 1, sortie::task::checkpoint);
        unreachable!("nobody lets it go on");
    });
    let half = meeting.half(1);
    let begun = Instant::now();
    let _ = half.abort();
    until("the task has ended", || task.is_done());
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

/// Says that it was told.
struct Listens(Arc<crate::trace::Trace>, &'static str);

impl ActionOnClrEvent for Listens {
    fn on_event(&self, event: ClrEvent, data: ClrEventData) -> HResult {
        self.0.note(None, format!("{} told of {event:?} {data:?}", self.1));
        HResult::S_OK
    }
}

fn s80(stage: &Stage) {
    let (policies, events) = (stage.clr.policy_manager(), stage.clr.on_event_manager());
    let _ = policies.set_action_on_failure(2, 9);
    let listens =
        |name| -> Arc<dyn ActionOnClrEvent> { Arc::new(Listens(stage.trace.clone(), name)) };
    let gone = listens("gone");
    let _ = events.register_action_on_event(ClrEvent::ClrDisabled, listens("one"));
    let _ = events.register_action_on_event(ClrEvent::ClrDisabled, gone.clone());
    let _ = events.unregister_action_on_event(ClrEvent::ClrDisabled, &gone);
    let _ = events.unregister_action_on_event(ClrEvent::ClrDisabled, &gone);

    // Native code, which goes on.
    let (counted, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counts, ends) = (counted.clone(), is_over.clone());
    let native = std::thread::spawn(move || {
        while !ends.load(SeqCst) {
            counts.fetch_add(1, SeqCst);
            std::thread::yield_now();
        }
    });
    let failed = stage.clr.report_failure(ClrFailure::FatalRuntime);
    assert_eq!(failed, Err(HResult::E_FAIL));
    let before = counted.load(SeqCst);
    until("native code goes on", || counted.load(SeqCst) > before);
    is_over.store(true, SeqCst);
    native.join().expect("it does not panic");

    let again = stage.clr.report_failure(ClrFailure::FatalRuntime);
    assert_eq!(again, Err(HResult::HOST_E_CLRNOTAVAILABLE));
    let _ = stage.clr.start();
    let _ = stage.tasks.get_current_task();
    let _ = stage.tasks.create_task(0, || 0);
    let _ = stage.tasks.call_needs_host_hook(0);
    let _ = stage.tasks.leave_runtime(0);
    let _ = stage.tasks.enter_runtime();
    let _ = stage.tasks.reverse_enter_runtime();
    let _ = stage.tasks.reverse_leave_runtime();
    let _ = stage.clr.task_manager().get_current_task();
    let _ = policies.set_action_on_failure(2, 9);
    let _ = events.register_action_on_event(ClrEvent::ClrDisabled, gone);
}
