//! May a task be switched away, and is the embedder told of it?
//!
//! The answers lie in one word of the task's header, so that the looks which decide a switch are one: how many native
//! layers keep their thread, and beside that count the marks of those few tasks for which there is more to it.
//!
//! Must not: hold anything of the thread while the embedder is told, or tell it of what it does meanwhile.

use super::kept_task;
use crate::task::Header;

/// Beside the count in [`Callbacks::blocking`](crate::task::callbacks::Callbacks::blocking): the embedder is told when the task is switched away, and when it goes
/// on. There, because the looks that decide a switch find it without one of their own.
const TOLD: u32 = 1 << 31;

/// Beside it, too: the embedder is asked whether a wait is over ([`ask_whether_over`]).
const ASKED: u32 = 1 << 30;

/// And: the task is never switched away.
const UNSWITCHED: u32 = 1 << 29;

/// All that lies beside the count.
pub(crate) const MARKS: u32 = TOLD | ASKED | UNSWITCHED;

/// May this task's fiber be switched away?
#[inline(always)]
pub(crate) fn is_switchable(task: &Header) -> bool {
    task.callbacks.blocking() & !(TOLD | ASKED) == 0
        && task.inside().is_some()
        && !std::thread::panicking()
}

/// Is the embedder told of the task's switches?
#[inline(always)]
pub(crate) fn is_told(task: &Header) -> bool {
    task.callbacks.blocking() & TOLD != 0
}

/// From here on the embedder is told when the current task is switched away and when it goes on
/// ([`Embedder::switched_out`](crate::Embedder::switched_out)), or no longer. False: no task runs here.
///
/// Such tasks are those that a hold concerns ([`Scheduler::begin_hold`](crate::Scheduler::begin_hold)); one may be under way
/// ([`wait_while_held`](super::wait_while_held)).
pub fn tell_of_switches(told: bool) -> bool {
    if let Some((_, task)) = kept_task() {
        task.set_can_be_held(told);
    }
    mark(TOLD, told)
}

/// From here on the current task is never switched away: it waits in place. Not taken back.
pub(crate) fn keep_unswitched(task: &Header) {
    task.callbacks.set_blocking(task.callbacks.blocking() | UNSWITCHED);
}

/// From here on, or no longer, waits of the current task that have a limit ask the embedder after each pause whether they
/// are over ([`Embedder::is_wait_over`](crate::Embedder::is_wait_over)), and end then as if their time had come.
/// Who makes them so wakes the task by its [`Nudge`](super::Nudge). False: no task runs here.
pub fn ask_whether_over(asked: bool) -> bool {
    mark(ASKED, asked)
}

fn mark(mark: u32, on: bool) -> bool {
    let Some((_, task)) = kept_task() else { return false };
    let others = task.callbacks.blocking() & !mark;
    task.callbacks.set_blocking(if on { others | mark } else { others });
    true
}

/// Does the embedder say that the current task's wait is over?
#[inline(never)]
pub(super) fn is_said_to_be_over() -> bool {
    let Some((_, task)) = kept_task() else { return false };
    task.callbacks.blocking() & ASKED != 0
        && task
            .shared
            .config
            .embedder
            .as_ref()
            .is_some_and(|it| it.is_wait_over(task.embedder.get()))
}

/// [`is_switchable`], and the embedder, if it is to be told, agrees: it takes the switch for made from here on, so
/// [`switch_away`](super::switch_away) is to follow at once.
#[inline]
pub(crate) fn is_to_switch(task: &Header) -> bool {
    is_switchable(task) && (!is_told(task) || tell(task))
}

/// Tells the embedder that the task is about to be switched away. False: it cannot be, from now on.
#[cold]
#[inline(never)]
pub(super) fn tell(task: &Header) -> bool {
    let Some(embedder) = &task.shared.config.embedder else { return true };
    // What the embedder does meanwhile is no matter to be told of.
    task.callbacks.set_blocking(task.callbacks.blocking() & !TOLD);
    let agrees = embedder.switched_out(task.embedder.get());
    if agrees {
        task.callbacks.set_blocking(task.callbacks.blocking() | TOLD);
    } else {
        keep_unswitched(task);
    }
    agrees
}

/// The task goes on: the embedder is told.
#[cold]
#[inline(never)]
pub(super) fn tell_back(task: &Header) {
    if let Some(embedder) = &task.shared.config.embedder {
        task.callbacks.set_blocking(task.callbacks.blocking() & !TOLD);
        embedder.switched_in(task.embedder.get());
        task.callbacks.set_blocking(task.callbacks.blocking() | TOLD);
    }
}
