//! The end of a task: whom it is owed to, once its output or error is stored.

use super::header::{Header, Marks};
use super::join_error::Refusal;
use super::reference::TaskRef;
use super::state::Completion;
use crate::own_stack;
use crate::worker::succession::{self, End};
use std::ptr::NonNull;

/// Ends a task whose output or error is stored: wakes the joiner, or drops what nobody wants. Then it leaves
/// its sets, and from there on nothing is touched that its closure or output may have borrowed. The header may be gone after
/// this.
///
/// Never inlined: it is called in a generic function around user code, which may be switched.
#[inline(never)]
pub(super) fn complete(header: NonNull<Header>, panicked: bool) {
    // SAFETY: the caller owns the task, and with it the scheduler's reference.
    let task = unsafe { header.as_ref() };
    if task.is_private() {
        task.state.set_done_in_private();
        return;
    }
    if !task.marks.has(Marks::ON_TOP) {
        return complete_in_public(header, task, panicked);
    }
    let owes_nothing = task.state.load().owes_nothing() && task.sets().is_none();
    if owes_nothing && succession::succeed(End::Left) {
        return;
    }
    complete_in_public(header, task, panicked);
    // It may have been away: the destructor of an output may wait.
    if !owes_nothing && task.marks.has(Marks::ON_TOP) {
        succession::succeed(End::Done);
    }
}

/// [`complete`], where others may know the task.
#[inline(never)]
fn complete_in_public(header: NonNull<Header>, task: &Header, panicked: bool) {
    task.marks.set(Marks::LENT, false);
    let mut owed = task.state.transition_to_done(false);
    if owed == Completion::DropOutput {
        // SAFETY: the handle is gone, so the completer owns the output.
        unsafe { (task.vtable.drop_output)(header) };
        owed = task.state.transition_to_done(true);
    }
    if owed == Completion::WakeJoiner {
        // SAFETY: `JOINER` was set at the end, so the waker is the completer's.
        let joiner = unsafe { &mut *task.joiner.get() }.take();
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }
    if let Some(sets) = task.sets() {
        sets.leave(panicked);
    }
}

/// Ends a task that was never started.
pub(crate) fn refuse(task: TaskRef, refusal: Refusal) {
    own_stack::give_back_unused(&task);
    // SAFETY: the caller took the task from a queue or just made it: it owns the task.
    unsafe { (task.vtable.refuse)(task.as_raw(), refusal) };
}
