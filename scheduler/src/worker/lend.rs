//! A task that joins one which is still to run here lends it its turn.
//!
//! The usual join of a task that was just spawned needs no queue, no wake-up, and nothing of the loop: who joins
//! takes the task out of its worker's queue and resumes its fiber, as the loop would, but on top of its own stack. A
//! *borrower* that comes back done has cost its *lender* a call and a return. One that comes back for another
//! reason is the loop's to settle: the lender leaves for the loop itself, which then resumes it. Until then it is in
//! the loop's hand: neither suspended nor queued, so that a wake or an abort leaves a bit which it finds when it goes
//! on.
//!
//! - A borrower may lend in its turn, so there may be a pile of them. The loop has resumed the lowest; by its fiber,
//!   [`Carrier::lowest`], all code on the pile reaches the carrier's own stack.
//! - Only pinned tasks lend: in the hand they could not run elsewhere, and pinned they could not anyhow while
//!   their carrier is busy with the other. So the borrower comes back to the very thread that it was resumed on.
//! - INVARIANT(lend.short): a lender stays below, or in the hand, only until the task that it lent to is back, for
//!   whatever reason. It goes on then, and if it still has to wait, waits as every joiner does.
//! - INVARIANT(lend.bound): between two picks there are [`MOST_LENDS`] at most, so that tasks which spawn and join
//!   without end let the others have their turns, and a tree of joins is no deep pile of lenders.
//! - INVARIANT(lend.private): a task that was taken so, and comes back only as done, was seen by
//!   nobody else if its references are two: the scheduler's, and the handle in the lender's hand. Its last steps
//!   need no exchange then.
//!
//! Must not: keep a lender on a carrier that has lost its worker, or cedes it: it goes to the ring of pinned tasks.

use super::run::{give_fibers, keep_fiber, resume, start_on, take_fiber};
use crate::carrier::Carrier;
use crate::crossing::fence::light;
use crate::fiber::{FiberBox, Reason};
use crate::metrics::Counter;
use crate::queue::Claim;
use crate::task::header::Marks;
use crate::task::{Header, TaskRef};
use crate::wait;
use tracing::level_filters::LevelFilter;

/// How often a turn is lent between two picks.
const MOST_LENDS: u8 = 32;

/// What a carrier's loop has in hand.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    /// Who is back on its lender, and why; below it in the pile those that were lenders themselves, the lowest last.
    back: Vec<(TaskRef, Reason)>,
    /// Who lent their turns, the last one on top.
    lenders: Vec<TaskRef>,
}

/// The current task wants to join `task`, and lends it its turn if it can. Returns the current task's header if it
/// has to leave for the loop now, as [`Reason::Lending`]. Unwinds if the current task is aborted.
#[inline(never)]
pub(crate) fn lend_to(task: &TaskRef) -> Option<&'static Header> {
    let (carrier, lender) = wait::managed()?;
    if !lender.is_pinned() || !wait::is_switchable(lender) || wait::is_told(lender) {
        return None;
    }
    if task.has_span || LevelFilter::current() >= LevelFilter::TRACE {
        // A subscriber that is told of the wait may wait itself, and a span is entered on the loop's stack.
        return None;
    }
    wait::raise_if_aborted(lender);
    lender.no_suspend.check("a join");
    let (borrower, fiber) = take(carrier, task)?;
    borrower.marks.set(Marks::LENT, true);
    let fiber = match borrower.fiber.get() {
        Some(its) => {
            keep_fiber(carrier, fiber);
            its
        }
        None => start_on(carrier, &borrower, fiber),
    };
    // Who neither runs nor is queued is found there.
    carrier.shared().living.add(lender);
    // SAFETY: the task came from a queue, so the fiber is this thread's alone, and has a body.
    let reason = unsafe { resume(carrier, &borrower, fiber) };
    // On the same thread, see the module, perhaps with another worker.
    let back = match reason {
        Reason::Done if carrier.word.is_run() => {
            carrier.begin(lender, lender.stack_low.get());
            finish_in_private(carrier, borrower)
        }
        _ => Err(borrower),
    };
    let Err(borrower) = back else {
        wait::raise_if_aborted(lender);
        return None;
    };
    carrier.end();
    // SAFETY: this is the carrier's thread, and the closure stays in the hand.
    unsafe { carrier.with_hand(|hand| hand.back.push((borrower, reason))) };
    Some(lender)
}

/// Takes the task out of its worker's queue, if it is the newest there and a warm fiber is at hand, and that one.
#[inline]
fn take(carrier: &Carrier, task: &TaskRef) -> Option<(TaskRef, FiberBox)> {
    // SAFETY: this is the carrier's thread, the word says `RUN`, and the closure stays in the worker.
    let (claim, fiber) = unsafe {
        carrier.with_worker(|worker| {
            if worker.lends == MOST_LENDS {
                return None;
            }
            let fiber = worker.take_warm_fiber()?;
            let claim = worker.queues.claim(task);
            worker.lends += u8::from(matches!(claim, Claim::Taken(_)));
            Some((claim, fiber))
        })
    }??;
    match claim {
        Claim::Taken(borrower) => return Some((borrower, fiber)),
        Claim::Elsewhere => keep_fiber(carrier, fiber),
        Claim::PutBack => {
            keep_fiber(carrier, fiber);
            carrier.shared().after_queueing();
        }
    }
    None
}

/// Ends a task that is done and that nobody else knows, as its last mark says. Its lender is the carrier's current task
/// again, and the carrier has its worker.
///
/// # Errors
/// The task: somebody may know it, or look for it.
#[inline(always)]
fn finish_in_private(carrier: &Carrier, task: TaskRef) -> Result<(), TaskRef> {
    let shared = carrier.shared();
    // See `crate::census`.
    light();
    if !task.marks.has(Marks::LENT) || shared.is_closing() || shared.census.is_asked() {
        return Err(task);
    }
    let fiber = take_fiber(carrier, &task);
    task.give_up_private();
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
        task.marks.set(Marks::LENT, false);
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

/// The carrier has lost its worker meanwhile: all lenders are ready tasks of its ring.
#[cold]
fn put_down(carrier: &Carrier, last: TaskRef) {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the hand.
    let others = unsafe { carrier.with_hand(|hand| std::mem::take(&mut hand.lenders)) };
    // SAFETY: as above, and the closure stays in the ring.
    unsafe {
        carrier.with_ring(|ring| {
            others.into_iter().chain([last]).for_each(|lender| ring.push_woken(lender));
        });
    }
}
