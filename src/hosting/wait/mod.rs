//! How a hosted task waits: for whatever object, a wait ends for one reason, and these are asked for in one order.
//!
//! | | asked for at the beginning and after each wake | result |
//! |---|---|---|
//! | 1 | what is waited for is there: it is consumed | `S_OK` |
//! | 2 | it is gone for good | `HOST_E_ABANDONED` |
//! | 3 | the wait was chosen to end a deadlock | `HOST_E_DEADLOCK` |
//! | 4 | the wait is alertable and there is an alert: it is consumed | `HOST_E_INTERRUPTED` |
//! | 5 | its time is over | `HOST_E_TIMEOUT` |
//!
//! A wait that does not end by the first has consumed nothing: that is what the lines of [`crate::sync`] promise of a
//! wait whose time is over, and here each other end is one of these ([`ask_whether_over`]).
//!
//! # No lost end
//!
//! Who waits writes itself into the host's list of waits, and looks at all five again after that. Who ends waits makes
//! one of 2 to 4 true first, and then looks into the list: whom it finds there it nudges.
//!
//! `list.rs` is that list, `endless.rs` those of all hosts, in which `deadlock.rs` looks for circles; `pump.rs` has messages
//! that a task handles while it waits.
//!
//! Must not: wait, or call the VM, with the list locked.

mod deadlock;
mod endless;
mod list;
mod pump;

pub(super) use deadlock::look_when_blocked;
pub(super) use list::{Object, Waits};
pub use pump::MessageQueue;

use super::HResult;
use super::defect::Defect;
use super::enums::{INFINITE, WaitOption};
use super::host::HostShared;
use super::task::{HostTask, adopt, current};
use list::Listed;
use sortie_scheduler::wait::{Owner, ask_whether_over, blocked_unreported, deadline};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why others have ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum End {
    Nobody = 0,
    Abandoned = 1,
    Deadlock = 2,
}

/// What a task keeps of its waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Somebody has alerted it, and no wait has taken that.
    alert: AtomicBool,
    /// The wait of now ends by an alert. Written by the task.
    is_alertable: AtomicBool,
    /// Who has ended the wait of now: an [`End`]. Written under the lock of the list.
    ended: AtomicU8,
    /// Whose messages are handled while it waits.
    messages: Mutex<Option<Arc<MessageQueue>>>,
    /// The wait of now handles messages. Written by the task.
    pumps: AtomicBool,
}

impl Waiting {
    /// An alert: it stays until a wait takes it.
    pub(super) fn alert(&self) {
        // ORDERING(hosting.alert): Release, pairs with the Acquire in `take_alert`. The list's lock orders it with the wait.
        self.alert.store(true, Ordering::Release);
    }

    /// Does the task wait so that an alert ends it?
    pub(super) fn waits_for_alerts(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.is_alertable.load(Ordering::Relaxed)
    }

    /// Takes the alert.
    pub(super) fn take_alert(&self) -> bool {
        // ORDERING(hosting.alert): Acquire, pairs with the Release in `alert`.
        self.alert.swap(false, Ordering::Acquire)
    }

    fn ended(&self) -> End {
        // ORDERING(hosting.ended): Acquire, pairs with the Release in `end`.
        match self.ended.load(Ordering::Acquire) {
            1 => End::Abandoned,
            2 => End::Deadlock,
            _ => End::Nobody,
        }
    }

    /// Others end the wait of now. The caller has the list locked, and found it there; nobody has ended it before.
    fn end(&self, why: End) {
        // ORDERING(hosting.ended): Release, pairs with the Acquire in `ended`.
        self.ended.store(why as u8, Ordering::Release);
    }

    /// Is the wait of now over, but for its object and its time?
    pub(super) fn is_over(&self) -> bool {
        // ORDERING: Relaxed, the task's own.
        let is_alertable = self.is_alertable.load(Ordering::Relaxed);
        // ORDERING: Relaxed, a look: who takes the alert orders it.
        is_alertable && self.alert.load(Ordering::Relaxed)
            || self.ended() != End::Nobody
            || self.has_messages()
    }

    /// Handles this queue's messages while it waits.
    pub(super) fn set_messages(&self, queue: Option<Arc<MessageQueue>>) {
        let before = std::mem::replace(
            &mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner),
            queue,
        );
        drop(before);
    }

    fn messages(&self) -> Option<Arc<MessageQueue>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_messages(&self) -> bool {
        // ORDERING: Relaxed, the task's own.
        self.pumps.load(Ordering::Relaxed) && self.messages().is_some_and(|queue| !queue.is_empty())
    }
}

/// What is waited for.
pub(super) trait Waitable {
    /// What the list of waits says of it.
    fn object(&self) -> Object;

    /// Takes it, if it is there. Does not wait.
    fn take(&self) -> bool;

    /// Waits until it is taken. False: the time came first.
    fn wait(&self, until: Instant) -> bool;

    /// Is it gone for good?
    fn is_gone(&self) -> bool {
        false
    }

    /// What a wait for it is called, and the word that names the one in whose hands its end is, if the crate knows that.
    fn owner(&self) -> Option<(&'static str, &AtomicUsize)> {
        None
    }
}

/// Runs `wait`, for a time or for ever. A wait without a limit is to be seen by
/// [`Runtime::deadlocks`](crate::Runtime::deadlocks), and by whoever looks for circles after it.
fn seen(awaited: &dyn Waitable, is_endless: bool, wait: impl FnOnce() -> bool) -> bool {
    if !is_endless {
        return wait();
    }
    let wait = || {
        // By itself it reports a circle of which it ends no wait.
        deadlock::look(Owner::current());
        wait()
    };
    match awaited.owner() {
        Some((what, owner)) => blocked_unreported(what, owner, wait),
        None => wait(),
    }
}

/// When a wait of so many milliseconds is over.
fn end_of(milliseconds: u32) -> Instant {
    deadline(match milliseconds {
        INFINITE => Duration::MAX,
        milliseconds => Duration::from_millis(milliseconds.into()),
    })
}

/// A wait of the current task. See the module.
pub(super) fn wait(
    host: &Arc<HostShared>,
    awaited: &dyn Waitable,
    milliseconds: u32,
    option: WaitOption,
) -> HResult {
    match begin(host) {
        Ok(task) => wait_as(host, &task, awaited, milliseconds, option),
        Err(error) => error,
    }
}

/// The task that waits. A thread that has none is adopted.
pub(super) fn begin(host: &Arc<HostShared>) -> Result<HostTask, HResult> {
    host.check_available()?;
    adopt(host)?;
    current::get().ok_or(HResult::HOST_E_INVALIDOPERATION)
}

fn wait_as(
    host: &Arc<HostShared>,
    task: &HostTask,
    awaited: &dyn Waitable,
    milliseconds: u32,
    option: WaitOption,
) -> HResult {
    let waiting = &task.shared().waiting;
    let is_alertable = option.contains(WaitOption::ALERTABLE);
    let until = end_of(milliseconds);
    loop {
        if is_alertable && host.defects.leaves_out(Defect::SignalLost) && waiting.take_alert() {
            let _lost = awaited.take();
            return HResult::HOST_E_INTERRUPTED;
        }
        if awaited.take() {
            return HResult::S_OK;
        }
        if awaited.is_gone() {
            return HResult::HOST_E_ABANDONED;
        }
        if is_alertable && waiting.take_alert() {
            // An abort was asked for before its alert, which may have come before the wait was begun.
            crate::task::checkpoint();
            return HResult::HOST_E_INTERRUPTED;
        }
        if Instant::now() >= until {
            return HResult::HOST_E_TIMEOUT;
        }
        let listed = Listed::new(host, task, awaited.object(), milliseconds == INFINITE, option);
        let is_taken = seen(awaited, milliseconds == INFINITE, || {
            let _asked = Asked::new();
            if waiting.is_over() || awaited.is_gone() {
                awaited.take()
            } else {
                awaited.wait(until)
            }
        });
        drop(listed);
        if is_taken {
            return HResult::S_OK;
        }
        match waiting.ended() {
            End::Abandoned => return HResult::HOST_E_ABANDONED,
            End::Deadlock => return HResult::HOST_E_DEADLOCK,
            End::Nobody => {}
        }
        if let Some(queue) = waiting.messages().filter(|_| waiting.has_messages()) {
            // An alert, or the end of the time, is found when they are handled.
            pump::handle(&queue);
        }
    }
}

/// The current task's waits ask whether they are over, while this lives.
struct Asked;

impl Asked {
    fn new() -> Asked {
        ask_whether_over(true);
        Asked
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        ask_whether_over(false);
    }
}
