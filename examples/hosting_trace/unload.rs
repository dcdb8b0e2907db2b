//! The host ends a plugin: an abort that escalates to a rude one, and to the unload of the plugin's group.
//!
//! One of the plugin's tasks is in a clause that is to be run to its end, and there in a native call that has not come back.
//! The clause holds the abort back; the rude abort, which goes through clauses, does not go into native code; so time runs out
//! twice, and the group is unloaded. Its other task ends at once, and that one when its call returns.

use crate::{read_one, until_done};
use sortie::hosting::{
    ActionOnClrEvent, ClrEvent, ClrEventData, ClrOperation, ClrRuntimeHost, HResult, Host,
    HostPolicyManager, HostTask, INFINITE, Left, PolicyAction, RuntimeTask, WaitOption,
};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// How long an abort may take, and a rude one, in milliseconds.
const LIMIT_MS: u32 = 20;

/// The host's policies. What they do its observer is told.
pub(crate) struct Policies;

impl HostPolicyManager for Policies {}

/// Passes on that a group was unloaded.
struct Unloaded(Sender<ClrEventData>);

impl ActionOnClrEvent for Unloaded {
    fn on_event(&self, _: ClrEvent, data: ClrEventData) -> HResult {
        // Nobody waits any more for one that was told of twice.
        let _ = self.0.send(data);
        HResult::S_OK
    }
}

/// An abort takes so long at most, and then becomes rude; and a rude one leads to the unload of the group.
fn set_policies(clr: &ClrRuntimeHost) -> Result<(), HResult> {
    let ladder = [
        (ClrOperation::ThreadAbort, PolicyAction::RudeAbortThread),
        (ClrOperation::ThreadRudeAbortInCriticalRegion, PolicyAction::UnloadAppDomain),
    ];
    for (operation, action) in ladder {
        let policies = clr.policy_manager();
        policies.set_timeout_and_action(operation.number(), LIMIT_MS, action.number()).ok()?;
    }
    Ok(())
}

/// Starts a task in the group, and waits until it is there.
fn start(
    host: &Host,
    clr: &ClrRuntimeHost,
    group: u32,
    body: impl FnOnce(&RuntimeTask) + Send + 'static,
) -> Result<HostTask, Box<dyn Error>> {
    let (clr, (sender, begun)) = (clr.clone(), channel());
    let task = host.task_manager().create_task(0, move || {
        let half = clr.task_manager().attach().expect("a half");
        let _group = clr.enter_app_domain(group).expect("it is there");
        sender.send(()).expect("somebody waits");
        body(&half);
        0
    })?;
    task.start().ok()?;
    begun.recv()?;
    Ok(task)
}

/// The run. Which group was unloaded.
pub(crate) fn play(host: &Host, clr: &ClrRuntimeHost) -> Result<String, Box<dyn Error>> {
    set_policies(clr)?;
    let (sender, events) = channel();
    let events_manager = clr.on_event_manager();
    let told = Arc::new(Unloaded(sender));
    events_manager.register_action_on_event(ClrEvent::DomainUnload, told).ok()?;
    let plugin = clr.create_app_domain()?;

    let (reader, mut writer) = std::io::pipe()?;
    let (sender, is_out) = channel();
    let native = host.task_manager();
    let stubborn = start(host, clr, plugin, move |half| {
        half.begin_clause().ok().expect("its own");
        let left = Left::new(&native, libc::read as *const () as usize).expect("managed code");
        sender.send(()).expect("somebody waits");
        read_one(&reader);
        drop(left);
        unreachable!("it was aborted");
    })?;
    is_out.recv()?;
    let waits = host.task_manager();
    let beside = start(host, clr, plugin, move |_| {
        let slept = waits.sleep(INFINITE, WaitOption::ALERTABLE);
        unreachable!("it was aborted: {slept}");
    })?;

    stubborn.clr_task().expect("a half").abort().ok()?;
    until_done(&beside);
    writer.write_all(b"!")?;
    let unloaded = events.recv()?;
    until_done(&stubborn);
    match unloaded {
        ClrEventData::Group(id) if id == plugin => Ok(format!("group {id} was unloaded")),
        other => Err(format!("group {plugin} was unloaded, and told was {other:?}").into()),
    }
}
