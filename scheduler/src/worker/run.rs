//! The loop of a carrier: pick a task, resume it, settle why it came back.
//!
//! A task that runs for the first time is made ready in `start.rs`, one that has ended goes to `finish.rs`.
//!
//! In the loop there is no current task: what is called from here acts as the scheduler itself.
//! After each resume everything about the worker is read anew: the task may have gone to native
//! code and lost it, and the carrier may own another now, or none.

use super::finish::{finish, finish_on_own_stack, keep_fiber};
use super::lend::{lender, unpile};
use super::pick::next;
use super::search::found_work;
use super::start::start;
use super::without::{arrive, become_spare, cede, is_due_to_cede, retire};
use super::{Worker, current};
use crate::carrier::{Carrier, CarrierRef};
use crate::fiber::{Fiber, Reason};
use crate::handler;
use crate::offload::serve;
use crate::penalty::call_first;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::task::{Header, TaskRef};
use crossbeam_utils::Backoff;
use std::ptr::{self, NonNull};

/// A carrier's thread, from its start to its end. `arrives`: it was started without a worker, and counted as that.
pub(crate) fn carrier_main(
    shared: &Shared,
    carrier: CarrierRef,
    first: Option<Box<Worker>>,
    mut arrives: bool,
) {
    current::set_carrier(&*carrier);
    handler::remember(&carrier);
    carrier.vitals.begin();
    shared.sleep_slack.set();
    if let Some(worker) = first {
        // SAFETY: this is the carrier's thread, and a new carrier's word says `WAITING`.
        unsafe { carrier.put_worker(worker) };
    }
    let bomb = Bomb;
    loop {
        let stays = if std::mem::take(&mut arrives) {
            arrive(&carrier)
        } else if !carrier.word.is_run() {
            carrier.suspend_aside();
            serve(&carrier);
            carrier.word.is_run() || become_spare(&carrier)
        } else if is_due_to_cede(&carrier) {
            carrier.suspend_aside();
            cede(&carrier)
        } else if let Some(task) = next(&carrier) {
            run(&carrier, task);
            true
        } else {
            carrier.suspend_aside();
            call_first(&carrier) || retire(&carrier)
        };
        if !stays || shared.is_stopping() && !stays_for_tasks(&carrier) {
            break;
        }
    }
    std::mem::forget(bomb);
    carrier.suspend_aside();
    carrier.vitals.end();
    current::set_carrier(ptr::null());
    shared.end_carrier(&carrier);
}

/// A panic in the loop would lose a worker and all that waits for it: it ends the process.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        eprintln!("sortie: a panic in the scheduler's own loop, or in a tracing subscriber there");
        std::process::abort();
    }
}

/// At the end of the runtime: does the carrier still have something to run?
fn stays_for_tasks(carrier: &Carrier) -> bool {
    // SAFETY: this is the carrier's thread, in its loop, so the word is neither NATIVE nor TAKEN.
    carrier.word.is_run() && !unsafe { carrier.is_alone() } && !carrier.shared().is_terminated()
}

/// Runs a task until it gives the carrier back, and so those that have lent their turn.
fn run(carrier: &Carrier, task: TaskRef) {
    found_work(carrier);
    let mut turn = Some(task);
    while let Some(task) = turn {
        turn = take_turn(carrier, task);
    }
}

/// One turn of a task, and of those that it is passed on to. Returns who is to run at once.
#[inline]
fn take_turn(carrier: &Carrier, task: TaskRef) -> Option<TaskRef> {
    // ORDERING: Relaxed, the flag publishes nothing; it was meant for the task before.
    if carrier.yield_flag.load(Ordering::Relaxed) {
        // ORDERING: Relaxed, as above.
        carrier.yield_flag.store(false, Ordering::Relaxed);
    }
    let Some(fiber) = task.fiber.get().or_else(|| start(carrier, &task)) else {
        return lender(carrier);
    };
    let header = task.as_raw();
    // SAFETY: the reference is kept until somebody is back here, unless the task passes its turn on and may move, which none
    // with a span does. Then it may be gone, and is not touched any more.
    let header = unsafe { header.as_ref() };
    // Around `current`: a subscriber that waits in here stands on the loop's stack, not the task's.
    let span = header.span().map(tracing::Span::enter);
    carrier.lowest.set(header.inside());
    carrier.turn.set(Some(task));
    // SAFETY: the task came from a queue, so its fiber is this loop's alone.
    let reason = unsafe { resume(carrier, header, fiber) };
    let turn = carrier.turn.take();
    debug_assert!(
        turn.is_some() || carrier.current().is_null(),
        "a task that has queued itself may have been freed"
    );
    carrier.end();
    drop(span);
    let Some(task) = turn else {
        // Queued by itself, before it left.
        carrier.shared().after_queueing();
        return lender(carrier);
    };
    let (task, reason) =
        if reason == Reason::Lending { unpile(carrier, task) } else { (task, reason) };
    settle(carrier, task, reason);
    lender(carrier)
}

/// Resumes a task, which is the current one until it is back.
///
/// # Safety
/// This is the carrier's thread. The task was taken from a queue by the caller, and this is its fiber: prepared by
/// [`start_on`](super::start::start_on), or suspended in the task.
#[inline(always)]
pub(super) unsafe fn resume(carrier: &Carrier, task: &Header, fiber: NonNull<Fiber>) -> Reason {
    carrier.begin(task, task.stack_low.get());
    // SAFETY: by contract, the fiber is the caller's alone.
    let fiber = unsafe { fiber.as_ref() };
    if !fiber.is_away() {
        wait_until_away(fiber);
    }
    // SAFETY: by contract. A started task is queued where it may run: pinned ones with their carrier, others only
    // if `migrating` was promised.
    unsafe { fiber.resume() }
}

/// A task was taken that has passed its turn on just now, on another thread, and is about to leave its stack.
#[cold]
#[inline(never)]
fn wait_until_away(fiber: &Fiber) {
    let backoff = Backoff::new();
    while !fiber.is_away() {
        // A few instructions are left to do, if that thread has its processor.
        backoff.snooze();
    }
}

/// Does what the task's way back asks for.
#[inline]
fn settle(carrier: &Carrier, task: TaskRef, reason: Reason) {
    let shared = carrier.shared();
    if !matches!(reason, Reason::Done | Reason::Ended) {
        shared.living.add(&task);
    }
    if reason == Reason::Yielded && task.is_pinned() {
        // The most usual, and the whole of it.
        // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
        return unsafe { carrier.with_ring(|ring| ring.push_last(task)) };
    }
    match reason {
        Reason::Yielded => queue_last(carrier, task),
        Reason::Reentering if !task.is_pinned() => {
            if let Err(task) = shared.ranks.push(task) {
                shared.reentry.push(task);
            }
            shared.after_queueing();
            shared.drain_if_terminated();
        }
        // A pinned task that re-enters: the carrier goes into line for it and its others.
        // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
        Reason::Reentering => unsafe {
            carrier.with_ring(|ring| ring.push_last(task));
        },
        Reason::Suspended => carrier.suspend(task),
        Reason::Offloading => {
            // SAFETY: this is the carrier's thread, in its loop.
            unsafe { carrier.with_worker(|worker| worker.share.count_departure()) };
            shared.offload(task);
        }
        Reason::Lending => unreachable!("who has lent its turn stays in the loop's hand"),
        Reason::Done => finish(carrier, task, keep_fiber),
        Reason::Ended => finish_on_own_stack(carrier, task),
    }
}

/// Queues a task that may move, behind all others of the carrier's worker. In the carrier's loop, with a worker.
pub(crate) fn queue_last(carrier: &Carrier, task: TaskRef) {
    let shared = carrier.shared();
    let task = match shared.ranks.push(task) {
        Ok(()) => return shared.after_queueing(),
        Err(task) => task,
    };
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the queues.
    let others = unsafe {
        carrier.with_worker(|worker| {
            let others = !worker.queues.is_empty();
            worker.queues.push_last(task);
            others
        })
    };
    // This worker is about to take one of them itself: no fence for an idle one to see it.
    if others == Some(true) && (shared.lobby.idle() > 0 || shared.gate.is_closed()) {
        shared.after_queueing();
    }
}
