//! A pinned task that yields passes the turn to the next one of its carrier's ring, and the loop has no part in it.
//!
//! By way of the loop a turn is two switches, between which the loop asks for much that is seldom so. The usual yield
//! finds that another pinned task is next, and that nothing else is to be done: it queues its task behind the
//! others, and switches to that one, which stands on the loop in its place from then on and will go back to it.
//!
//! - INVARIANT(pass.turn): the loop's reference to the task that it has resumed lies in [`Carrier::turn`], and a pass puts
//!   the next one's there. It is the task that comes back.
//! - INVARIANT(pass.lowest): only the task that stands on the loop itself passes the turn, [`Carrier::lowest`] is its
//!   fiber. One that was lent its turn stands on its lender, which waits for that one to come back.
//! - INVARIANT(pass.bound): a pass is a pick, and only one that would take the next of the ring without looking
//!   anywhere else: the loop says at its own how many such ones follow ([`Worker::plain_picks`]).
//! - The task is on the ring before it is switched away. Nobody but its own thread takes it from there.
//!
//! Must not: pass the turn where the loop has to be told of its end (a span, the list of the living), or of
//! its next task's start. Run code of others.

use super::Worker;
use crate::carrier::Carrier;
use crate::fiber::Inside;
use crate::queue::Ring;
use crate::sync::atomic::Ordering;
use crate::task::header::Marks;
use crate::task::{Header, TaskRef};

/// The current task yields. Puts it behind the others of the ring and returns the fiber of the next, whose turn it
/// is from here on: the caller switches to it, and does nothing else before. `None`: the turn goes by the loop, or to
/// nobody.
///
/// # Safety
/// This is the carrier's thread, its word says `RUN`, and this is the current task, which may be switched away.
#[inline]
pub(crate) unsafe fn pass_turn(carrier: &Carrier, task: &Header) -> Option<Inside> {
    let pick = |ring: &mut Ring| {
        let inside = ring.next_by_turns().and_then(fiber_of_plain)?;
        if !Inside::CAN_PASS || !is_plain(carrier, task) {
            return None;
        }
        // SAFETY: by contract, and the closure stays in the worker.
        let is_picked = unsafe { carrier.with_worker(Worker::pick_plainly) } == Some(true);
        let next = if is_picked { ring.pop() } else { None }?;
        Some((next, inside))
    };
    // SAFETY: by contract, and the closure stays in the ring and the worker.
    let (next, inside) = unsafe { carrier.with_ring(pick) }?;
    carrier.begin(&next, next.stack_low.get());
    if let Some(lowest) = carrier.lowest.replace(Some(inside)) {
        // SAFETY: by INVARIANT(pass.lowest) the loop has resumed that fiber, on which this code runs, and the other one
        // is suspended in its task.
        unsafe { inside.stand_in_for(lowest) };
    }
    if let Some(its) = carrier.turn.replace(Some(next)) {
        // SAFETY: by contract, and the closure stays in the ring.
        unsafe { carrier.with_ring(|ring| ring.push_last(its)) };
    }
    Some(inside)
}

/// Would the loop do nothing at the end of this turn but queue the task and pick the next?
#[inline]
fn is_plain(carrier: &Carrier, task: &Header) -> bool {
    let shared = carrier.shared();
    // SAFETY: the caller runs on the carrier's thread, and the closure stays in the hand.
    let has_lenders = unsafe { carrier.with_hand(|hand| hand.has_lenders()) };
    task.is_pinned()
        && carrier.lowest.get() == task.inside()
        && task.marks.has(Marks::LINKED)
        && !task.has_span
        && !has_lenders
        && !shared.is_closing()
        && !shared.ranks.is_open()
        && shared.lobby.in_line() == 0
        // ORDERING: Relaxed, the flag publishes nothing; the loop takes it back.
        && !carrier.yield_flag.load(Ordering::Relaxed)
}

/// The fiber of the next task of the ring, if the loop would do nothing but resume it.
#[inline]
fn fiber_of_plain(next: &TaskRef) -> Option<Inside> {
    let is_plain = next.marks.has(Marks::LINKED) && !next.has_span;
    if is_plain { next.inside() } else { None }
}
