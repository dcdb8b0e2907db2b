//! Which host task this thread carries.
//!
//! It is kept with what the crate knows of the task, beside its layers: there is no second current task that could
//! differ.

use super::host_task::HostTask;
use super::shared::TaskShared;
use crate::hosting::HResult;
use crate::hosting::host::HostShared;
use crate::task::local::{self, Local};
use sortie_scheduler::wait::{Owner, tell_of_switches, wait_while_held};
use sortie_scheduler::{YieldWatcher, watch_yield_requests};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The host task of this thread, of whatever host.
pub(in crate::hosting) fn get() -> Option<HostTask> {
    local::with(|local| of(local).map(HostTask::new)).flatten()
}

/// Its number.
pub(in crate::hosting) fn id() -> Option<u64> {
    local::with(|local| of(local).map(|task| task.id)).flatten()
}

/// Runs `f` on the host task of this thread, if it is this host's.
///
/// # Errors
/// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): this thread carries none.
#[inline]
pub(in crate::hosting) fn with<R>(
    host: &HostShared,
    f: impl FnOnce(&TaskShared) -> R,
) -> Result<R, HResult> {
    let found = local::with(|local| {
        let extension: &dyn Any = &**local.extension().get()?;
        let task = extension.downcast_ref::<TaskShared>()?;
        std::ptr::eq(Arc::as_ptr(&task.host), host).then(|| f(task))
    });
    found.flatten().ok_or(HResult::HOST_E_NOT_OWNER)
}

/// From here on the crate's task that this thread carries is this host task. False: it is another already, or this
/// thread carries none.
pub(super) fn set(task: &Arc<TaskShared>) -> bool {
    let is_set = local::with(|local| {
        local.layers(|layers| task.host.set_up_layers(layers));
        local.note_fp_env_of_thread();
        local.extension().set(task.clone()).is_ok()
    })
    .unwrap_or(false);
    let is_told = is_set && tell_of_switches(true);
    if is_told {
        // ORDERING: Relaxed, an address that is only compared; who finds it looks again.
        task.as_owner.store(Owner::current().get(), Ordering::Relaxed);
        // Only a task in managed code does.
        wait_while_held();
        let task: Arc<dyn YieldWatcher> = task.clone();
        watch_yield_requests(Arc::downgrade(&task));
    }
    is_told
}

fn of(local: &Local) -> Option<Arc<TaskShared>> {
    let extension: Arc<dyn Any + Send + Sync> = local.extension().get()?.clone();
    extension.downcast().ok()
}
