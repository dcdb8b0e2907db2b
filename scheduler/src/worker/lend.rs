//! A task that joins one which is still to run here lends it its turn.
//!
//! The usual join of a task that was just spawned needs no queue and no wake-up: who joins takes the task out of
//! its worker's queue, the loop runs it at once, and resumes who joined. Until then the *lender* is in the loop's
//! hand: neither suspended nor queued, so that a wake or an abort leaves a bit which it finds when it goes on.
//!
//! - Only pinned tasks lend: in the hand they could not run elsewhere, and pinned they could not anyhow while
//!   their carrier is busy with the other.
//! - INVARIANT(lend.short): a lender stays in the hand only until the task that it lent to comes back to the loop,
//!   for whatever reason. It is resumed then, and if it still has to wait, waits as every joiner does.
//! - INVARIANT(lend.bound): between two picks there are [`MOST_LENDS`] at most, so that tasks which spawn and join
//!   without end let the others have their turns, and a tree of joins is no deep pile of lenders.
//! - INVARIANT(lend.private): a task that was taken so, and has come back to the loop only as done, was seen by
//!   nobody else if its references are two: the loop's, and the handle in the lender's hand. Its last steps
//!   need no exchange then.
//!
//! Must not: keep a lender on a carrier that has lost its worker, or cedes it: it goes to the ring of pinned tasks.

use crate::carrier::Carrier;
use crate::queue::Claim;
use crate::task::{Header, TaskRef};
use crate::wait;
use tracing::level_filters::LevelFilter;

/// How often a turn is lent between two picks.
const MOST_LENDS: u8 = 32;

/// What a carrier's loop has in hand.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    /// Who is to run next.
    borrower: Option<TaskRef>,
    /// Who lent their turns, the last one on top.
    lenders: Vec<TaskRef>,
}

/// The current task wants to join `task`: if it can lend it its turn, all is ready for its switch, and this is the
/// current task's header. Unwinds if the current task is aborted.
#[inline(never)]
pub(crate) fn lend_to(task: &TaskRef) -> Option<&'static Header> {
    let (carrier, lender) = wait::managed()?;
    if !lender.is_pinned() || !wait::is_switchable(lender) || wait::is_told(lender) {
        return None;
    }
    if LevelFilter::current() >= LevelFilter::TRACE {
        // A subscriber that is told of the wait may wait itself, and must not find a borrower in the hand.
        return None;
    }
    wait::raise_if_aborted(lender);
    lender.no_suspend.check("a join");
    // SAFETY: this is the carrier's thread, the word says `RUN`, and the closure stays in the queues.
    let claim = unsafe {
        carrier.with_worker(|worker| {
            if worker.lends == MOST_LENDS {
                return Claim::Elsewhere;
            }
            let claim = worker.queues.claim(task);
            worker.lends += u8::from(matches!(claim, Claim::Taken(_)));
            claim
        })
    }?;
    let borrower = match claim {
        Claim::Taken(borrower) => borrower,
        Claim::Elsewhere => return None,
        Claim::PutBack => {
            carrier.shared().after_queueing();
            return None;
        }
    };
    borrower.lent.set(true);
    // SAFETY: this is the carrier's thread, and the closure stays in the hand.
    unsafe { carrier.with_hand(|hand| hand.borrower = Some(borrower)) };
    Some(lender)
}

/// A task has lent its turn: who has got it.
pub(super) fn borrower(carrier: &Carrier, lender: TaskRef) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the hand.
    unsafe {
        carrier.with_hand(|hand| {
            hand.lenders.push(lender);
            hand.borrower.take()
        })
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
