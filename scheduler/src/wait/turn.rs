//! A task's turn, and how it ends before its time: a yield, and what asks for one.
//!
//! A yield that would let nobody run does not switch.
//!
//! Must not: keep a carrier or a worker over the switch.

use super::pause::{pass_here, raise_if_possible};
use super::switchable::tell;
use super::{
    is_switchable, is_to_wait_for_hold, is_told, managed, raise_if_aborted, switch_away,
    switch_here, wait_while_held,
};
use crate::carrier::Carrier;
use crate::crossing;
use crate::fiber::Reason;
use crate::penalty;
use crate::request;
use crate::sync::atomic::Ordering;
use crate::task::{Header, abort};
use crate::worker::current;
use crate::worker::pass::{Pass, pass_turn};

/// Lets others run: true if somebody else could. Inlined, see [`switch_here`].
#[inline(always)]
pub(crate) fn yield_now() -> bool {
    match before_yield(current::stack_pointer()) {
        Yield::Switch(task) => {
            switch_here(task, Reason::Yielded);
            true
        }
        Yield::Pass(task, next) => {
            pass_here(task, next);
            true
        }
        Yield::Over(did) => did,
    }
}

/// What is left to do of a yield.
enum Yield {
    /// The task is to be switched away.
    Switch(&'static Header),
    /// It is queued, and to be left for the next one.
    Pass(&'static Header, Pass),
    /// Nothing. Did others run?
    Over(bool),
}

/// What comes before the switch of a yield. `resting_place`: where that will be.
#[inline(never)]
fn before_yield(resting_place: usize) -> Yield {
    let Some((carrier, task)) = managed() else {
        return Yield::Over(false);
    };
    raise_if_aborted(task);
    task.no_suspend.check("a yield");
    if is_switchable(task) {
        let told = is_told(task);
        // SAFETY: this is the carrier's thread, the word says `RUN`, and the task has just been asked.
        let pass = || unsafe { pass_turn(carrier, task, resting_place) };
        if !told && let Some(next) = pass() {
            return Yield::Pass(task, next);
        }
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        if unsafe { carrier.is_alone() }
            // SAFETY: as above.
            && !unsafe { carrier.is_to_look_around() }
            // For a hold the task is switched as if others were ready: its embedder has its say, and it waits, if it is to,
            // when it goes on.
            && !(told && is_to_be_held())
        {
            return Yield::Over(false);
        }
        if !told {
            return Yield::Switch(task);
        }
        if tell(task) {
            switch_away(task, Reason::Yielded);
            raise_if_possible();
            return Yield::Over(true);
        }
    }
    carrier.suspend_aside();
    if !carrier.shared().work_waits()
        || abort::skips_pauses(task)
        || carrier.shared().hold.is_kept_by(task)
    {
        return stay(task);
    }
    crossing::step_back(carrier, task);
    if let Some((_, task)) = managed() {
        raise_if_aborted(task);
    }
    Yield::Over(true)
}

/// Is there a hold that concerns the task, whose switches are told of?
#[cold]
#[inline(never)]
fn is_to_be_held() -> bool {
    is_to_wait_for_hold()
}

/// A yield in place that lets nobody run, unless there is a hold: whoever yields again and again must not keep it from standing.
#[inline]
fn stay(task: &Header) -> Yield {
    let is_held = is_told(task) && is_to_be_held();
    if is_held {
        wait_while_held();
    }
    Yield::Over(is_held)
}

/// Takes an abort, and lets others run if the monitor has asked for that.
#[inline]
pub(crate) fn checkpoint() {
    let Some((carrier, task)) = managed() else { return };
    raise_if_aborted(task);
    task.no_suspend.raise_postponed();
    // ORDERING: Relaxed, the flag publishes nothing.
    if carrier.yield_flag.load(Ordering::Relaxed) {
        task.no_suspend
            .check("a request to let others run, at a checkpoint or at the end of a native call,");
        yield_as_asked();
    } else if carrier.shared().gate.is_closed() {
        keep_pinned(carrier);
    }
}

#[cold]
#[inline(never)]
fn yield_as_asked() {
    let errno = crossing::Errno::save();
    if let Some((carrier, _)) = managed() {
        // Also if nobody is there to run any more.
        carrier.forget_yield_request();
        let (run, is_forced) = (penalty::moment(carrier), penalty::others_are_ready(carrier));
        let has_yielded = yield_now() && is_forced;
        request::tell_settled(has_yielded);
        if has_yielded {
            penalty::sit_out(run);
        }
    }
    errno.restore();
}

/// The monitor sleeps. It does not see the tasks that are pinned here, and would not ask for a yield.
#[cold]
#[inline(never)]
fn keep_pinned(carrier: &Carrier) {
    carrier.suspend_aside();
    // SAFETY: this is the carrier's thread, in its task, and the closure stays in the ring.
    if unsafe { carrier.with_ring(|ring| !ring.is_empty()) } {
        let errno = crossing::Errno::save();
        // ORDERING: Relaxed, the gate's word and its parker's token order what follows.
        carrier.keeps_pinned.store(true, Ordering::Relaxed);
        carrier.shared().gate.kick_for_pinned();
        errno.restore();
    }
}
