//! Requests to a task to let others run: who makes them, and who is told.
//!
//! The monitor makes one where a task runs for long while others wait (`monitor/runaway.rs`), or somebody else by the task's
//! [`AbortHandle`](crate::task::abort::AbortHandle). It is a flag of the carrier's, which the task sees at its next checkpoint. The request is settled
//! there, and by whatever ends the turn before; the next task on the carrier finds none.
//!
//! Code that comes by no checkpoint of ours, because it has safepoints of its own, is reached by its embedder, which is told.
//!
//! Must not: call the embedder with a lock held, or keep a task for it.

use crate::carrier::{Carrier, CarrierRef};
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::wait;
use std::sync::Weak;

/// Who is told of requests to one task to let others run.
pub trait YieldWatcher: Send + Sync {
    /// The runtime has asked the task, which has run for long while others wait. On the monitor's thread: does not wait, and
    /// does not unwind.
    fn asked(&self);

    /// The task has come by a checkpoint, and a request is settled. `has_yielded`: it has let others run, who were ready.
    /// On the task. Does not wait, and does not unwind.
    fn settled(&self, has_yielded: bool);
}

/// From here on this one is told of requests to the current task to let others run. False: no task runs here, or it has
/// one.
pub fn watch_yield_requests(watcher: Weak<dyn YieldWatcher>) -> bool {
    let Some((_, task)) = wait::kept_task() else { return false };
    // ORDERING: Relaxed, it only spares the monitor a look at tasks that have none.
    task.shared.has_yield_watchers.store(true, Ordering::Relaxed);
    task.own_rare().yield_watcher.set(watcher).is_ok()
}

/// If somebody has asked the current task to let others run, that is settled.
pub fn forget_yield_request() {
    if let Some((carrier, _)) = wait::managed() {
        carrier.forget_yield_request();
    }
}

/// Tells who watches the current task's requests that one is settled.
pub(crate) fn tell_settled(has_yielded: bool) {
    let watcher = wait::managed().and_then(|(_, task)| watcher(task));
    if let Some(watcher) = watcher.and_then(|watcher| watcher.upgrade()) {
        watcher.settled(has_yielded);
    }
}

fn watcher(task: &Header) -> Option<Weak<dyn YieldWatcher>> {
    task.rare()?.yield_watcher.get().cloned()
}

impl Carrier {
    /// The task here is asked to let others run. False: it is already.
    pub(crate) fn request_yield(&self) -> bool {
        // ORDERING: Relaxed, the flag publishes nothing. If the task has just switched, the next one yields
        // once for nothing.
        !self.yield_flag.swap(true, Ordering::Relaxed)
    }

    /// What was asked is settled. On the carrier's own thread.
    pub(crate) fn forget_yield_request(&self) {
        // ORDERING: Relaxed, the flag publishes nothing.
        self.yield_flag.store(false, Ordering::Relaxed);
    }
}

impl Shared {
    /// The carrier that runs this task asks it to let others run. False: none does, or the task is in native code.
    pub(crate) fn ask_to_yield(&self, task: &Header) -> bool {
        let runs = |carrier: &CarrierRef| {
            std::ptr::eq(carrier.seen_current(), task) && carrier.word.load().is_run()
        };
        let carrier = self.arena.all().into_iter().find(runs);
        if let Some(carrier) = &carrier {
            let _ = carrier.request_yield();
        }
        carrier.is_some()
    }

    /// The monitor has asked the task on this carrier.
    pub(crate) fn tell_asked(&self, carrier: &Carrier) {
        // ORDERING: Relaxed, as in `watch_yield_requests`: a task that has just got one is asked again if it goes on so.
        if !self.has_yield_watchers.load(Ordering::Relaxed) {
            return;
        }
        let mut found = None;
        self.look_at_tasks([carrier], |_, task| found = watcher(task));
        if let Some(watcher) = found.and_then(|watcher| watcher.upgrade()) {
            watcher.asked();
        }
    }
}
