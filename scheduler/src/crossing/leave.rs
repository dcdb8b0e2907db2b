//! The ways out: a task leaves for native code, at first or at the end of a callback.

use super::fence::{self, light};
use super::reentry::{give_away, pass_on};
use super::word::{Native, Phase};
use super::{Below, Errno, Exit, Parting, below};
use crate::carrier::Carrier;
use crate::fetch;
use crate::foreign;
use crate::sync::atomic::Ordering;
use crate::task::{Header, cancel};
use crate::wait;

/// The current task leaves for native code that `target`, a word of the embedder's, stands for: from
/// here on its worker may be taken, until [`come_back`](super::come_back). False: this thread runs no task of ours in
/// managed code, and nothing was done.
///
/// Does not block. Keeps `errno`.
pub fn leave(target: usize, exit: Exit) -> bool {
    let Some((carrier, _)) = wait::managed() else {
        return false;
    };
    publish(carrier, target, exit);
    true
}

/// The current task, inside a callback, goes back to the native code of `target`.
///
/// A foreign thread at its outermost exit gives its worker away at once.
pub fn leave_again(target: usize, exit: Exit, below: Below) -> bool {
    let Some((carrier, task)) = wait::managed() else {
        return wait::kept_task()
            .is_some_and(|(carrier, task)| leave_after_end(carrier, task, target, below));
    };
    below::leave(carrier, task, below);
    if carrier.foreign && task.callbacks.open() == 0 {
        let errno = Errno::save();
        give_away(carrier);
        foreign::end_visit(carrier);
        errno.restore();
    } else {
        publish(carrier, target, exit);
        cancel::resume(task);
    }
    true
}

/// The end of a callback that waited in place until its runtime was gone, and so has no worker: the native code
/// goes on, and its return is refused. False: this is no such callback, and nothing was done.
#[cold]
#[inline(never)]
pub(super) fn leave_after_end(
    carrier: &Carrier,
    task: &Header,
    target: usize,
    below: Below,
) -> bool {
    let is_end = carrier.shared().is_terminated() && carrier.word.own().phase() == Phase::Waiting;
    if is_end {
        below::leave(carrier, task, below);
        if carrier.foreign && task.callbacks.open() == 0 {
            foreign::end_visit(carrier);
        } else {
            // ORDERING(crossing.word): Relaxed, as in `publish`.
            carrier.target.store(target, Ordering::Relaxed);
            carrier.word.away();
        }
    }
    is_end
}

pub(super) fn publish(carrier: &Carrier, target: usize, exit: Exit) {
    // ORDERING(crossing.word): Relaxed, published by the Release store in `Word::leave`; who looks
    // at it for the record reads it Relaxed after an Acquire look at the word.
    carrier.target.store(target, Ordering::Relaxed);
    let native = match exit {
        Exit::HandOver if !carrier.shared().is_crowded() => return hand_over(carrier),
        Exit::Unproven if !carrier.shared().is_crowded() && may_be_unproven(carrier) => {
            return hand_over(carrier);
        }
        Exit::Asymmetric if fence::is_asymmetric() => Native::Asymmetric,
        Exit::Asymmetric | Exit::Compare | Exit::HandOver | Exit::Unproven => Native::Compare,
        Exit::Keep => Native::Kept,
    };
    carrier.word.leave(native);
    light();
    let gate = &carrier.shared().gate;
    let is_asked = match native {
        Native::Compare => gate.asks_who_leaves::<true>(),
        Native::Asymmetric | Native::Kept => gate.asks_who_leaves::<false>(),
    };
    if is_asked {
        kick_if_work_waits(carrier);
    }
}

/// Takes the place of the one call that is handed over on no evidence, unless another has it that may compute.
///
/// The monitor frees the place of a call that waits, but it looks at one only while work waits, and before this call
/// none did. So who calls looks by itself: some microseconds in each call until the function is known, of hundreds that
/// begin together in some ten to twenty.
#[cold]
#[inline(never)]
fn may_be_unproven(carrier: &Carrier) -> bool {
    let unproven = &carrier.shared().unproven;
    if unproven.begin(carrier) {
        return true;
    }
    let errno = Errno::save();
    let waits = unproven.carrier().is_none_or(|other| {
        let word = other.word.load();
        // Else it is about to leave. The second look: a call that has come back meanwhile is none that waits.
        word.phase() == Phase::Native
            && other.vitals.is_asleep()
            && other.word.load() == word
            && unproven.end(&other)
    });
    errno.restore();
    waits && unproven.begin(carrier)
}

/// The worker goes to whoever can use it, and the call begins without.
#[cold]
fn hand_over(carrier: &Carrier) {
    let shared = carrier.shared();
    if shared.processors > 1 {
        // What is written last comes meanwhile.
        fetch::all_to_write(&raw const shared.lobby);
    }
    let errno = Errno::save();
    carrier.parting.set(Parting::HandedOver);
    carrier.word.leave_without_worker();
    pass_on(carrier);
    errno.restore();
}

/// The monitor sleeps, and the task may leave work behind: see [`crate::gate`].
#[cold]
#[inline(never)]
pub(super) fn kick_if_work_waits(carrier: &Carrier) {
    let errno = Errno::save();
    let shared = carrier.shared();
    if shared.work_waits() {
        shared.gate.kick();
    } else {
        // Not to be asked again by each call; who queues work will kick.
        shared.gate.shut();
    }
    errno.restore();
}

/// Native code of the current task notes that it has done what the return must know of: unless a callback does it
/// anyhow, that [is told so](super::Return). False: this thread is not in native code of a task, and nothing was done.
pub fn touch() -> bool {
    wait::kept_task().is_some_and(|(carrier, _)| carrier.word.touch())
}

/// The target's word of the native call that the current task is in, or was in last on this carrier.
pub fn target() -> usize {
    // ORDERING: Relaxed, the thread reads what it wrote itself.
    wait::kept_task().map_or(0, |(carrier, _)| carrier.target.load(Ordering::Relaxed))
}
