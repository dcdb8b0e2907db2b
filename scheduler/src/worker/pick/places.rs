//! Where a pick finds a task: a function for each place, and who takes more from other workers.
//!
//! Two lines are the carrier's, of tasks that are pinned to it: those that were woken, and those that take turns. Two are
//! the worker's: its deque, and those that yielded and may move. What comes from other workers here is taken without a
//! search (`worker/search.rs`), so whoever relies on those who search is told ([`tell_of_others`]).
//!
//! Must not: decide which place is asked. `pick.rs` does.

use super::plain::WOKEN_BUDGET;
use crate::carrier::Carrier;
use crate::queue::Ring;
use crate::task::TaskRef;
use crate::worker::Worker;

/// The pinned task whose turn it is.
pub(in crate::worker) fn pinned(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(Ring::pop) }
}

/// The oldest of the pinned tasks that were woken here.
pub(super) fn oldest_woken(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(Ring::pop_oldest_woken) }
}

/// Are there pinned tasks that were woken?
#[inline]
pub(super) fn has_woken(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(|ring| ring.has_woken()) }
}

/// A pinned task that was woken, a few times in a row.
#[inline]
pub(super) fn woken(carrier: &Carrier) -> Option<TaskRef> {
    if has_woken(carrier) {
        return pop_woken(carrier);
    }
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the worker.
    unsafe { carrier.with_worker(|worker| worker.woken_streak = 0) };
    None
}

/// [`woken`], where there are some.
#[inline(never)]
fn pop_woken(carrier: &Carrier) -> Option<TaskRef> {
    let pop = |worker: &mut Worker| {
        let has_budget = worker.woken_streak < WOKEN_BUDGET;
        let pop = |ring: &mut Ring| ring.pop_woken(worker.woken_streak == 0);
        // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
        let task = has_budget.then(|| unsafe { carrier.with_ring(pop) }).flatten();
        worker.woken_streak = if task.is_some() { worker.woken_streak + 1 } else { 0 };
        task
    };
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the worker and the ring.
    unsafe { carrier.with_worker(pop) }?
}

/// The oldest of the worker's deque.
pub(super) fn oldest(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    unsafe { carrier.with_worker(Worker::pop_oldest) }?
}

/// The oldest of the tasks that yielded and may move.
pub(super) fn yielded(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    unsafe { carrier.with_worker(|worker| worker.queues.pop_yielded()) }?
}

/// As `yielded`, or from another worker that has many more of them.
pub(super) fn levelled(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    let level = |worker: &mut Worker| {
        let queues = shared.queues();
        let other = worker.random_below(queues.len());
        worker.queues.level_with(&queues[other].queues)
    };
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    let task = unsafe { carrier.with_worker(level) }?;
    if task.is_none() {
        return yielded(carrier);
    }
    tell_of_others(carrier);
    task
}

/// From another worker that has tasks in its deque, for one that has none there: while its own tasks only yield it
/// never searches.
pub(super) fn relieved(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    let relieve = |worker: &mut Worker| {
        let queues = shared.queues();
        let other = worker.random_below(queues.len());
        let task = worker.queues.relieve(&queues[other].queues)?;
        worker.relieved = Some(other);
        Some(task)
    };
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the worker and the queues.
    let task = unsafe { carrier.with_worker(relieve) }??;
    tell_of_others(carrier);
    Some(task)
}

/// From the worker whose deque this one has taken from last, if it has begun all that, or is to look into.
///
/// One that is woken while another makes a thousand tasks gets thirty-two of them. Those yield, and it never searches
/// again: the others would all begin where they were made, and, if they stay where they begin, stay there.
#[inline]
pub(super) fn more(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop.
    let other = unsafe { carrier.with_worker(|worker| worker.relieved) }??;
    take_more(carrier, other)
}

/// [`more`], where there was some.
#[cold]
#[inline(never)]
fn take_more(carrier: &Carrier, other: usize) -> Option<TaskRef> {
    // An extra worker that is back in its pool is not among them, and has nothing.
    let other_queues = carrier.shared().queues().get(other).map(|shown| &shown.queues);
    let take = |worker: &mut Worker| {
        let task = other_queues.and_then(|queues| worker.queues.relieve(queues));
        worker.relieved = task.is_some().then_some(other);
        task
    };
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the worker and the queues.
    let task = unsafe { carrier.with_worker(take) }??;
    tell_of_others(carrier);
    Some(task)
}

/// The worker has taken tasks from another's queue without a search. For a moment they were in neither: who went idle
/// meanwhile may have missed them.
#[cold]
fn tell_of_others(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, in its loop.
    if unsafe { carrier.with_worker(|worker| !worker.queues.is_empty()) } == Some(true) {
        carrier.shared().after_queueing();
    }
}
