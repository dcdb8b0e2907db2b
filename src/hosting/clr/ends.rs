//! How a runtime's half ends: with its task, or for another task that it is kept for.

use super::RuntimeTask;
use super::task::Phase;
use super::vm_calls::guarded;
use crate::hosting::HResult;
use crate::hosting::method::clr_task;
use crate::hosting::task::{Origin, current};
use crate::task;
use sortie_scheduler::abort;
use std::sync::Weak;
use std::sync::atomic::Ordering;

impl RuntimeTask {
    /// The runtime's half ends, in good order, as its task does.
    ///
    /// Returns [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if it is not current; what the VM returns;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), and it has ended all the same.
    pub fn exit_task(&self) -> HResult {
        self.shared.clr.call(clr_task::EXIT_TASK, format_args!(""), || {
            if !self.is_current() {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            *self.phase() = Phase::Dead;
            self.has_yielded();
            let result = guarded(|| self.shared.vm.exit_task());
            self.shared.clr.availability.check().err().unwrap_or(result)
        })
    }

    /// The thread that was adopted has ended.
    pub(in crate::hosting) fn exit_at_the_end(&self) {
        if std::mem::replace(&mut *self.phase(), Phase::Dead) == Phase::In {
            let _ = self.shared.clr.call(clr_task::EXIT_TASK, format_args!(""), || {
                guarded(|| self.shared.vm.exit_task())
            });
        }
    }

    /// Frees the half for another task: it is unbound, and switched out. `full`: the VM forgets its statics and
    /// counters, too. The runtime uses it for the next thread that is adopted. Brackets of thread affinity, and regions
    /// that hold aborts back, which it has left open on this thread are closed.
    ///
    /// Returns [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if it is not current, its task is one that the runtime has made
    /// itself, or there is managed code on its stack; what the VM returns;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn reset(&self, full: bool) -> HResult {
        self.shared.clr.call(clr_task::RESET, format_args!("{full}"), || {
            if let Err(error) = self.shared.clr.availability.check() {
                return error;
            }
            let Some(task) = current::get().filter(|_| self.is_current()) else {
                return HResult::E_UNEXPECTED;
            };
            if task.shared().origin == Origin::Made || crate::transition::layers().len() > 1 {
                return HResult::E_UNEXPECTED;
            }
            let result = guarded(|| self.shared.vm.reset(full));
            if result.is_failure() {
                return result;
            }
            *self.phase() = Phase::Unbound;
            self.has_yielded();
            *self.host_link() = Weak::new();
            // ORDERING: Relaxed, as in `begin_watch`.
            self.shared.watched.store(0, Ordering::Relaxed);
            // ORDERING: Relaxed, numbers that stand for themselves.
            self.shared.identifier.store(0, Ordering::Relaxed);
            // ORDERING: Relaxed, as above.
            self.shared.types.store(0, Ordering::Relaxed);
            task.shared().attributes.reset();
            let _ = task.shared().bind(None);
            task.shared().host.keep(self.clone());
            // The last: an abort that waited is raised by it.
            close_regions(task.shared().held.count());
            HResult::S_OK
        })
    }
}

/// What a half that is reset has left open on its thread is closed, and the brackets of thread affinity are reported. `held`:
/// so many critical sections the host's task holds still, and each of them is a region.
fn close_regions(held: usize) {
    while abort::end_prevent() {}
    while abort::end_complete() {}
    let _ = task::end_delay_abort();
    while abort::end_critical() {}
    for _ in 0..held {
        abort::begin_critical();
    }
    let open = std::iter::repeat_with(task::end_thread_affinity).take_while(Result::is_ok).count();
    if open > 0 {
        tracing::warn!(
            target: "sortie::task",
            open,
            "a runtime's half was reset with brackets of thread affinity open"
        );
    }
}
