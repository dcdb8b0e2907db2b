//! How soon a task gets its turn: the level that a VM asks for, and the hurry that it shows at a switch.

use super::HostTask;
use super::current;
use super::shared::TaskShared;
use crate::hosting::HResult;
use crate::hosting::defect::Defect;
use crate::hosting::method::host_task;
use crate::task::{self, AbortHandle, Priority};
use sortie_scheduler::YieldWatcher;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tasks that were switched out while the VM waits for them, and are not in again: they run managed code as soon as they
/// can. Two counts that only grow.
///
/// Who stops the world looks at them first, and then at the carriers. A task is counted before it leaves its carrier, and
/// counted as in again when it is on one. So if as many were in as out, and as many are out still after the look at the
/// carriers, that look has seen each of them that ran.
#[derive(Debug, Default)]
pub(in crate::hosting) struct Awaited {
    out: AtomicU64,
    back: AtomicU64,
}

impl Awaited {
    fn one_more(&self) {
        // ORDERING(hosting.awaited): SeqCst, before the task leaves its carrier; pairs with the looks below.
        self.out.fetch_add(1, Ordering::SeqCst);
    }

    fn one_less(&self) {
        // ORDERING(hosting.awaited): SeqCst, after the task has come to its carrier; pairs with the looks below.
        self.back.fetch_add(1, Ordering::SeqCst);
    }

    /// Is there none, and was there none while `others` was asked, which is true?
    pub(in crate::hosting) fn is_nobody_while(&self, others: impl FnOnce() -> bool) -> bool {
        // ORDERING(hosting.awaited): SeqCst, pairs with `one_less`: the carriers are looked at later.
        let back = self.back.load(Ordering::SeqCst);
        others()
            // ORDERING(hosting.awaited): SeqCst, pairs with `one_more`: the carriers were looked at before.
            && self.out.load(Ordering::SeqCst) == back
    }
}

impl HostTask {
    /// Asks for one of the seven levels by its number: -15, -2 to 2, 15. From any thread, also before the start; in force
    /// from the task's next turn on. Of turns levels have shares, and are no order: see [`Priority`]. Where tasks wait for an
    /// object of the host's they are one: a task that waits now stands among those of its new level, by when it came.
    ///
    /// A thread that was adopted has no turns of its own: only it can set its level, and another's request changes nothing.
    ///
    /// Returns [`S_OK`](HResult::S_OK), which does not say that the level has changed;
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for another number;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    ///
    /// ```
    /// use sortie::hosting::{ClrRuntimeHost, HResult, Host};
    /// # use std::sync::Arc;
    /// # let runtime = sortie::Runtime::new()?;
    /// # let host = Host::builder(&runtime.handle()).build();
    /// # let clr = ClrRuntimeHost::builder().build();
    /// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// # clr.start().ok()?;
    /// let task = host.task_manager().create_task(0, || 0)?;
    /// task.set_priority(2).ok()?;
    /// assert_eq!(task.get_priority(), Ok(2));
    /// assert_eq!(task.set_priority(3), HResult::E_INVALIDARG);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_priority(&self, level: i32) -> HResult {
        let task = self.shared();
        let arguments = format_args!("#{} {level}", task.id);
        task.host.recorder.call(host_task::SET_PRIORITY, arguments, || {
            if let Err(error) = task.host.check_available() {
                return error;
            }
            let Some(priority) = Priority::from_level(level) else {
                return HResult::E_INVALIDARG;
            };
            task.ask_for(priority);
            // Where it waits in line, it is to stand by its new level.
            task.host.waits.nudge(task.id);
            HResult::S_OK
        })
    }

    /// The level in force, by its number; 0 if nothing was asked for.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_priority(&self) -> Result<i32, HResult> {
        let task = self.shared();
        task.host.recorder.call(host_task::GET_PRIORITY, format_args!("#{}", task.id), || {
            task.host.check_available()?;
            Ok(task.attributes.priority().level())
        })
    }
}

impl YieldWatcher for TaskShared {
    fn asked(&self) {
        if let Some(half) = self.half() {
            half.ask_as_runaway();
        }
    }

    fn settled(&self, has_yielded: bool) {
        if let Some(half) = self.half() {
            half.has_yielded();
        }
        if has_yielded {
            // ORDERING: Relaxed, counts that stand for themselves.
            self.forced_yields.fetch_add(1, Ordering::Relaxed);
            self.host.count_forced_yield();
        }
    }
}

impl HostTask {
    /// How often the task has let others run only because it was asked to: by
    /// [`yield_task`](crate::hosting::RuntimeTask::yield_task), or by the monitor, after 10 ms of managed code without a scheduling
    /// point while others waited. From any thread.
    ///
    /// Each time it goes behind all that are ready, and then forgoes its turn for 10 ms while others are ready; for twice
    /// as long each further time, up to 80 ms, until it has let others run by itself.
    #[must_use]
    pub fn forced_yields(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.shared().forced_yields.load(Ordering::Relaxed)
    }
}

impl TaskShared {
    /// Is it asked to let others run at its next checkpoint? False: it runs no managed code now.
    pub(in crate::hosting) fn asks_to_yield(&self) -> bool {
        self.aborter().is_some_and(AbortHandle::ask_to_yield)
    }

    fn ask_for(&self, priority: Priority) {
        if self.is_made() {
            self.attributes.set_priority(priority, self.aborter());
        } else if current::id() == Some(self.id) && task::set_priority(priority) {
            self.attributes.set_priority(priority, None);
        }
    }

    /// The task was switched out: does the VM wait for it?
    pub(super) fn hurry_if_needed(&self) {
        if self.host.defects.leaves_out(Defect::HurryIgnored) {
            return;
        }
        if self.half().is_some_and(|half| half.needs_priority_scheduling().unwrap_or(false)) {
            self.host.awaited.one_more();
            self.attributes.hurry(self.aborter());
            // Nor does it pay now for a yield that it was made to.
            self.aborter().into_iter().for_each(AbortHandle::excuse);
        }
    }

    /// The task is switched in: while the world is stopped it waits, unless the VM waits for it.
    pub(super) fn wait_while_suspended(&self) {
        if self.attributes.calm(self.aborter()) {
            self.host.awaited.one_less();
        } else {
            sortie_scheduler::wait::wait_while_held();
        }
    }
}
