//! A task's pause: it is switched away until somebody wakes it, or waits in place if it cannot be.
//!
//! Here aborts are raised: before the task is switched away, and when it goes on.
//!
//! Must not: keep a carrier or a worker over the switch. What follows it reads them anew.

use super::switchable::{tell, tell_back};
use super::{block_in_place, blocked, is_switchable, is_to_switch, is_told, managed};
use crate::fiber::{Inside, Reason};
use crate::task::Header;
use crate::task::abort::{self, Asked};
use crate::worker::current;
use crate::worker::pass::{Pass, pass_to_woken};
use std::time::Instant;
use tracing::level_filters::LevelFilter;

/// Traces a wait before it begins: once its waker is out, code of a subscriber that waits itself
/// would take the wake.
#[inline]
pub(crate) fn announce(task: &Header) {
    if LevelFilter::current() >= LevelFilter::TRACE {
        trace(task);
    }
}

/// Never inlined, so that no thread-local of a subscriber's is kept by a caller that is switched.
#[inline(never)]
fn trace(task: &Header) {
    tracing::trace!(
        target: "sortie::task",
        task = task.id.get(),
        in_place = !is_switchable(task),
        "suspend"
    );
}

/// May an abort be raised here?
pub(crate) fn may_unwind(task: &Header) -> bool {
    cfg!(panic = "unwind")
        && task.callbacks.open() == task.guarded_layers.get()
        && task.inside().is_some()
        && !std::thread::panicking()
}

/// Raises what somebody asked for, or the abort that the end of the runtime brings, if it may be raised
/// and no region holds it back.
#[inline]
pub(crate) fn raise_if_aborted(task: &Header) {
    if is_abort_wanted(task) {
        abort::raise_if_due(task);
    }
}

/// Did somebody ask the task to unwind, or does the end of the runtime?
#[inline]
pub(crate) fn is_abort_wanted(task: &Header) -> bool {
    task.state.load().is_asked_to_unwind() || task.shared.is_closing()
}

/// A pause of the current task, which has set a timer if it is to end at a time, unless it waits in place: then
/// it waits `until` then. Inlined, see [`switch_here`].
#[inline(always)]
pub(super) fn pause(until: Option<Instant>) {
    match before_pause(until, current::stack_pointer()) {
        Some((task, None)) => switch_here(task, Reason::Suspended),
        Some((task, Some(next))) => pass_here(task, Pass::To(next)),
        None => {}
    }
}

/// What comes before the switch of a pause: whether it is one to another task, to which the turn was passed. `None`: there
/// is none, the pause is over. `resting_place`: where the switch will be.
#[inline(never)]
fn before_pause(
    until: Option<Instant>,
    resting_place: usize,
) -> Option<(&'static Header, Option<Inside>)> {
    let (carrier, task) = managed()?;
    raise_if_aborted(task);
    if is_switchable(task) {
        if !is_told(task) {
            // SAFETY: this is the carrier's thread, the word says `RUN`, and the task has just been asked.
            return Some((task, unsafe { pass_to_woken(carrier, task, resting_place) }));
        }
        if tell(task) {
            switch_away(task, Reason::Suspended);
            raise_if_possible();
            return None;
        }
    }
    block_in_place(carrier, task, until);
    raise_if_possible();
    None
}

/// A pause of the current task that raises no abort.
#[inline(never)]
pub(super) fn pause_undisturbed() {
    let Some((carrier, task)) = managed() else { return };
    if is_to_switch(task) {
        switch_away(task, Reason::Suspended);
    } else {
        block_in_place(carrier, task, None);
    }
}

/// As [`pause`], but an abort ends it, or keeps it from beginning, and is not raised.
#[inline(never)]
pub(super) fn pause_unraised(until: Option<Instant>) {
    let Some((carrier, task)) = managed() else { return };
    if is_abort_due(task) {
        return;
    }
    if is_to_switch(task) {
        switch_away(task, Reason::Suspended);
    } else {
        block_in_place(carrier, task, until);
    }
}

/// Would a suspension point unwind the task here?
fn is_abort_due(task: &Header) -> bool {
    is_abort_wanted(task) && abort::is_due(task)
}

/// [`is_abort_due`], of the current task, if there is one.
#[inline(never)]
pub(super) fn is_abort_due_here() -> bool {
    managed().is_some_and(|(_, task)| is_abort_due(task))
}

/// Leaves the current task's fiber; when it goes on, an abort is raised.
///
/// Inlined into the code that waits, because the processor foretells each return by the call that it has seen
/// last: every frame between that code and the switch is a wrong guess on the way out and one on the way back,
/// of four nanoseconds each. Of the thread nothing is kept: the header is the task's own.
#[inline(always)]
pub(crate) fn switch_here(task: &Header, reason: Reason) {
    task.resting_place.set(current::stack_pointer());
    if let Some(inside) = task.inside() {
        // SAFETY: as in `switch_away`: who calls this has asked `is_switchable`.
        unsafe { inside.suspend(reason) };
    }
    if is_abort_wanted(task) {
        raise_if_possible();
    }
}

/// [`switch_here`], for one that has passed its turn on. It is queued, and perhaps another thread waits for it to be away, or
/// it is kept aside.
#[inline(always)]
pub(super) fn pass_here(task: &Header, to: Pass) {
    match (task.inside(), to) {
        // SAFETY: as in `switch_here`; `pass_turn` has put the next in its place.
        (Some(inside), Pass::To(next)) => unsafe { inside.pass_to(next) },
        // SAFETY: as in `switch_here`.
        (Some(inside), Pass::ToLoop) => unsafe { inside.suspend(Reason::Yielded) },
        (None, _) => {}
    }
    if is_abort_wanted(task) {
        raise_if_possible();
    }
}

/// Behind a pause: raises what is due, or sees to it that a wait which goes on is not taken for one that ends.
#[cold]
#[inline(never)]
pub(super) fn raise_if_possible() {
    if let Some((_, task)) = managed() {
        let asked = Asked::of(task);
        raise_if_aborted(task);
        look_if_held_back(task, asked);
    }
}

/// The task waits on, whatever it was asked for while it waited.
pub(crate) fn look_if_held_back(task: &Header, asked: Asked) {
    if task.shared.config.report_deadlocks && asked != Asked::default() {
        blocked::held_back(task, asked);
    }
}

/// Leaves the current task's fiber, and tells the embedder when it goes on, if it is to be told: who calls this has
/// asked [`is_to_switch`]. Never inlined: nothing of the thread is kept in its caller.
#[inline(never)]
pub(crate) fn switch_away(task: &Header, reason: Reason) {
    let inside = task.inside().expect("a task that is switched has a fiber");
    // SAFETY: this is the task's own fiber, and no frame of it is on the carrier's stack: native layers there
    // are counted as blocking, and every caller has asked `is_switchable`. Where it may go on is for the loop
    // to honour.
    unsafe { inside.suspend(reason) };
    if is_told(task) {
        tell_back(task);
    }
}
