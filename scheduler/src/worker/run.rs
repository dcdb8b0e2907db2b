//! The loop of a carrier: pick a task, resume it, settle why it came back.
//!
//! In the loop there is no current task: what is called from here acts as the scheduler itself.
//! After each resume everything about the worker is read anew: the task may have gone to native
//! code and lost it, and the carrier may own another now, or none.
//!
//! # Who is served when
//!
//! Ordinarily: the slot (three times in a row at most), the deque newest first, then, in turn, the
//! ring of pinned tasks and the ring of those that yielded; with all empty the re-entry queue, the
//! injector, and other workers' queues. Newest first would starve the old, so
//!
//! - every 61st pick takes the oldest from one of the injector, the rings and the deque, in turn;
//! - every 16th pick looks into the re-entry queue first;
//! - a worker that comes to a carrier serves the injector first;
//! - a worker that was with its carrier for 16 picks goes to the first carrier in line.

use crate::carrier::Carrier;
use crate::crossing::fence::light;
use crate::fiber::{Fiber, Reason};
use crate::idle::Placed;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use crate::task::TaskRef;
use crate::task::join::{Refusal, refuse};
use crate::task::state::Suspend;
use crate::worker::{Worker, current};
use std::ptr::{self, NonNull};
use std::time::Duration;

const FAIR_EVERY: u32 = 61;
const REENTRY_EVERY: u32 = 16;
const TENURE: u32 = 16;

/// How often an empty worker looks at the others before it goes idle.
const SEARCH_ROUNDS: u32 = 4;

/// How long a spare that holds no tasks sleeps before it ends, if there are enough others.
const SPARE_LINGER: Duration = Duration::from_secs(10);

/// A carrier's thread, from its start to its end.
pub(crate) fn carrier_main(shared: Arc<Shared>, carrier: &Carrier, first: Option<Box<Worker>>) {
    current::set_carrier(carrier);
    if let Some(worker) = first {
        // SAFETY: this is the carrier's thread, and a new carrier's word says `WAITING`.
        unsafe { carrier.put_worker(worker) };
    }
    loop {
        if carrier.word.is_run() {
            match next(carrier) {
                Some(task) => run(carrier, task),
                None => retire(carrier),
            }
        } else if !become_spare(carrier) {
            break;
        }
        if shared.is_stopping() && !stay_for_tasks(carrier) {
            break;
        }
    }
    current::set_carrier(ptr::null());
    shared.end_carrier(carrier);
}

/// At the end of the runtime: does the carrier still have something to run?
fn stay_for_tasks(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop, so the word is neither NATIVE nor TAKEN.
    carrier.word.is_run() && !unsafe { carrier.is_alone() } && !carrier.shared().is_terminated()
}

/// The next task for the worker that this carrier owns.
fn next(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop: the word says `RUN`.
    let (tick, tenure, fresh) = unsafe {
        carrier.with_worker(|worker| {
            worker.tick = worker.tick.wrapping_add(1);
            worker.tenure = worker.tenure.saturating_add(1);
            (worker.tick, worker.tenure, worker.tenure == 1)
        })
    }?;
    if shared.lobby.in_line() > 0 && tenure > TENURE && cede(carrier) {
        return None;
    }
    if fresh && let Some(task) = shared.injector.pop() {
        return Some(task);
    }
    if tick.is_multiple_of(FAIR_EVERY)
        && let Some(task) = fair(carrier, tick / FAIR_EVERY)
    {
        return Some(task);
    }
    if tick.is_multiple_of(REENTRY_EVERY)
        && let Some(task) = shared.reentry.pop()
    {
        return Some(task);
    }
    local(carrier, tick)
        .or_else(|| shared.reentry.pop())
        .or_else(|| shared.injector.pop())
        .or_else(|| search(carrier))
}

/// From the carrier's and the worker's own queues.
#[inline]
fn local(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closures stay in the queues.
    let newest = unsafe { carrier.with_worker(|worker| worker.queues.pop()) }?;
    if newest.is_some() {
        return newest;
    }
    // SAFETY: as above.
    let pinned = || unsafe { carrier.with_ring(|ring| ring.pop_front()) };
    // SAFETY: as above.
    let yielded = || unsafe { carrier.with_worker(|worker| worker.queues.pop_yielded()) }?;
    if tick.is_multiple_of(2) {
        pinned().or_else(yielded)
    } else {
        yielded().or_else(pinned)
    }
}

/// The oldest task of one place after the other, beginning with another place each time.
fn fair(carrier: &Carrier, turn: u32) -> Option<TaskRef> {
    (0..4).find_map(|place| match (turn + place) % 4 {
        0 => carrier.shared().injector.pop(),
        // SAFETY: this is the carrier's thread, in its loop, and the closures stay in the queues.
        1 => unsafe { carrier.with_ring(|ring| ring.pop_front()) },
        // SAFETY: as above.
        2 => unsafe { carrier.with_worker(|worker| worker.queues.pop_oldest()) }?,
        // SAFETY: as above.
        _ => unsafe { carrier.with_worker(|worker| worker.queues.pop_yielded()) }?,
    })
}

/// From other workers' queues; the worker is counted as searching while it looks.
fn search(carrier: &Carrier) -> Option<TaskRef> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    let found = unsafe {
        carrier.with_worker(|worker| {
            if !worker.searching {
                // Half of the workers searching are enough to find what there is.
                if 2 * shared.lobby.searching() >= shared.shown.len().max(2) {
                    return None;
                }
                worker.searching = true;
                shared.lobby.start_searching();
            }
            let found = (0..SEARCH_ROUNDS).find_map(|round| {
                if round > 0 {
                    (0..50 << round).for_each(|_| std::hint::spin_loop());
                }
                steal(shared, worker).or_else(|| shared.injector.pop())
            });
            if found.is_some() {
                worker.count(Counter::Steals);
            }
            found
        })
    }?;
    if found.is_some() {
        found_work(carrier);
    }
    found
}

/// From each other worker once, beginning anywhere.
fn steal(shared: &Shared, worker: &mut Worker) -> Option<TaskRef> {
    let workers = shared.shown.len();
    let start = worker.random_below(workers);
    (0..workers)
        .map(|offset| (start + offset) % workers)
        .filter(|index| *index != worker.index)
        .find_map(|index| worker.queues.steal_from(&shared.shown[index].queues))
}

/// The carrier's worker has work. If it was the last to search, the search passes on: what was
/// queued meanwhile counted on it.
fn found_work(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, in its loop.
    let searched = unsafe { carrier.with_worker(|worker| std::mem::take(&mut worker.searching)) };
    if searched == Some(true) && carrier.shared().lobby.stop_searching() {
        carrier.shared().after_queueing();
    }
}

/// Gives the worker to the first in line. The carrier follows at the end of the line if it has
/// pinned work. False: nobody is in line any more.
fn cede(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop.
    let returns = unsafe { carrier.with_ring(|ring| !ring.is_empty()) };
    stop_searching(carrier);
    // Before the lobby knows it: who sees the carrier there must see what it is.
    if returns {
        carrier.word.wait()
    } else {
        carrier.word.spare()
    }
    let Some(first) = carrier.shared().lobby.cede(carrier.as_ref(), returns) else {
        carrier.word.run();
        return false;
    };
    // SAFETY: as above.
    if let Some(worker) = unsafe { carrier.take_worker() } {
        first.give(worker);
    }
    if returns {
        take_gift_or_stop(carrier);
    } else {
        sleep_as_spare(carrier);
    }
    true
}

fn stop_searching(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop.
    let searched = unsafe { carrier.with_worker(|worker| std::mem::take(&mut worker.searching)) };
    searched == Some(true) && carrier.shared().lobby.stop_searching()
}

/// Nothing to do: the worker goes to the line or to the idle ones, the carrier to the spares.
fn retire(carrier: &Carrier) {
    if !carrier.word.is_run() {
        return;
    }
    stop_searching(carrier);
    tracing::trace!(target: "sortie::carrier", carrier = carrier.index, "idle");
    carrier.word.spare();
    // SAFETY: this is the carrier's thread, in its loop, and the word says `SPARE`.
    let Some(worker) = (unsafe { carrier.take_worker() }) else {
        return;
    };
    if let Placed::Given(worker, first) = carrier.shared().lobby.retire(worker, carrier.as_ref()) {
        first.give(worker);
    }
    sleep_as_spare(carrier);
}

/// A carrier in its loop that has lost its worker. False: it is to end.
fn become_spare(carrier: &Carrier) -> bool {
    if let Some(worker) = carrier.take_gift() {
        // SAFETY: this is the carrier's thread, in its loop, without a worker.
        unsafe { carrier.put_worker(worker) };
        return true;
    }
    if carrier.shared().is_stopping() {
        return false;
    }
    tracing::trace!(target: "sortie::carrier", carrier = carrier.index, "spare");
    carrier.word.spare();
    carrier.shared().lobby.add_spare(carrier.as_ref());
    sleep_as_spare(carrier)
}

/// Sleeps among the spares until a worker comes. False: the carrier is to end.
///
/// First looks once more at what it may have missed: mail (carrier.summons), and queued work with
/// an idle worker (idle.counters).
fn sleep_as_spare(carrier: &Carrier) -> bool {
    let shared = carrier.shared();
    // ORDERING(carrier.summons): SeqCst, between the store of `SPARE` and the look at the mailbox;
    // pairs with the fence between push and look in `Shared::submit`.
    // ORDERING(idle.counters): SeqCst, between the idle worker's count and the look at the queues;
    // pairs with the fence between push and look in `Shared::after_queueing`.
    fence(Ordering::SeqCst);
    if !carrier.mailbox.is_empty() {
        shared.summon(carrier);
    } else if shared.work_waits()
        && let Some(worker) = shared.lobby.reclaim(carrier.as_ref())
    {
        // SAFETY: this is the carrier's thread, in its loop, without a worker.
        unsafe { carrier.put_worker(worker) };
        return true;
    }
    // One limited sleep decides whether this spare is too many: an idle runtime wakes nobody.
    let mut lingers = true;
    loop {
        if let Some(worker) = carrier.take_gift() {
            // SAFETY: as above.
            unsafe { carrier.put_worker(worker) };
            return true;
        }
        if shared.is_stopping() {
            return false;
        }
        if carrier.pinned.get() > 0 || !std::mem::take(&mut lingers) {
            carrier.parker.park();
        } else if !carrier.parker.park_timeout(SPARE_LINGER)
            && shared
                .lobby
                .dismiss(carrier.as_ref(), shared.config.workers)
        {
            return false;
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
            // A gift that was on its way is in the word by now: the lobby was closed before.
            return carrier.take_gift();
        }
        carrier.parker.park();
    }
}

fn take_gift_or_stop(carrier: &Carrier) {
    if let Some(worker) = wait_for_gift(carrier) {
        // SAFETY: this is the carrier's thread, in its loop, without a worker.
        unsafe { carrier.put_worker(worker) };
    }
}

/// Runs a task until it gives the carrier back.
fn run(carrier: &Carrier, task: TaskRef) {
    if carrier.shared().is_closing() && task.fiber.get().is_none() {
        // SAFETY: this is the carrier's thread, in its loop.
        unsafe { carrier.with_worker(|worker| worker.count(Counter::Finished)) };
        refuse(task, Refusal::ShutDown);
        carrier.shared().after_finish();
        return;
    }
    found_work(carrier);
    let Some(mut fiber) = task.fiber.get().or_else(|| start(carrier, &task)) else {
        return;
    };
    // ORDERING: Relaxed, see the carrier's field rules.
    carrier
        .current
        .store(task.as_raw().as_ptr(), Ordering::Relaxed);
    let reason = {
        let _span = (!task.span.is_none()).then(|| task.span.enter());
        // SAFETY: the task came from a queue, so its fiber is this loop's alone.
        let fiber = unsafe { fiber.as_mut() };
        // SAFETY: a new fiber was prepared by `start`, others are suspended in the task. A started task is queued where it may run: pinned ones with their
        // carrier, others only if `migrating` was promised.
        unsafe { fiber.resume() }
    };
    // ORDERING: Relaxed, before the look at the stage in `finish`; see `shutdown::census`.
    carrier.current.store(ptr::null_mut(), Ordering::Relaxed);
    settle(carrier, task, reason);
}

/// A task runs for the first time: a fiber for it, and a home if it is pinned.
fn start(carrier: &Carrier, task: &TaskRef) -> Option<NonNull<Fiber>> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop.
    let warm = unsafe { carrier.with_worker(Worker::take_fiber) }.flatten();
    let mut fiber = match warm.map_or_else(|| shared.fibers.take(), Ok) {
        Ok(fiber) => fiber,
        Err(error) => {
            // SAFETY: as above.
            unsafe { carrier.with_worker(|worker| worker.count(Counter::Finished)) };
            let why = error.to_string();
            refuse(task.clone(), Refusal::Stack(error));
            shared.after_finish();
            tracing::error!(target: "sortie::task", task = task.id.get(), why, "no stack");
            return None;
        }
    };
    fiber.prepare(task.body());
    if !task.migrating {
        // ORDERING: Relaxed, the owner writes; published by the state word (task.state).
        task.home
            .store(ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
        carrier.pinned.set(carrier.pinned.get() + 1);
    }
    let fiber = NonNull::from(Box::leak(fiber));
    task.fiber.set(Some(fiber));
    Some(fiber)
}

/// Does what the task's way back asks for.
#[inline]
fn settle(carrier: &Carrier, task: TaskRef, reason: Reason) {
    let shared = carrier.shared();
    match reason {
        Reason::Yielded => {
            if task.migrating {
                // SAFETY: this is the carrier's thread, in its loop; a task yields with a worker.
                let left = unsafe {
                    carrier.with_worker(|worker| {
                        let others = !worker.queues.is_empty();
                        worker.queues.push_last(task);
                        others
                    })
                };
                if left == Some(true) && shared.lobby.idle() > 0 {
                    shared.after_queueing();
                }
            } else {
                // SAFETY: as above.
                unsafe { carrier.with_ring(|ring| ring.push_back(task)) };
            }
        }
        Reason::Suspended => {
            shared.living.add(&task);
            // While the task is suspended its scheduler's reference belongs to nobody; the winner
            // of a wake takes it over.
            let raw = task.into_raw();
            // SAFETY: the reference was not given up before the task is suspended.
            match unsafe { raw.as_ref() }.state.transition_to_suspended() {
                // After this line the task may be gone.
                Suspend::Suspended => {}
                Suspend::Woken => {
                    // SAFETY: nobody else took the reference over.
                    shared.submit(unsafe { TaskRef::from_raw(raw) });
                }
            }
        }
        Reason::Reentering => {
            shared.reentry.push(task);
            shared.after_queueing();
        }
        Reason::Done => finish(carrier, task),
    }
}

/// A task has ended: its fiber is for the next.
fn finish(carrier: &Carrier, task: TaskRef) {
    let shared = carrier.shared();
    if !task.migrating {
        carrier.pinned.set(carrier.pinned.get() - 1);
    }
    let fiber = task.fiber.take().expect("a task that ends had a fiber");
    // SAFETY: `start` leaked this box, and the task no longer names it.
    let fiber = unsafe { Box::from_raw(fiber.as_ptr()) };
    let surplus = if carrier.word.is_run() {
        // SAFETY: this is the carrier's thread, in its loop.
        let surplus = unsafe {
            carrier.with_worker(|worker| {
                worker.count(Counter::Finished);
                worker.keep_fiber(fiber)
            })
        };
        surplus.flatten()
    } else {
        // A straggler that came back after the end of its runtime.
        shared.metrics.add(Counter::Finished);
        Some(vec![fiber])
    };
    if let Some(surplus) = surplus {
        shared.fibers.give(surplus);
    }
    shared.living.remove(&task);
    light();
    let census = shared.is_closing().then(|| shared.census.lock());
    drop(task);
    drop(census);
    shared.after_finish();
}
