//! The search: a worker with nothing of its own to do looks at the others' queues before it goes idle.
//!
//! Whoever queues work relies on those who search ([`crate::idle`]), so each way out of a search says that it is over.

use super::Worker;
use super::pick::pinned;
use super::put_off::tell;
use crate::carrier::Carrier;
use crate::metrics::Counter;
use crate::queue::Newest;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::task::TaskRef;
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// How often an empty worker looks at the others before it goes idle.
const ROUNDS: u32 = 4;

/// How long it leaves its processor to who has called it, at least. The kernel adds some 50 us of slack.
const ASIDE: Duration = Duration::from_micros(10);

/// How long it waits for mail then, where that has brought it: about as long as it takes to be woken.
const MAIL_WAIT: Duration = Duration::from_micros(8);

/// From other workers' queues, or pinned here meanwhile; the worker is counted as searching while it looks.
pub(super) fn search(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    unsafe {
        carrier.with_worker(|worker| {
            if !worker.searching {
                // Half of the workers searching are enough to find what there is.
                if 2 * shared.lobby.searching() >= shared.config.workers {
                    return None;
                }
                worker.searching = true;
                shared.lobby.start_searching();
            }
            // Who came for timers was asleep just now, and will be until the next: nobody sent for it. On the only
            // processor nobody queues anything meanwhile.
            let looks_once = worker.serves_timers || shared.processors == 1;
            let rounds = if looks_once { 1 } else { ROUNDS };
            let eyed = Cell::new(Newest::NONE);
            let mut look = |pauses: u32| {
                if !eyed.get().is_none() {
                    step_aside(shared);
                }
                // What comes meanwhile is not to wait for the end of the pause.
                for _ in 0..pauses {
                    if has_come(carrier) {
                        break;
                    }
                    (0..10).for_each(|_| std::hint::spin_loop());
                }
                let reentering = shared.reentry.pop();
                reentering
                    .or_else(|| steal(shared, worker, &eyed))
                    .or_else(|| shared.injector.pop())
                    .or_else(|| shared.ranks.pop_any())
            };
            let mut found = (0..rounds).find_map(|round| look((5 << round) - 5));
            if found.is_none() && !eyed.get().is_none() {
                found = look(5);
            }
            if found.is_some() {
                worker.count(Counter::Steals);
            }
            found
        })
    }
    .flatten()
    .or_else(|| pinned(carrier))
    .or_else(|| await_mail(carrier))
}

/// To be woken may have driven the one who is about to run its newest task off its processor: it has that again for a
/// moment.
///
/// Not by a yield if it is there: should it compute, the kernel leaves the processor to it for a slice of 1.5 ms, and the
/// task waits for as long, beside another processor that sleeps. Who wakes from a sleep goes wherever one is free.
fn step_aside(shared: &Shared) {
    // SAFETY: has no conditions.
    let here = unsafe { libc::sched_getcpu() };
    // ORDERING: Relaxed, a hint, written in `Shared::rouse`: who reads an older one yields, or sleeps for a moment in vain.
    if shared.processors > 1 && here == shared.called_on.load(Ordering::Relaxed) {
        thread::sleep(ASIDE);
    } else {
        thread::yield_now();
    }
}

/// Where mail has brought the worker, more of it is waited for before it rests: a task there mostly has an answer for
/// the one here, and to be woken for it takes longer than to wait, for both of them each time.
fn await_mail(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop.
    let expects_mail =
        unsafe { carrier.with_worker(|worker| std::mem::take(&mut worker.expects_mail)) };
    if expects_mail != Some(true) || shared.active_workers() > shared.processors {
        return None;
    }
    // What is queued meanwhile is not left to one who only waits.
    found_work(carrier);
    let start = Instant::now();
    while !has_come(carrier) {
        if start.elapsed() >= MAIL_WAIT {
            return None;
        }
        (0..10).for_each(|_| std::hint::spin_loop());
    }
    // SAFETY: as above.
    unsafe { carrier.with_worker(|worker| worker.expects_mail = true) };
    pinned(carrier)
        .or_else(|| shared.reentry.pop())
        .or_else(|| shared.injector.pop())
        .or_else(|| shared.ranks.pop_any())
}

/// Is there something for this carrier, or for any?
fn has_come(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    !carrier.mailbox.is_empty()
        || !shared.reentry.is_empty()
        || !shared.injector.is_empty()
        || !shared.ranks.is_empty()
}

/// From each other worker once, beginning anywhere.
///
/// The newest task of one is taken only if it was `eyed` at the look before. Who has made it ready mostly waits for it
/// next, and runs it within less than a pause; carried off, it would be pinned far from the one that it talks to.
fn steal(shared: &Shared, worker: &mut Worker, eyed: &Cell<Newest>) -> Option<TaskRef> {
    let queues = shared.queues();
    let start = worker.random_below(queues.len());
    let own = worker.index;
    let others = || (start..queues.len()).chain(0..start).filter(|index| *index != own);
    let steal = |other: usize| {
        let task = worker.queues.steal_from(&queues[other].queues)?;
        worker.relieved = Some(other);
        Some(task)
    };
    let seen = eyed.replace(Newest::NONE);
    others().find_map(steal).or_else(|| {
        others().find_map(|other| {
            let other = &queues[other].queues;
            let newest = other.newest();
            if newest == seen {
                return other.take_newest(newest);
            }
            if !newest.is_none() {
                eyed.set(newest);
            }
            None
        })
    })
}

/// The carrier's worker has work. If it was the last to search, the search passes on: what was
/// queued meanwhile counted on it.
#[inline]
pub(super) fn found_work(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, in its loop.
    let has_to_tell =
        unsafe { carrier.with_worker(|worker| worker.searching || worker.put_off.is_some()) };
    if has_to_tell == Some(true) {
        tell(carrier);
    }
}

/// The carrier's worker does not search any more. True: it was the last that did.
#[inline]
pub(super) fn stop_searching(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop.
    let searched = unsafe { carrier.with_worker(|worker| std::mem::take(&mut worker.searching)) };
    searched == Some(true) && carrier.shared().lobby.stop_searching()
}
