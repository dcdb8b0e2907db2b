//! How tasks come into being, and how they end.
//!
//! Two ways lead into a host: a task is made, and started later ([`start`]); or a thread, or a task of the crate's,
//! that the host has not seen is adopted at its first call ([`adopt`]). Both are tasks of the crate's runtime, and the
//! host's half lies beside their layers.

use super::current;
use super::host_task::TaskShared;
use crate::hosting::HResult;
use crate::hosting::host::{Attach, HostShared, TaskMode};
use crate::task;
use std::sync::Arc;

/// What a task runs. Its value is the exit code.
pub(super) type Start = Box<dyn FnOnce() -> u32 + Send>;

/// Marks the task as ended, however its body ends, and if it never runs.
struct Ends(Arc<TaskShared>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A task that was suspended becomes ready.
pub(super) fn start(task: &Arc<TaskShared>, start: Start) -> HResult {
    let ends = Ends(task.clone());
    let handle = task.host.handle.clone();
    let name = format!("hosted {}", task.id);
    let spawned = task::Builder::new().name(name).spawn_on(&handle, move || run(ends, start));
    // A runtime that is shut down has ended it by now.
    let is_refused = spawned.is_finished() && handle.is_shut_down();
    drop(spawned);
    if is_refused { HResult::E_FAIL } else { HResult::S_OK }
}

/// A task, in its own frames.
fn run(ends: Ends, start: Start) {
    let task = &ends.0;
    if task.host.options.mode == TaskMode::ThreadPerTask {
        task::keep_thread();
    }
    current::set(task);
    start();
}

/// Sees to it that this thread carries a task of the host's: adopts it if it does not.
///
/// # Errors
/// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread, or it is another's.
/// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE): the runtime underneath was shut down.
pub(super) fn adopt(host: &Arc<HostShared>) -> Result<(), HResult> {
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
    let task = TaskShared::new(host.clone(), None);
    if current::set(&task) { Ok(()) } else { Err(HResult::HOST_E_INVALIDOPERATION) }
}
