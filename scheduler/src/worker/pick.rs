//! Which task is next.
//!
//! A pick asks one place after the other, and takes the first task that it finds:
//!
//! 1. of the pinned tasks that were woken, if there is one, the oldest that was woken elsewhere (once in a row), then the
//!    newest that was woken on this carrier: three in a row at most;
//! 2. the worker's deque, newest first: three in a row at most that were queued since the last pick, then the one before;
//! 3. another worker's deque, if this one has taken from it, and has begun all that; or if its only task yields;
//! 4. by turns, the ring of pinned tasks and the ring of those that yielded and may move;
//! 5. the re-entry queue, the injector, timers that are due, and all other workers' queues (`search.rs`).
//!
//! Tasks of other priorities come before or between all that: `ranked.rs`. Newest first would starve the old, so some
//! picks ask something else before:
//!
//! | pick | asks before |
//! |---|---|
//! | every 61st | the injector |
//! | halfway between | the oldest of the pinned tasks that take turns, of the deque, of the pinned ones that were woken, or of those that yielded: each time another of them leads. Now and then the last one's ring is levelled with that of a worker that has many more; and a worker whose tasks only yield takes from another's deque |
//! | every 16th | the timers, the native calls that wait for a thread, and the re-entry queue; if more workers are at work than are to be, it finds nothing, and the worker goes to the reserve |
//! | the first of a worker that comes to a carrier | the injector, or the oldest of the carrier's pinned tasks and of those that yielded, by turns of the carrier's own, at times that of the deque. A task that hands its worker over in each call makes every pick such a one |
//!
//! Beside that, after a number of native calls that the deque's tasks have left for, those that yielded have a turn
//! (`share.rs`), and a worker that was with its carrier for 16 picks goes to the first carrier in line (`without.rs`).
//!
//! Here is the order. `pick/places.rs` takes from each place, `pick/plain.rs` counts, and says which picks look no further.

mod places;
mod plain;

pub(super) use self::places::pinned;
use self::places::{has_woken, levelled, more, oldest, oldest_woken, relieved, woken, yielded};
use self::plain::{Counted, FAIR_EVERY, FAIR_HALF, OTHERS_EVERY};
use super::put_off::fire_timers;
use super::search::search;
use super::{Worker, ranked};
use crate::carrier::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::TaskRef;
use crate::timer::BATCHES;

/// One in so many of the fair picks in between levels the rings: a multiple of four.
const LEVEL_EVERY: u32 = 16;
/// One first pick in so many serves the oldest of the deque: a multiple of four.
const OLDEST_EVERY: u32 = 16;

/// The next task for the worker that this carrier owns.
pub(super) fn next(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    if carrier.keeps_aside() && !has_woken(carrier) {
        carrier.suspend_aside();
    }
    // SAFETY: this is the carrier's thread, in its loop: the word says `RUN`, and the closure stays in the worker.
    let Counted { tick, tenure, is_plain } = unsafe { carrier.with_worker(Worker::count_pick) }??;
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
