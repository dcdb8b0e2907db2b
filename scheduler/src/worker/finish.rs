//! The end of a task in the loop: what it had is taken from it, and kept for the next.
//!
//! Its output is stored by now, and its joiner is woken ([`crate::task::complete`]). What is left is the fiber, the places
//! where others look for it, and the loop's reference.
//!
//! Must not: touch the task once its reference is [given up](give_up).

use super::Worker;
use crate::carrier::Carrier;
use crate::crossing::fence::light;
use crate::fiber::FiberBox;
use crate::fork;
use crate::metrics::Counter;
use crate::own_stack;
use crate::shared::Shared;
use crate::task::{TaskRef, abort};

/// A task has ended. `keep`: where its fiber goes.
#[inline]
pub(super) fn finish(carrier: &Carrier, task: TaskRef, keep: impl FnOnce(&Carrier, FiberBox)) {
    let shared = carrier.shared();
    if shared.is_forked() {
        fork::end_of_child();
    }
    let fiber = take_fiber(carrier, &task);
    light();
    task.stack_low.set(0);
    shared.living.remove(&task);
    abort::forget(&task);
    if task.sits() {
        keep_for_notifiers(&task);
    }
    give_up(shared, task);
    if carrier.word.is_run() {
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        unsafe { carrier.with_worker(|worker| worker.count(Counter::Finished)) };
    } else {
        // A straggler that came back after the end of its runtime.
        shared.metrics.add(Counter::Finished);
    }
    keep(carrier, fiber);
    shared.after_finish();
}

/// A task has ended that had a stack of its own.
#[cold]
pub(super) fn finish_on_own_stack(carrier: &Carrier, task: TaskRef) {
    let pool = own_stack::pool_of(&task);
    finish(carrier, task, |carrier, fiber| own_stack::give_back(carrier.shared(), pool, fiber));
}

/// The fiber of a task that has ended, for the next.
#[inline(always)]
pub(super) fn take_fiber(carrier: &Carrier, task: &TaskRef) -> FiberBox {
    let fiber = task.fiber.take().expect("a task that ends had a fiber");
    if !task.migrating {
        carrier.set_pinned(carrier.pinned() - 1);
    }
    // SAFETY: from `give_fiber`, and the task no longer names it.
    unsafe { FiberBox::from_raw(fiber) }
}

/// A task has leaked its place before a wait list, and is told there for ever: its header stays.
#[cold]
fn keep_for_notifiers(task: &TaskRef) {
    std::mem::forget(task.clone());
}

/// Gives the loop's reference up to a task that has ended and is not current any more, after a light fence. See
/// [`crate::census`].
#[inline]
pub(super) fn give_up(shared: &Shared, task: TaskRef) {
    if shared.census.is_asked() || shared.is_closing() {
        give_up_in_turn(shared, task);
    }
}

#[cold]
#[inline(never)]
fn give_up_in_turn(shared: &Shared, task: TaskRef) {
    let census = shared.census.lock.lock();
    drop(task);
    drop(census);
}

/// A fiber between bodies goes to the worker, for its next tasks.
#[inline]
pub(super) fn keep_fiber(carrier: &Carrier, fiber: FiberBox) {
    let kept = if carrier.word.is_run() {
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        unsafe { carrier.with_worker(|worker| worker.keep_fiber(fiber)) }
    } else {
        Some(Err(fiber))
    };
    if let Some(Err(fiber)) = kept {
        give_fibers(carrier, fiber);
    }
}

/// The worker has no room for this fiber: those that it does not need go to the depot.
#[cold]
#[inline(never)]
pub(super) fn give_fibers(carrier: &Carrier, fiber: FiberBox) {
    let surplus = if carrier.word.is_run() {
        // SAFETY: this is the carrier's thread, in its loop.
        unsafe { carrier.with_worker(Worker::surplus_fibers) }
    } else {
        None
    };
    let mut surplus = surplus.unwrap_or_default();
    surplus.push(fiber);
    carrier.shared().keep_fibers(surplus);
}
