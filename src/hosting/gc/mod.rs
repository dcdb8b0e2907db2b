//! Collections: what a VM tells its host of them ([`HostGcManager`]), and how it stops its tasks for one
//! ([`RuntimeGcManager`], [`Suspension`], in `runtime.rs`).
//!
//! The world is stopped by a hold of the scheduler's ([`crate::Handle`] keeps it): from `SuspensionStarting` to
//! `SuspensionEnding` no task of the host's begins managed code but the one that called. Those in native code go on, and
//! wait where they come back; those that wait, wait on; those that run are to come to a safepoint.

mod runtime;

pub(super) use self::runtime::Limits;
pub use self::runtime::{RuntimeGcManager, Suspension};

use super::HResult;
use super::defect::Defect;
use super::host::HostShared;
use super::method::host_gc_manager;
use super::task::current;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which task stops the world, if it is a task.
#[derive(Debug, Default)]
pub(super) struct Suspender(AtomicU64);

impl Suspender {
    fn set(&self, task: u64) {
        // ORDERING: Relaxed, the task itself reads it at its end.
        self.0.store(task, Ordering::Relaxed);
    }

    /// A task ends. True: it has stopped the world, and nobody else would let it go on.
    pub(super) fn ends(&self, task: u64) -> bool {
        // ORDERING: Relaxed, as above.
        self.0.compare_exchange(task, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// `IHostGCManager`: what a VM tells its host of collections. Clones are the same manager.
///
/// A VM without means of its own to stop its tasks calls [`RuntimeGcManager::suspend`], which makes these calls.
#[derive(Clone, Debug)]
pub struct HostGcManager {
    host: Arc<HostShared>,
}

impl HostGcManager {
    pub(super) fn new(host: Arc<HostShared>) -> HostGcManager {
        HostGcManager { host }
    }

    /// The current task is about to wait until a collection is over: its worker may do what is not the VM's, and does so
    /// from the task's next wait on.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries no task;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn thread_is_blocking_for_suspension(&self) -> HResult {
        let host = &self.host;
        let method = host_gc_manager::THREAD_IS_BLOCKING_FOR_SUSPENSION;
        host.recorder.call(method, format_args!(""), || {
            host.check_available().and_then(|()| current::with(host, |_| ())).into()
        })
    }

    /// The current task, or this thread if it carries none, begins to stop the world. Until
    /// [`suspension_ending`](HostGcManager::suspension_ending) it is not switched away, and yields to nobody; a wait of its own
    /// is in place. Returns at once: [`is_suspended`](HostGcManager::is_suspended) says when the world stands.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the world is being
    /// stopped already; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn suspension_starting(&self) -> HResult {
        let host = &self.host;
        host.recorder.call(host_gc_manager::SUSPENSION_STARTING, format_args!(""), || {
            let begun = host.check_available().and_then(|()| {
                if host.defects.leaves_out(Defect::WorldNotStopped) {
                    return Ok(());
                }
                let begun = host.handle.begin_hold();
                if !begun {
                    return Err(HResult::HOST_E_INVALIDOPERATION);
                }
                let _ = current::with(host, |task| host.suspender.set(task.id));
                Ok(())
            });
            begun.into()
        })
    }

    /// Does no task of the host's run managed code but the one that stops the world? So it stays then. One look, for who
    /// stops the world.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.host.awaited.is_nobody_while(|| self.host.handle.is_held())
    }

    /// Is there a task that the VM waits for, and that is not running?
    fn waits_for_tasks(&self) -> bool {
        !self.host.awaited.is_nobody_while(|| true)
    }

    /// The world goes on, after a collection of this generation; [`INFINITE`](super::INFINITE) if it was stopped for
    /// another reason.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if the current task, or this thread,
    /// does not stop it; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it goes on all the same.
    pub fn suspension_ending(&self, generation: u32) -> HResult {
        let host = &self.host;
        let arguments = format_args!("{}", generation.cast_signed());
        host.recorder.call(host_gc_manager::SUSPENSION_ENDING, arguments, || {
            // Before the end: after it another may have begun.
            let _ = current::with(host, |task| host.suspender.ends(task.id));
            let ended = host.handle.end_hold();
            let ended = if ended { Ok(()) } else { Err(HResult::HOST_E_NOT_OWNER) };
            host.check_available().and(ended).into()
        })
    }
}
