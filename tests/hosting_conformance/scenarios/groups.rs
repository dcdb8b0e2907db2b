//! Groups that are made and unloaded: S-81. Its exit codes need processes: `tests/hosting_exits.rs`.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use crate::trace::{Entry, Event::Call, Trace};
use sortie::hosting::method::action_on_clr_event::ON_EVENT;
use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, HResult, HostPolicyManager, INFINITE, WaitOption,
};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(81, "a group is unloaded, and no other", s81, setup: told)];

/// A host that wants to be told of what policies do.
struct Told;

impl HostPolicyManager for Told {}

fn told() -> Setup {
    Setup { host: |host| host.policies(Arc::new(Told)), ..Setup::new() }
}

/// Notes that it was told.
struct Listens(Arc<Trace>);

impl ActionOnClrEvent for Listens {
    fn on_event(&self, event: ClrEvent, data: ClrEventData) -> HResult {
        self.0.note(None, format!("told of {event:?} {data:?}"));
        HResult::S_OK
    }
}

fn s81(stage: &Stage) {
    let listens = Arc::new(Listens(stage.trace.clone()));
    let events = stage.clr.on_event_manager();
    let _ = events.register_action_on_event(ClrEvent::DomainUnload, listens);
    let group = stage.clr.create_app_domain().expect("a group");
    let other = stage.clr.create_app_domain().expect("another group");
    let start = |name: &str, group: u32, body: Box<dyn FnOnce() + Send>| {
        let (clr, begun) = (stage.clr.clone(), Arc::new(AtomicBool::new(false)));
        let begins = begun.clone();
        let task = stage.task(name, move || {
            let _half = clr.task_manager().attach().expect("a half");
            let _group = clr.enter_app_domain(group).expect("it is there");
            let _ = clr.get_current_app_domain_id();
            begins.store(true, SeqCst);
            body();
            let _ = clr.get_current_app_domain_id();
        });
        until("the task has begun", || begun.load(SeqCst));
        task
    };

    // First who keeps its thread: nobody else is bound to that then.
    let (tasks, target) = (stage.tasks.clone(), stage.target("f"));
    let (returns, is_out) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (may_return, goes_out) = (returns.clone(), is_out.clone());
    let native = start(
        "C",
        group,
        Box::new(move || {
            let _ = tasks.leave_runtime(target);
            goes_out.store(true, SeqCst);
            while !may_return.load(SeqCst) {
                std::thread::yield_now();
            }
            let _ = tasks.enter_runtime();
        }),
    );
    until("C is in native code", || is_out.load(SeqCst));
    let runs = start(
        "A",
        group,
        Box::new(|| {
            loop {
                sortie::task::checkpoint()
            }
        }),
    );
    let tasks = stage.tasks.clone();
    let waits = start(
        "B",
        group,
        Box::new(move || {
            let _ = tasks.sleep(INFINITE, WaitOption::ALERTABLE);
        }),
    );
    until("B waits", || waits.is_waiting());
    let ends = Arc::new(Event::manual());
    let may_end = ends.clone();
    let undisturbed = start("D", other, Box::new(move || may_end.wait()));

    let _ = stage.clr.unload_app_domain(other + 1, false);
    let _ = stage.clr.unload_app_domain(1, false);
    let _ = stage.clr.unload_app_domain(group, false);
    until("the other two have ended", || runs.is_done() && waits.is_done());
    let is_told = || {
        let is_event =
            |entry: &Entry| matches!(entry.event, Call { method, .. } if method == ON_EVENT);
        stage.trace.entries().iter().any(is_event)
    };
    assert!(!native.is_done() && !is_told());
    returns.store(true, SeqCst);
    until("the unload was told of", is_told);
    until("the third has ended", || native.is_done());
    let _ = stage.clr.unload_app_domain(group, true);
    assert!(!undisturbed.is_done());
    ends.set();
    stage.wait();
}
