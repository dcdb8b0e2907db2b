//! A task that yields passes the turn to the next one that yielded, and one that waits to whom it has woken, and the loop has
//! no part in it.
//!
//! By way of the loop a turn is two switches, between which the loop asks for much that is seldom so. The usual yield
//! finds that another task is next which yielded, too, and that nothing else is to be done: it queues its task behind the
//! others, and switches to that one, which stands on the loop in its place from then on and will go back to it.
//!
//! - INVARIANT(pass.turn): the loop's reference to the task that it has resumed lies in [`Carrier::turn`], and a pass puts
//!   the next one's there. It is the task that comes back. None lies there if the last one has queued itself, and found
//!   nobody to pass the turn to.
//! - INVARIANT(pass.lowest): only the task that stands on the loop itself passes the turn, [`Carrier::lowest`] is its
//!   fiber. One that was lent its turn stands on its lender, which waits for that one to come back.
//! - INVARIANT(pass.bound): a pass is a pick, and only one that would take the next of those that yielded without looking
//!   anywhere else: the loop says, at one that looks further, how many such ones follow ([`Worker::plain_picks`]).
//! - INVARIANT(pass.queued): the task is queued before it is switched away. Pinned tasks nobody but their own thread takes
//!   from the ring. One that may move another thread may take before it is away: it is announced before
//!   it is queued, that thread waits until it is away, and nothing of it is written from its queueing on but by the switch.
//!
//! Who waits is kept aside in place of being queued (`aside.rs`), as the loop would do with it; so only a pinned one that may
//! be passes its turn.
//!
//! Who yields and is pinned passes to pinned ones, those that may move to those that may, each where none of the others yielded: with
//! both they take turns, which the loop sees to.
//!
//! Must not: pass the turn where the loop has to be told of its end (a span, the list of the living), or of
//! its next task's start. Run code of others.

use super::Worker;
use super::aside::may_be_kept;
use crate::carrier::Carrier;
use crate::fiber::Inside;
use crate::queue::Ring;
use crate::sync::atomic::{Ordering, exchange_fence};
use crate::task::header::Marks;
use crate::task::{Header, TaskRef};
use std::ptr;

/// Where a task goes that has queued itself.
#[derive(Clone, Copy)]
pub(crate) enum Pass {
    /// To the fiber of the next task, whose turn it is from here on.
    To(Inside),
    /// To the loop, which has nothing left to do for it.
    ToLoop,
}

/// The current task yields. Puts it behind the others, and says where it is to be left for: the caller switches there,
/// and does nothing else before. `None`: the turn goes by the loop, or to nobody.
///
/// `resting_place`: where on its stack the task will be.
///
/// # Safety
/// This is the carrier's thread, its word says `RUN`, and this is the current task, which may be switched away.
#[inline]
pub(crate) unsafe fn pass_turn(
    carrier: &Carrier,
    task: &Header,
    resting_place: usize,
) -> Option<Pass> {
    if !Inside::CAN_PASS {
        return None;
    }
    // It may be ready, and goes before those that yielded.
    carrier.suspend_aside();
    if task.is_pinned() {
        // SAFETY: by contract.
        unsafe { pass_on_ring(carrier, task, resting_place) }
    } else {
        // SAFETY: by contract.
        unsafe { pass_among_all(carrier, task, resting_place) }
    }
}

/// The current task, which sits in a list's seat, waits. Keeps it aside, and says to whose fiber it is to be left: the caller
/// switches there, and does nothing else before. `None`: the turn goes by the loop.
///
/// # Safety
/// As for [`pass_turn`].
#[inline]
pub(crate) unsafe fn pass_to_woken(
    carrier: &Carrier,
    task: &Header,
    resting_place: usize,
) -> Option<Inside> {
    if !Inside::CAN_PASS || !may_be_kept(task) {
        return None;
    }
    let pick = |ring: &mut Ring| {
        let inside = ring.next_woken().and_then(fiber_of_plain)?;
        if !is_plain(carrier, task) {
            return None;
        }
        let is_alone = ring.has_one_woken_only();
        // SAFETY: by contract, and the closure stays in the worker.
        let is_picked =
            unsafe { carrier.with_worker(|worker| worker.pick_woken_plainly(is_alone)) };
        let next = if is_picked == Some(true) { ring.pop_woken(false) } else { None }?;
        Some((next, inside))
    };
    // SAFETY: by contract, and the closure stays in the ring and the worker.
    let (next, inside) = unsafe { carrier.with_ring(pick) }?;
    task.resting_place.set(resting_place);
    // SAFETY: by contract; the next one is suspended in its task.
    let its = unsafe { begin_in_its_place(carrier, next, inside) };
    if let Some(its) = its {
        carrier.suspend(its);
    }
    Some(inside)
}

/// [`pass_turn`], of a pinned task to the next of the ring.
///
/// # Safety
/// As there.
#[inline]
unsafe fn pass_on_ring(carrier: &Carrier, task: &Header, resting_place: usize) -> Option<Pass> {
    let pick = |ring: &mut Ring| {
        let inside = ring.next_by_turns().and_then(fiber_of_plain)?;
        if !is_plain(carrier, task) {
            return None;
        }
        // SAFETY: by contract, and the closure stays in the worker.
        let is_picked = unsafe { carrier.with_worker(Worker::pick_plainly) } == Some(true);
        let next = if is_picked { ring.pop() } else { None }?;
        Some((next, inside))
    };
    // SAFETY: by contract, and the closure stays in the ring and the worker.
    let (next, inside) = unsafe { carrier.with_ring(pick) }?;
    task.resting_place.set(resting_place);
    // SAFETY: by contract; the next one is suspended in its task.
    let its = unsafe { begin_in_its_place(carrier, next, inside) };
    if let Some(its) = its {
        // SAFETY: by contract, and the closure stays in the ring.
        unsafe { carrier.with_ring(|ring| ring.push_last(its)) };
    }
    Some(Pass::To(inside))
}

/// [`pass_turn`], of a task that may move to the next of those that yielded and may.
///
/// # Safety
/// As there.
#[inline]
unsafe fn pass_among_all(carrier: &Carrier, task: &Header, resting_place: usize) -> Option<Pass> {
    let shared = carrier.shared();
    // SAFETY: by contract, and the closure stays in the ring.
    let is_none_pinned = unsafe { carrier.with_ring(|ring| ring.is_empty()) };
    if !is_none_pinned || !is_plain(carrier, task) || shared.is_to_tell() {
        return None;
    }
    let inside = task.inside()?;
    // SAFETY: by contract, and the closure stays in the worker.
    if unsafe { carrier.with_worker(Worker::pick_yielded_plainly) } != Some(true) {
        return None;
    }
    let its = carrier.turn.take()?;
    task.resting_place.set(resting_place);
    // SAFETY: the caller runs on this fiber, and leaves it next, or has it in hand again below.
    unsafe { inside.announce() };
    // SAFETY: by contract, and the closure stays in the queues.
    let next = unsafe { carrier.with_worker(|worker| worker.queues.push_last_and_pop(its)) };
    let Some(next) = next.flatten() else {
        // Thieves have them all, this one too.
        return Some(leave_to_loop(carrier));
    };
    if ptr::eq(next.as_raw().as_ptr(), task) {
        // Thieves had the others.
        carrier.turn.set(Some(next));
        return None;
    }
    // ORDERING(idle.counters): SeqCst, between the push and the second look at the counters; pairs with the fence of a
    // worker that went idle.
    exchange_fence();
    match fiber_of_plain(&next) {
        Some(inside) if inside.is_away() && !shared.is_to_tell() => {
            // SAFETY: by contract; the next one is suspended in its task.
            drop(unsafe { begin_in_its_place(carrier, next, inside) });
            Some(Pass::To(inside))
        }
        _ => {
            // The loop's next.
            // SAFETY: by contract, and the closure stays in the queues.
            unsafe { carrier.with_worker(|worker| worker.queues.push(next)) };
            Some(leave_to_loop(carrier))
        }
    }
}

/// The current task has queued itself, and leaves for the loop: it is this carrier's no longer. It may end elsewhere as
/// soon as it is away, so the carrier does not show it then. See [`crate::census`].
#[cold]
fn leave_to_loop(carrier: &Carrier) -> Pass {
    carrier.end();
    Pass::ToLoop
}

/// The next task is the carrier's from here on, and stands on the loop. Returns the one that had the turn, if it is there still.
///
/// # Safety
/// As for [`pass_turn`], and the next one is suspended in its task, on this fiber.
#[inline]
unsafe fn begin_in_its_place(carrier: &Carrier, next: TaskRef, inside: Inside) -> Option<TaskRef> {
    carrier.begin(&next, next.stack_low.get());
    if let Some(lowest) = carrier.lowest.replace(Some(inside)) {
        // SAFETY: by INVARIANT(pass.lowest) the loop has resumed that fiber, on which this code runs, and the other one
        // is suspended in its task.
        unsafe { inside.stand_in_for(lowest) };
    }
    carrier.turn.replace(Some(next))
}

/// Would the loop do nothing at the end of this turn but queue the task and pick the next?
#[inline]
fn is_plain(carrier: &Carrier, task: &Header) -> bool {
    let shared = carrier.shared();
    // SAFETY: the caller runs on the carrier's thread, and the closure stays in the hand.
    let has_lenders = unsafe { carrier.with_hand(|hand| hand.has_lenders()) };
    carrier.lowest.get() == task.inside()
        && task.marks.has(Marks::LINKED)
        && !task.has_span
        && !has_lenders
        && !shared.ranks.is_open()
        && shared.lobby.in_line() == 0
        // ORDERING: Relaxed, the flag publishes nothing; the loop takes it back.
        && !carrier.yield_flag.load(Ordering::Relaxed)
}

/// The fiber of the next task, if the loop would do nothing but resume it: what is on the list of the living has begun.
#[inline]
fn fiber_of_plain(next: &TaskRef) -> Option<Inside> {
    let is_plain = next.marks.has(Marks::LINKED) && !next.has_span;
    if is_plain { next.inside() } else { None }
}
