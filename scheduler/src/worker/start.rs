//! The first turn of a task: it gets a fiber, and a home if it is pinned.
//!
//! A task that has not run has no stack, and belongs to nobody: what it needs to run it is given here, on the carrier that
//! begins it.
//!
//! Must not: run anything of the task. [`resume`](super::run::resume) does, for the first time as for any other.

use crate::carrier::Carrier;
use crate::fiber::{Body, Fiber, FiberBox};
use crate::metrics::Counter;
use crate::sync::atomic::Ordering;
use crate::task::complete::refuse;
use crate::task::join_error::Refusal;
use crate::task::{Header, TaskRef};
use std::ptr::{self, NonNull};

/// A task runs for the first time: a fiber for it, and a home if it is pinned. `None`: there is no stack, and it was refused.
pub(super) fn start(carrier: &Carrier, task: &TaskRef) -> Option<NonNull<Fiber>> {
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, in its loop.
    let warm = unsafe { carrier.with_worker(|worker| worker.take_fiber(&shared.fibers)) }.flatten();
    let fiber = match warm.map_or_else(|| shared.fibers.take(), Ok) {
        Ok(fiber) => fiber,
        Err(error) => {
            let why = error.to_string();
            refuse(task.clone(), Refusal::Stack(error));
            // SAFETY: as above.
            unsafe { carrier.with_worker(|worker| worker.count(Counter::Finished)) };
            shared.after_finish();
            tracing::error!(target: "sortie::task", task = task.id.get(), why, "no stack");
            return None;
        }
    };
    Some(start_on(carrier, task, fiber))
}

/// [`start`], on this fiber.
#[inline]
pub(super) fn start_on(carrier: &Carrier, task: &TaskRef, fiber: FiberBox) -> NonNull<Fiber> {
    bind(carrier, task);
    give_fiber(task, fiber, task.body())
}

/// A task that stays where it first runs has this carrier as its home.
#[inline]
pub(crate) fn bind(carrier: &Carrier, task: &Header) {
    if !task.migrating {
        // ORDERING: Relaxed, the owner writes; published by the state word (task.state).
        task.home.store(ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
        carrier.set_pinned(carrier.pinned() + 1);
    }
}

/// The fiber is the task's, and will run this. By the owner.
#[inline]
pub(crate) fn give_fiber(task: &Header, fiber: FiberBox, body: Body) -> NonNull<Fiber> {
    fiber.prepare(body);
    task.stack_low.set(fiber.stack_low());
    let fiber = fiber.into_raw();
    task.fiber.set(Some(fiber));
    fiber
}
