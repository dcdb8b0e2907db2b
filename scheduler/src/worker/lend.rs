//! A task that joins another lends its turn: to that one, if it is still to run here, or to those that come before it.
//!
//! The usual join of a task that was just spawned needs no queue, no wake-up, and nothing of the loop: who joins
//! takes the task out of its worker's queue and resumes its fiber, as the loop would, but on top of its own stack. A
//! *borrower* that comes back done has cost its *lender* a call and a return. One that comes back for another
//! reason is the loop's to settle: the lender leaves for the loop itself, which then resumes it. Until then it is in
//! the loop's hand: neither suspended nor queued, so that a wake or an abort leaves a bit which it finds when it goes
//! on.
//!
//! Where the task that is joined is not the newest, because its siblings were spawned after it, or runs elsewhere, the
//! lender lends to the newest ready one, whichever that is, as the loop would pick it next; and so on until its own is
//! done, or nobody is left.
//!
//! - A borrower may lend in its turn, so there may be a pile of them. The loop has resumed the lowest; by its fiber,
//!   [`Carrier::lowest`], all code on the pile reaches the carrier's own stack.
//! - INVARIANT(lend.still): who is below, or in the hand, goes on on this very thread, which the borrower comes back to.
//!   A pinned task could not run elsewhere anyhow while its carrier is busy with the other. One that may move lends to the
//!   task that it joins, and to nobody else: until that one is back it has nothing to do, unless it is aborted, which is
//!   raised then; and not in a scope that others end, for a time limit is to be kept. If the other waits in place, that
//!   lasts: so the join is noted for those who look for deadlocks, and nobody lends to who was asked to unwind.
//!   Meanwhile it is in its carrier's pile (`pile.rs`), or on the list of the living.
//! - INVARIANT(lend.short): a lender stays below, or in the hand, only until a task that it lent to is back for another
//!   reason than its end. It goes on then, and if it still has to wait, waits as every joiner does.
//! - INVARIANT(lend.bound): between two picks there are [`MOST_LENDS`] at most, and no more than [`LENDS`] while
//!   anybody waits whom only a pick serves. So tasks which spawn and join without end let the others have their turns,
//!   a tree of joins is no deep pile of lenders, and who has its output waits below others' turns no longer than that.
//! - INVARIANT(lend.private): a task that was taken by who joins it, and comes back only as done, was seen by
//!   nobody else if its references are two: the scheduler's, and the handle in the lender's hand. Its last steps
//!   need no exchange then.
//!
//! Must not: keep a lender on a carrier that has lost its worker, or cedes it: it is queued.

use super::finish::{give_fibers, take_fiber};
use super::pick::{newest, others_wait};
use super::run::resume;
use super::start::start_on;
use super::succession::lend_to_others;
use crate::carrier::Carrier;
use crate::crossing::fence::light;
use crate::fiber::{Fiber, Reason};
use crate::fork;
use crate::metrics::Counter;
use crate::task::header::Marks;
use crate::task::{Header, TaskRef, abort};
use crate::wait;
use crate::wait::joining::note_join_from_below;
use std::panic::Location;
use std::ptr::NonNull;
use tracing::level_filters::LevelFilter;

/// How often a turn is lent before somebody looks who else waits: a power of two.
const LENDS: u8 = 32;

/// How often a turn is lent between two picks.
const MOST_LENDS: u8 = 7 * LENDS;

/// What a carrier's loop has in hand.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    /// Who is back on its lender, and why; below it in the pile those that were lenders themselves, the lowest last.
    back: Vec<(TaskRef, Reason)>,
    /// Who lent their turns, the last one on top.
    lenders: Vec<TaskRef>,
}

impl Hand {
    /// Are there tasks that lent their turns, and have them again next?
    #[inline]
    pub(super) fn has_lenders(&self) -> bool {
        !self.lenders.is_empty()
    }
}

/// The current task wants to join `task`, and lends its turn until that is done, as far as it can. Returns the current
/// task's header if it has to leave for the loop now, as [`Reason::Lending`]. Unwinds if the current task is aborted.
#[inline(never)]
pub(crate) fn lend_to(
    task: &TaskRef,
    place: &'static Location<'static>,
) -> Option<&'static Header> {
    let (carrier, lender) = wait::managed()?;
    if !lender.is_pinned() && abort::has_scopes(lender)
        || !wait::is_switchable(lender)
        || wait::is_told(lender)
    {
        return None;
    }
    if task.has_span || LevelFilter::current() >= LevelFilter::TRACE {
        // A subscriber that is told of the wait may wait itself, and a span is entered on the loop's stack.
        return None;
    }
    wait::raise_if_aborted(lender);
    lender.no_suspend.check("a join");
    if !may_lend(carrier) {
        return None;
    }
    // SAFETY: this is the carrier's thread, the word says `RUN`, and the closure stays in the queues.
    let claimed = unsafe { carrier.with_worker(|worker| worker.queues.claim(task)) }?;
    let borrower = match claimed {
        Some(joined) => joined,
        None if lender.is_pinned() => next(carrier)?,
        None => return None,
    };
    let stays = if borrower.as_raw() == task.as_raw() {
        run_joined(carrier, lender, borrower, place)
    } else {
        lend_to_others(carrier, lender, task, borrower)
    };
    if stays { None } else { Some(lender) }
}

/// Whom the loop would pick, if it can run on top of another.
#[inline]
pub(super) fn next(carrier: &Carrier) -> Option<TaskRef> {
    let task = newest(carrier)?;
    if task.has_span {
        put_back(carrier, task);
        return None;
    }
    Some(task)
}

/// Counts a turn that is lent. False: none is, the loop is to have its turn.
#[inline(always)]
pub(super) fn may_lend(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, and the word says `RUN`.
    let lends = unsafe { carrier.with_worker(|worker| worker.lends) };
    let Some(lends) = lends else { return false };
    if lends % LENDS == LENDS - 1 && (lends == MOST_LENDS - 1 || others_wait(carrier)) {
        return false;
    }
    // SAFETY: as above.
    unsafe { carrier.with_worker(|worker| worker.lends = lends + 1) };
    true
}

/// Lends the turn to the task that is joined. False: the lender is to leave for the loop.
#[inline(always)]
fn run_joined(
    carrier: &Carrier,
    lender: &'static Header,
    joined: TaskRef,
    place: &'static Location<'static>,
) -> bool {
    let noted = match lender.is_pinned() {
        // It waits for its carrier.
        true => None,
        false => match note_join_from_below(lender, &joined, place) {
            None => {
                put_back(carrier, joined);
                return true;
            }
            noted => noted,
        },
    };
    let Some((joined, fiber)) = with_fiber(carrier, joined) else { return true };
    joined.marks.set(Marks::LENT, true);
    note(carrier, lender);
    // SAFETY: the task came from a queue, so the fiber is this thread's alone, and has a body.
    let reason = unsafe { resume(carrier, &joined, fiber) };
    drop(noted);
    is_back(carrier, lender, joined, reason)
}

/// The current task is about to lend its turn: who neither runs nor is queued is found in the pile, or on the list of the
/// living.
#[inline(always)]
pub(super) fn note(carrier: &Carrier, lender: &Header) {
    lender.marks.set(Marks::HAS_LENT, true);
    if lender.marks.has(Marks::LINKED) || !carrier.pile.push(NonNull::from(lender)) {
        carrier.shared().living.add(lender);
    }
}

/// A task that was taken out of its queue, with its fiber. `None`: there is no warm one for it, or it is to unwind, which
/// may be long, since destructors wait in place; it is back in the queue.
#[inline(always)]
pub(super) fn with_fiber(carrier: &Carrier, task: TaskRef) -> Option<(TaskRef, NonNull<Fiber>)> {
    if let Some(fiber) = task.fiber.get() {
        if task.state.load().is_asked_to_unwind() {
            put_back(carrier, task);
            return None;
        }
        return Some((task, fiber));
    }
    let depot = &carrier.shared().fibers;
    // SAFETY: this is the carrier's thread, and the word says `RUN`.
    let fiber = unsafe { carrier.with_worker(|worker| worker.take_fiber(depot)) }.flatten();
    let Some(fiber) = fiber else {
        put_back(carrier, task);
        return None;
    };
    let fiber = start_on(carrier, &task, fiber);
    Some((task, fiber))
}

/// A borrower is back on its lender: on the same thread, see the module, perhaps with another worker. False: the rest is
/// the loop's, and the lender is to leave for it. Unwinds if the lender is aborted.
#[inline(always)]
pub(super) fn is_back(
    carrier: &Carrier,
    lender: &Header,
    borrower: TaskRef,
    reason: Reason,
) -> bool {
    let back = match reason {
        Reason::Done if carrier.word.is_run() => {
            carrier.begin(lender, lender.stack_low.get());
            carrier.pile.pop(NonNull::from(lender));
            finish_on_top(carrier, borrower)
        }
        _ => Err(borrower),
    };
    if let Err(borrower) = back {
        if carrier.shared().is_forked() {
            // Before a lock: who had it may be the parent's.
            fork::end_of_child();
        }
        // In the loop's hand it is found there.
        carrier.shared().living.add(lender);
        carrier.pile.pop(NonNull::from(lender));
        carrier.end();
        // SAFETY: this is the carrier's thread, and the closure stays in the hand.
        unsafe { carrier.with_hand(|hand| hand.back.push((borrower, reason))) };
        return false;
    }
    wait::raise_if_aborted(lender);
    true
}

/// The loop is to run it after all. It was out of its queue for a moment, in which who looked for work has missed it.
#[cold]
pub(super) fn put_back(carrier: &Carrier, task: TaskRef) {
    if task.has_begun() && task.is_pinned() {
        // SAFETY: this is the carrier's thread, and the closure stays in the ring.
        return unsafe { carrier.with_ring(|ring| ring.push_woken(task)) };
    }
    // SAFETY: this is the carrier's thread, the word says `RUN`, and the closure stays in the queues.
    unsafe { carrier.with_worker(|worker| worker.queues.push(task)) };
    carrier.shared().after_queueing();
}

/// Ends a task that is done. Its lender is the carrier's current task again, and the carrier has its worker.
///
/// # Errors
/// The task: its end is the loop's.
#[inline(always)]
fn finish_on_top(carrier: &Carrier, task: TaskRef) -> Result<(), TaskRef> {
    let shared = carrier.shared();
    // See `crate::census`.
    light();
    if shared.is_closing() || shared.census.is_asked() || task.sits() {
        return Err(task);
    }
    let fiber = take_fiber(carrier, &task);
    if task.marks.has(Marks::LENT) {
        task.give_up_private();
    } else {
        shared.living.remove(&task);
        abort::forget(&task);
        drop(task);
    }
    // SAFETY: this is the carrier's thread, and the word says `RUN`.
    let kept = unsafe {
        carrier.with_worker(|worker| {
            worker.count(Counter::Finished);
            worker.keep_fiber(fiber)
        })
    };
    if let Some(Err(fiber)) = kept {
        give_fibers(carrier, fiber);
    }
    // The end may have begun meanwhile.
    shared.after_finish();
    Ok(())
}

/// A task has left for the loop because one that it lent its turn to is back. Returns that one and why it is, with all
/// who lent in the hand.
#[cold]
pub(super) fn unpile(carrier: &Carrier, lowest: TaskRef) -> (TaskRef, Reason) {
    let mut lender = lowest;
    loop {
        // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the hand.
        let (task, reason) = unsafe {
            carrier.with_hand(|hand| {
                hand.lenders.push(lender);
                hand.back.pop().expect("who lends leaves for the loop with who is back")
            })
        };
        task.marks.set(Marks::LENT | Marks::ON_TOP, false);
        if reason != Reason::Lending {
            return (task, reason);
        }
        lender = task;
    }
}

/// The task that has had the turn is back in the loop: who lent it, to run on. `None`: nobody did, or the carrier
/// has no worker for it now.
#[inline]
pub(super) fn lender(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the hand.
    let lender = unsafe { carrier.with_hand(|hand| hand.lenders.pop()) }?;
    if carrier.word.is_run() {
        return Some(lender);
    }
    put_down(carrier, lender);
    None
}

/// The carrier has lost its worker meanwhile: all lenders are ready tasks, as any that is woken.
#[cold]
fn put_down(carrier: &Carrier, last: TaskRef) {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the hand.
    let others = unsafe { carrier.with_hand(|hand| std::mem::take(&mut hand.lenders)) };
    for lender in others.into_iter().chain([last]) {
        carrier.shared().submit(lender);
    }
}

/// Only on fibers that are warm tasks run on top of others: leaves some.
#[cfg(test)]
pub(crate) fn leave_warm_fibers(scheduler: &crate::Scheduler) {
    let warm = scheduler.spawn(|| {
        let tasks = [(); 4].map(|()| crate::spawn_here(crate::yield_now).ok().expect("in a task"));
        tasks.into_iter().for_each(|task| assert!(task.join().is_ok()));
    });
    warm.join().expect("it just ends");
}
