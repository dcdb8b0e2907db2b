//! A carrier without a worker: how it gives its own away, and gets one again.
//!
//! It sleeps among the spares, who are given a worker when there is work, or stands in line, because
//! it has something that only it can run. On either way it looks again after it has said so, at
//! what it may have missed.

use super::Worker;
use super::search::stop_searching;
use crate::carrier::Carrier;
use crate::crossing::{Bound, Refused};
use crate::idle::Placed;
use crate::queue::Ring;
use crate::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::timer::{BATCHES, Server};
use std::time::{Duration, Instant};

/// How many picks a worker stays with a carrier before it goes to one in line.
const TENURE: u32 = 16;

/// How long one spare looks out for work before it sleeps.
const HOT: Duration = Duration::from_micros(50);

/// How long a spare that holds no tasks sleeps before it ends, if there are enough others.
const SPARE_LINGER: Duration = Duration::from_secs(10);

/// Has the worker been here for long enough, and does somebody stand in line for one?
#[inline]
pub(super) fn is_due_to_cede(carrier: &Carrier) -> bool {
    carrier.shared().lobby.in_line() > 0
        // SAFETY: this is the carrier's thread, in its loop: the word says `RUN`.
        && unsafe { carrier.with_worker(|worker| worker.tenure > TENURE && !worker.is_recalled()) }
            == Some(true)
}

/// Gives the worker to the first in line. The carrier follows at the end of the line if it has
/// pinned work. False: it is to end.
pub(super) fn cede(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop.
    let returns = unsafe { carrier.with_ring(|ring| !ring.is_empty()) };
    stop_searching(carrier);
    // Before the lobby knows it: who sees the carrier there must see what it is.
    if returns {
        carrier.word.wait();
    } else {
        carrier.word.spare();
    }
    let Some(first) = carrier.shared().lobby.cede(carrier.as_ref(), returns) else {
        // Nobody is in line any more.
        carrier.word.run();
        return true;
    };
    // SAFETY: this is the carrier's thread, in its loop, and the word does not say `RUN`.
    if let Some(mut worker) = unsafe { carrier.take_worker() } {
        worker.serves_timers = false;
        first.give(worker);
    }
    if !returns {
        return sleep_as_spare(carrier, false);
    }
    let Some(worker) = wait_for_gift(carrier) else { return false };
    // SAFETY: this is the carrier's thread, in its loop, without a worker.
    unsafe { carrier.put_worker(worker) };
    true
}

/// Nothing to do, or one worker too many: it goes to the line, to the idle ones or to the reserve, an extra one back if
/// nobody wants it, and the carrier to the spares. False: it is to end.
pub(super) fn retire(carrier: &Carrier) -> bool {
    stop_searching(carrier);
    tracing::trace!(target: "sortie::carrier", carrier = carrier.index, "idle");
    carrier.word.spare();
    // SAFETY: this is the carrier's thread, in its loop, and the word says `SPARE`.
    let Some(mut worker) = (unsafe { carrier.take_worker() }) else { return true };
    let was_handed_off = worker.rest();
    if worker.is_extra() {
        carrier.shared().lobby.add_spare(carrier.as_ref());
        carrier.shared().hand_on(worker);
        return sleep_as_spare(carrier, was_handed_off);
    }
    if !worker.queues.is_empty() {
        give_queued(carrier.shared(), &worker);
    }
    if let Placed::Given(worker, first) = carrier.shared().lobby.retire(worker, carrier.as_ref()) {
        first.give(worker);
    }
    sleep_as_spare(carrier, was_handed_off)
}

/// A worker is one too many, and in the reserve only thieves would look at what it has queued. That goes where all
/// workers look soon: behind what comes from outside it would wait for tens of milliseconds.
#[cold]
fn give_queued(shared: &Shared, worker: &Worker) {
    while let Some(task) = worker.queues.remote().take_any() {
        shared.reentry.push(task);
    }
    shared.after_queueing();
    shared.drain_if_terminated();
}

/// A thread that was started without a worker is here. False: it is to end.
pub(super) fn arrive(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    if shared.is_stopping() {
        shared.offloaded.end_start();
        return false;
    }
    carrier.word.spare();
    shared.lobby.add_spare(carrier.as_ref());
    // After it is one of the spares: else nobody would know of it for a moment. Before the looks at the calls
    // (backlog.starting).
    shared.offloaded.end_start();
    if !shared.offloaded.is_empty() && shared.lobby.leave_spares(carrier.as_ref()) {
        return true;
    }
    sleep_as_spare(carrier, true)
}

/// A carrier in its loop that has lost its worker. False: it is to end.
pub(super) fn become_spare(carrier: &Carrier) -> bool {
    if carrier.shared().is_stopping() {
        return false;
    }
    tracing::trace!(target: "sortie::carrier", carrier = carrier.index, "spare");
    carrier.word.spare();
    carrier.shared().lobby.add_spare(carrier.as_ref());
    sleep_as_spare(carrier, true)
}

/// Sleeps among the spares until a worker comes. False: the carrier is to end.
///
/// `hot`: it has run on a worker that was handed off, or made a native call.
fn sleep_as_spare(carrier: &Carrier, mut hot: bool) -> bool {
    loop {
        if let Some(stays) = look_once_more(carrier) {
            return stays;
        }
        if hot {
            stay_hot(carrier);
        }
        match sleep(carrier) {
            Awake::Stays => return true,
            Awake::Ends => return false,
            Awake::InVain => {
                let lobby = &carrier.shared().lobby;
                lobby.add_spare(carrier.as_ref());
                // What was left to its search it looks for itself, first thing.
                lobby.stop_searching();
                hot = true;
            }
        }
    }
}

/// A spare looks at what it may have missed: pinned tasks, in the ring or come by mail
/// (carrier.summons), queued work with an idle worker (idle.counters), and calls to make. What the
/// carrier then does is given back, if it is anything else than to sleep: does it stay?
fn look_once_more(carrier: &Carrier) -> Option<bool> {
    let shared = carrier.shared();
    // ORDERING(carrier.summons): SeqCst, between the store of `SPARE` and the look at the mailbox;
    // pairs with the fence between push and look in `Shared::submit`.
    // ORDERING(idle.counters): SeqCst, between the idle worker's count and the look at the queues;
    // pairs with the fence between push and look in `Shared::after_queueing`.
    fence(Ordering::SeqCst);
    // SAFETY: this is the carrier's thread, in its loop.
    let has_pinned_work = unsafe { carrier.with_ring(|ring| !ring.is_empty()) };
    if has_pinned_work {
        shared.summon(carrier);
    } else if shared.work_waits() && reclaim(carrier, false) {
        return Some(true);
    }
    // Work that was left to this carrier's search, and that it has no worker for now.
    shared.look_again();
    // A call that was queued before this was a spare (offload.matched).
    if !shared.offloaded.is_empty() {
        if carrier.pinned() == 0 && shared.lobby.leave_spares(carrier.as_ref()) {
            return Some(true);
        }
        shared.hurry_calls();
    }
    let is_surplus = shared.is_beyond_cap()
        && carrier.pinned() == 0
        && shared.lobby.leave_spares(carrier.as_ref());
    is_surplus.then(|| is_needed_after_all(carrier))
}

/// Why a spare has woken.
enum Awake {
    /// It has a worker, or a call to make or to look for: the loop does.
    Stays,
    /// It is to end.
    Ends,
    /// It was called, and others were faster: it is none of the spares, and still counts as searching.
    InVain,
}

/// A spare sleeps until it is wanted, or not needed any more.
fn sleep(carrier: &Carrier) -> Awake {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop.
    unsafe { carrier.with_ring(Ring::rest) };
    // One limited sleep decides whether this spare is too many: an idle runtime wakes nobody.
    let mut lingers = true;
    loop {
        if let Some(worker) = carrier.take_gift() {
            // SAFETY: this is the carrier's thread, in its loop, without a worker.
            unsafe { carrier.put_worker(worker) };
            return Awake::Stays;
        }
        if carrier.has_job() || carrier.take_recall() {
            return Awake::Stays;
        }
        if carrier.take_call() {
            let Some(mut worker) = shared.lobby.take_idle() else { return Awake::InVain };
            worker.searching = true;
            // SAFETY: as above.
            unsafe { carrier.put_worker(worker) };
            return Awake::Stays;
        }
        if shared.is_stopping() {
            return Awake::Ends;
        }
        if let Some(vigil) = shared.timers.keep(carrier.index) {
            shared.sleep_slack.put_off(|| carrier.parker.park_timeout(vigil.left()));
            drop(vigil);
            if serve_timers(carrier) {
                return Awake::Stays;
            }
        } else if carrier.pinned() > 0 || !std::mem::take(&mut lingers) {
            carrier.parker.park();
        } else if !carrier.parker.park_timeout(SPARE_LINGER)
            && shared.lobby.dismiss(carrier.as_ref(), shared.config.workers)
        {
            return Awake::Ends;
        }
    }
}

/// The time's keeper is awake. If a timer is due it takes an idle worker, by which the loop serves it and runs
/// whom it wakes (true); with none idle the carrier serves it without.
fn serve_timers(carrier: &Carrier) -> bool {
    let now = Instant::now();
    let timers = &carrier.shared().timers;
    let keeper = Server::Keeper(carrier.index);
    if !timers.is_due(now, keeper) {
        return false;
    }
    let has_worker = reclaim(carrier, true);
    if !has_worker {
        timers.fire(now, BATCHES, keeper);
    }
    has_worker
}

/// A spare has found something to do, and takes an idle worker for it. False: none is idle, or the carrier is
/// no spare any more.
fn reclaim(carrier: &Carrier, serves_timers: bool) -> bool {
    let shared = carrier.shared();
    let Some(mut worker) = shared.lobby.reclaim(carrier.as_ref()) else { return false };
    worker.serves_timers = serves_timers;
    // Whoever queued work meanwhile counts on a search to find it.
    worker.searching = true;
    shared.lobby.start_searching();
    // SAFETY: this is the carrier's thread, in its loop, without a worker.
    unsafe { carrier.put_worker(worker) };
    true
}

/// One carrier more than there may be is none of the spares any more, and about to end. Did anybody
/// count on it meanwhile?
#[cold]
fn is_needed_after_all(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    // ORDERING(idle.counters): SeqCst, between leaving the spares and the look at the queues; pairs
    // with the fence between push and look in `Shared::after_queueing`.
    fence(Ordering::SeqCst);
    if !shared.offloaded.is_empty() {
        return true;
    }
    if !shared.work_waits() {
        return false;
    }
    let Some(worker) = shared.lobby.take_idle() else { return false };
    // SAFETY: this is the carrier's thread, in its loop, without a worker.
    unsafe { carrier.put_worker(worker) };
    true
}

/// A spare that was at work just now looks out for more before it sleeps: to be woken takes 6 us and
/// more. One at a time, and only where a processor is free for it.
fn stay_hot(carrier: &Carrier) {
    let shared = carrier.shared();
    // ORDERING: Relaxed, the flag publishes nothing.
    if shared.active_workers() >= shared.processors
        || shared.has_hot_spare.swap(true, Ordering::Relaxed)
    {
        return;
    }
    let start = Instant::now();
    // Oftener than at the clock: half of the time between two looks is what a call waits.
    let is_wanted_soon = || {
        (0..16).any(|_| {
            std::hint::spin_loop();
            carrier.is_wanted()
        })
    };
    while !carrier.is_wanted() && !shared.is_stopping() && start.elapsed() < HOT {
        if is_wanted_soon() {
            break;
        }
    }
    // ORDERING: Relaxed, as above.
    shared.has_hot_spare.store(false, Ordering::Relaxed);
}

/// As [`wait_for_gift`], for who waits only so long, or until it is told not to.
///
/// # Errors
/// Why there is no worker; the carrier is not in line any more.
pub(crate) fn wait_within(carrier: &Carrier, bound: &Bound<'_>) -> Result<Box<Worker>, Refused> {
    loop {
        if let Some(worker) = carrier.take_gift() {
            return Ok(worker);
        }
        if let Some(why) = bound.end() {
            if carrier.shared().lobby.leave_line(carrier.as_ref()) {
                return Err(why);
            }
            // One is on its way.
            return wait_for_gift(carrier).ok_or(Refused::Terminated);
        }
        if carrier.shared().is_terminated() {
            return Err(Refused::Terminated);
        }
        match bound.until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                carrier.parker.park_timeout(left);
            }
            None => carrier.parker.park(),
        }
    }
}

/// Sleeps in line until a worker comes; `None` if none will.
pub(crate) fn wait_for_gift(carrier: &Carrier) -> Option<Box<Worker>> {
    loop {
        if let Some(worker) = carrier.take_gift() {
            return Some(worker);
        }
        if carrier.shared().is_terminated() {
            // One that is still on its way is swept up by the shutdown.
            return None;
        }
        carrier.parker.park();
    }
}
