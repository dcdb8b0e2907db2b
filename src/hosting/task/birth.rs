//! How tasks come into being, and how they end.
//!
//! Two ways lead into a host: a task is made, and started later ([`start`]); or a thread, or a task of the crate's,
//! that the host has not seen is adopted at its first call ([`adopt`]). Both are tasks of the crate's runtime, and the
//! host's half lies beside their layers.
//!
//! A task ends when the crate's task does, or the thread that was adopted: its layers are closed then, and the
//! runtime's half has been told to exit before that, while it was still current.

use super::current;
use super::shared::{Origin, TaskShared};
use crate::hosting::HResult;
use crate::hosting::defect::Defect;
use crate::hosting::group::InGroups;
use crate::hosting::host::{Attach, HostShared, TaskMode};
use crate::task;
use std::sync::Arc;

/// What a task runs. Its value is the exit code.
pub(super) type Start = Box<dyn FnOnce() -> u32 + Send>;

/// A task that has not been started.
pub(super) struct Suspended {
    pub(super) start: Start,
    /// A stack of its own; `None`: it gets one as all do.
    pub(super) stack: Option<task::Stack>,
}

/// A task that has not run yet: if it never does, it has ended.
struct Unborn(Option<Arc<TaskShared>>);

impl Drop for Unborn {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.end();
        }
    }
}

/// A task of the host's own, ready from here on.
pub(in crate::hosting) fn start_task(
    host: &Arc<HostShared>,
    body: impl FnOnce() -> u32 + Send + 'static,
) -> HResult {
    let task = TaskShared::new(host.clone(), Origin::Made, None, InGroups::default());
    start(&task, Suspended { start: Box::new(body), stack: None })
}

/// A task that was suspended becomes ready.
pub(super) fn start(task: &Arc<TaskShared>, suspended: Suspended) -> HResult {
    let Suspended { start, stack } = suspended;
    let unborn = Unborn(Some(task.clone()));
    let handle = &task.host.handle;
    let name = format!("hosted {}", task.id);
    let builder = task::Builder::new().name(name).priority(task.attributes.priority());
    let body = move || run(unborn, start);
    let spawned = match stack {
        Some(stack) => builder.spawn_on_stack(stack, body),
        None => builder.spawn_on(handle, body),
    };
    task.set_aborter(spawned.abort_handle());
    // A runtime that is shut down has ended it by now.
    let is_refused = handle.is_shut_down() && spawned.is_finished();
    drop(spawned);
    if is_refused { HResult::E_FAIL } else { HResult::S_OK }
}

/// Tells the runtime's half that its task ends, however its body does.
struct Exits<'a>(&'a TaskShared);

impl Drop for Exits<'_> {
    fn drop(&mut self) {
        if self.0.host.defects.leaves_out(Defect::ExitTaskMissing) {
            return;
        }
        if let Some(half) = self.0.half() {
            // Not bound any more, or exited already: then there is nothing to tell.
            let _ = half.exit_task();
        }
    }
}

/// A task, in its own frames.
fn run(mut unborn: Unborn, start: Start) {
    let Some(task) = unborn.0.take() else { return };
    if task.host.options.mode == TaskMode::ThreadPerTask {
        task::keep_thread();
    }
    if !current::set(&task) {
        // Nothing of the crate's puts another there before a task's first frame.
        return task.end();
    }
    if task.enter_home().is_err() {
        // Its group was unloaded meanwhile: the task ends.
        return;
    }
    let _exits = Exits(&task);
    start();
}

/// Sees to it that this thread carries a task of the host's: adopts it if it does not.
///
/// # Errors
/// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread, or it is another's.
/// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE): the runtime underneath was shut down.
pub(in crate::hosting) fn adopt(host: &Arc<HostShared>) -> Result<(), HResult> {
    if current::with(host, |_| ()).is_ok() {
        return Ok(());
    }
    if host.options.attach == Attach::Deny || current::id().is_some() {
        return Err(HResult::HOST_E_INVALIDOPERATION);
    }
    host.handle.attach().map_err(|error| match HResult::from(error) {
        HResult::HOST_E_CLRNOTAVAILABLE => HResult::HOST_E_CLRNOTAVAILABLE,
        _ => HResult::HOST_E_INVALIDOPERATION,
    })?;
    let task = TaskShared::new(host.clone(), Origin::Adopted, None, InGroups::default());
    if current::set(&task) { Ok(()) } else { Err(HResult::HOST_E_INVALIDOPERATION) }
}
