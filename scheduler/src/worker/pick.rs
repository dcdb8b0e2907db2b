//! Which task is next.
//!
//! Ordinarily: pinned tasks that were woken (three times in a row at most: once, if there is one, the oldest of those
//! that were woken elsewhere, then the newest of those that were woken on their carrier), the deque newest first (three
//! times in a row at most one that was queued since the last pick: then the one before it), then, in turn, the ring of
//! pinned tasks and the ring of those that yielded; with all empty the re-entry queue, the injector, and other workers'
//! queues. Tasks of other priorities come before or between all that: `ranked.rs`. Newest first would starve the old, so
//!
//! - every 61st pick serves the injector, and halfway between the oldest of the ring of pinned tasks, the deque or the
//!   ring of the others: each time another of them leads, and the first that has something serves; the ring of a worker
//!   that has many more is levelled with one's own, and a worker whose tasks only yield takes from another's deque;
//! - who has taken tasks from another worker's deque, and has begun them all, takes more of them before its own that
//!   yield have their turns; while its only task yields, it looks into another's at each turn of the loop;
//! - every 16th pick looks at the timers and at native calls that wait for a thread, and into the re-entry queue first;
//! - the first pick of a worker that comes to a carrier serves the injector, or the oldest of the carrier's pinned
//!   tasks that take turns, of those that were woken, or of those that yielded, by turns of the carrier's own, and at
//!   times that of the deque: a task that hands its worker over in each call makes every pick such a one;
//! - after a number of native calls that the deque's tasks have left for, those that yielded have a turn (`share.rs`);
//! - a worker that was with its carrier for 16 picks goes to the first carrier in line;
//! - where more workers are at work than are to be, every 16th pick of one finds nothing, and it goes to the reserve.

use super::put_off::fire_timers;
use super::search::search;
use super::{Worker, ranked};
use crate::carrier::Carrier;
use crate::queue::Ring;
use crate::sync::atomic::Ordering;
use crate::task::TaskRef;
use crate::timer::BATCHES;

const FAIR_EVERY: u32 = 61;
const FAIR_HALF: u32 = 30;
const OTHERS_EVERY: u32 = 16;
/// One in so many of those in between levels the rings: a multiple of four.
const LEVEL_EVERY: u32 = 16;
/// One first pick in so many serves the oldest of the deque: a multiple of four.
const OLDEST_EVERY: u32 = 16;

/// How many times in a row a task that was woken goes before the others.
const WOKEN_BUDGET: u8 = 3;

/// The next task for the worker that this carrier owns.
pub(super) fn next(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    if carrier.keeps_aside() && !has_woken(carrier) {
        carrier.suspend_aside();
    }
    let count = |worker: &mut Worker| {
        worker.tenure = worker.tenure.saturating_add(1);
        worker.lends = 0;
        // An extra worker that is not wanted any more has no next task.
        (!worker.is_recalled()).then(|| {
            let tick = worker.next_tick();
            let is_plain = worker.plain_picks > 0;
            worker.plain_picks = if is_plain {
                worker.plain_picks - 1
            } else if worker.is_extra() {
                0
            } else {
                plain_picks_after(tick)
            };
            (tick, worker.tenure, is_plain)
        })
    };
    // SAFETY: this is the carrier's thread, in its loop: the word says `RUN`, and the closure stays in the worker.
    let (tick, tenure, is_plain) = unsafe { carrier.with_worker(count) }??;
    if !is_plain && tick.is_multiple_of(OTHERS_EVERY) && is_one_too_many(carrier) {
        return None;
    }
    if shared.ranks.is_open()
        && let Some(task) = ranked::before_others(carrier, tick)
    {
        return Some(task);
    }
    if tenure == 1
        && let Some(task) = first(carrier)
    {
        return Some(task);
    }
    if !is_plain && let Some(task) = fair_or_waiting(carrier, tick) {
        return Some(task);
    }
    // The usual end of a pick, and so not a link of a chain.
    if let Some(task) = local(carrier, tick) {
        return Some(task);
    }
    elsewhere(carrier, tick)
}

/// Where a pick looks last.
#[inline(never)]
fn elsewhere(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    let shared = carrier.shared();
    let common = shared.reentry.pop().or_else(|| shared.injector.pop());
    common
        .or_else(|| if fire_timers(carrier, BATCHES) { local(carrier, tick) } else { None })
        .or_else(|| ranked::after_others(carrier, tick))
        .or_else(|| search(carrier))
}

/// What a pick that is not plain finds before it looks where all do.
#[inline(never)]
fn fair_or_waiting(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    let shared = carrier.shared();
    carrier.suspend_aside();
    let fair = match tick % FAIR_EVERY {
        0 => shared.injector.pop(),
        FAIR_HALF => fair(carrier, tick / FAIR_EVERY),
        _ => None,
    };
    if fair.is_some() || !tick.is_multiple_of(OTHERS_EVERY) {
        return fair;
    }
    fire_timers(carrier, 1);
    if !shared.offloaded.is_empty() {
        shared.hurry_calls();
    }
    shared.reentry.pop()
}

/// Is the worker to go to the reserve?
fn is_one_too_many(carrier: &Carrier) -> bool {
    carrier.shared().lobby.has_surplus()
        // SAFETY: this is the carrier's thread, in its loop: the word says `RUN`.
        && unsafe { carrier.with_worker(|worker| !worker.is_extra()) } == Some(true)
}

/// How many picks in a row after this one look neither at others' queues nor at the timers, nor are fair.
#[inline]
fn plain_picks_after(tick: u32) -> u8 {
    let in_turn = tick % FAIR_EVERY;
    let fair = if in_turn < FAIR_HALF { FAIR_HALF } else { FAIR_EVERY } - in_turn;
    let others = OTHERS_EVERY - tick % OTHERS_EVERY;
    (fair.min(others) - 1) as u8
}

impl Worker {
    /// A pick that leaves the loop out, of the next in the ring of pinned tasks. False: it is the loop's.
    #[inline]
    pub(super) fn pick_plainly(&mut self) -> bool {
        self.plain_picks > 0 && self.queues.is_empty() && self.count_plain_pick()
    }

    /// As [`Worker::pick_plainly`], of the next of those that yielded and may move.
    #[inline]
    pub(super) fn pick_yielded_plainly(&mut self) -> bool {
        self.plain_picks > 0 && self.queues.has_only_yielded() && self.count_plain_pick()
    }

    /// As [`Worker::pick_plainly`], of the pinned task that was woken on its carrier last. `is_alone`: no other is ready on the
    /// carrier.
    #[inline]
    pub(super) fn pick_woken_plainly(&mut self, is_alone: bool) -> bool {
        let streak = if self.woken_streak < WOKEN_BUDGET {
            self.woken_streak + 1
        } else if is_alone && self.queues.is_empty() && self.relieved.is_none() {
            // It had to wait for nobody.
            0
        } else {
            return false;
        };
        let is_picked = self.plain_picks > 0 && self.count_plain_pick();
        if is_picked {
            self.woken_streak = streak;
        }
        is_picked
    }

    #[inline]
    fn count_plain_pick(&mut self) -> bool {
        self.plain_picks -= 1;
        self.tenure = self.tenure.saturating_add(1);
        self.lends = 0;
        self.woken_streak = 0;
        self.next_tick();
        true
    }
}

/// The first pick of a worker on this carrier: the carrier stood in line for its pinned tasks, and
/// the worker may have been handed about, one pick at a time, while its own queues waited.
#[cold]
fn first(carrier: &Carrier) -> Option<TaskRef> {
    carrier.suspend_aside();
    let arrival = carrier.arrivals.get();
    carrier.arrivals.set(arrival.wrapping_add(1));
    let injected = || carrier.shared().injector.pop();
    let others = || {
        let oldest = arrival.is_multiple_of(OLDEST_EVERY).then(|| oldest(carrier)).flatten();
        let turn = arrival / 4;
        oldest
            .or_else(|| by_turns(carrier, turn, if turn & 2 == 0 { pinned } else { oldest_woken }))
    };
    // What comes from outside, timers among it, mostly goes first.
    if arrival.is_multiple_of(4) { others().or_else(injected) } else { injected().or_else(others) }
}

/// The oldest of the worker's deque.
fn oldest(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    unsafe { carrier.with_worker(Worker::pop_oldest) }?
}

/// The pinned task whose turn it is.
pub(super) fn pinned(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(Ring::pop) }
}

/// The oldest of the pinned tasks that were woken here.
fn oldest_woken(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(Ring::pop_oldest_woken) }
}

/// Are there pinned tasks that were woken?
#[inline]
fn has_woken(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    unsafe { carrier.with_ring(|ring| ring.has_woken()) }
}

/// A pinned task that was woken, a few times in a row.
#[inline]
fn woken(carrier: &Carrier) -> Option<TaskRef> {
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

/// The oldest of the tasks that yielded and may move.
fn yielded(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    unsafe { carrier.with_worker(|worker| worker.queues.pop_yielded()) }?
}

/// As `yielded`, or from another worker that has many more of them.
fn levelled(carrier: &Carrier) -> Option<TaskRef> {
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

/// The worker has taken tasks from another's queue without a search. For a moment they were in neither: who went idle
/// meanwhile may have missed them.
#[cold]
fn tell_of_others(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, in its loop.
    if unsafe { carrier.with_worker(|worker| !worker.queues.is_empty()) } == Some(true) {
        carrier.shared().after_queueing();
    }
}

/// From another worker that has tasks in its deque, for one that has none there: while its own tasks only yield it
/// never searches.
fn relieved(carrier: &Carrier) -> Option<TaskRef> {
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
fn more(carrier: &Carrier) -> Option<TaskRef> {
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

/// From the carrier's and the worker's own queues.
#[inline]
fn local(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    // The usual end of a pick, and so not a link of a chain.
    if let Some(task) = newest_here(carrier) {
        return Some(task);
    }
    more(carrier).or_else(|| by_turns(carrier, tick, pinned))
}

/// The newest of the pinned tasks that were woken here, or of the worker's own.
#[inline(always)]
fn newest_here(carrier: &Carrier) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, with a worker, and the closure stays in the queues.
    woken(carrier).or_else(|| unsafe { carrier.with_worker(Worker::pop_newest) }?)
}

/// Whom the loop would pick, for one who lends it a turn. None if the loop has something else to look at.
#[inline]
pub(super) fn newest(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    // ORDERING: Relaxed, the flag publishes nothing.
    let is_asked_to_yield = carrier.yield_flag.load(Ordering::Relaxed);
    // SAFETY: this is the carrier's thread, and the word says `RUN`.
    let is_recalled = unsafe { carrier.with_worker(|worker| worker.is_recalled()) }?;
    if is_asked_to_yield || is_recalled || shared.ranks.is_open() || shared.lobby.in_line() > 0 {
        return None;
    }
    newest_here(carrier)
}

/// Does anybody wait whom only a pick of the loop serves, and who is not only older than others?
#[cold]
pub(super) fn others_wait(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    // If it is ready, the next turn that is lent is its own.
    carrier.suspend_aside();
    !shared.injector.is_empty()
        || !shared.reentry.is_empty()
        || !shared.ranks.is_empty()
        || shared.timers.one_is_due(carrier.index)
        // SAFETY: this is the carrier's thread, and the closure stays in the ring.
        || unsafe { carrier.with_ring(|ring| ring.has_turns()) }
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        || unsafe { carrier.with_worker(|worker| worker.queues.has_yielded()) } == Some(true)
}

/// A `pinned` task, or the oldest of those that yielded and may move: the one or the other goes first.
#[inline]
fn by_turns(
    carrier: &Carrier,
    turn: u32,
    pinned: fn(&Carrier) -> Option<TaskRef>,
) -> Option<TaskRef> {
    if turn.is_multiple_of(2) {
        pinned(carrier).or_else(|| yielded(carrier))
    } else {
        yielded(carrier).or_else(|| pinned(carrier))
    }
}

/// The oldest task of one place after the other, beginning with another place each time.
fn fair(carrier: &Carrier, turn: u32) -> Option<TaskRef> {
    (0..4).find_map(|place| match (turn + place) % 4 {
        0 => pinned(carrier),
        1 => oldest(carrier),
        2 => oldest_woken(carrier),
        // Another worker's line is dear to look at.
        _ if turn % LEVEL_EVERY == 3 => levelled(carrier),
        _ => relieved(carrier).or_else(|| yielded(carrier)),
    })
}

#[cfg(test)]
mod tests {
    use super::{FAIR_EVERY, FAIR_HALF, OTHERS_EVERY, plain_picks_after};

    #[test]
    fn no_pick_that_looks_further_is_passed_over() {
        for tick in 0..2 * FAIR_EVERY * OTHERS_EVERY {
            let first_looking = (tick + 1..)
                .find(|it| it % OTHERS_EVERY == 0 || [0, FAIR_HALF].contains(&(it % FAIR_EVERY)))
                .expect("one in sixteen does");
            assert_eq!(u32::from(plain_picks_after(tick)), first_looking - tick - 1, "{tick}");
        }
    }
}
