//! Waiting: how code that calls us stops until somebody wakes it.
//!
//! Three ways, chosen by where the caller is:
//!
//! | the caller | waits by |
//! |---|---|
//! | a task on its own fiber, with no native layer and no panic under way | switching its fiber away |
//! | a task inside a callback, or while unwinding, or on an attached foreign thread | *in place*: its worker goes to somebody else, its carrier sleeps |
//! | any other thread; a task in native code | the thread sleeps, as a foreign thread does |
//!
//! A wait is: make a [`Waiter`], hand its waker to whoever shall end the wait, then
//! [`Waiter::pause`], or [`Waiter::pause_until`], until the condition holds. A pause may end for no reason.
//!
//! Pauses are the suspension points: there an abort is raised, if no foreign frame lies between
//! and the thread is not panicking. Never inside a loop of our own that holds a lock.
//!
//! Here is who the caller is. `switchable.rs` says whether a task may be switched away, and who is told of it,
//! `pause.rs` has the way of a task that waits, `in_place.rs` that of one that cannot be switched, `turn.rs` that of
//! one that lets others run.
//!
//! What others build on: `waiter.rs` has the waiter, `sleep.rs` waits that only their time ends, `nudge.rs` wakes that
//! say "look again". Lines are in `line.rs`, over `sparse.rs`, in an order (`order.rs`), with what a change owes those
//! who wait (`due.rs`, `sleeper.rs`); a wait list (`list.rs`, `place.rs`) is a line with a seat before it (`seat.rs`);
//! `spin.rs` looks a while before a wait. Who holds what, and who waits for it: `owner.rs`, `blocked.rs`, `any.rs`,
//! `joining.rs`, `circle.rs`.

mod any;
pub(crate) mod blocked;
pub(crate) mod circle;
pub(crate) mod due;
mod in_place;
pub(crate) mod joining;
pub(crate) mod line;
mod list;
mod nudge;
pub(crate) mod order;
pub(crate) mod owner;
mod pause;
mod place;
pub(crate) mod seat;
mod sleep;
pub(crate) mod sleeper;
pub(crate) mod sparse;
pub(crate) mod spin;
mod switchable;
#[cfg(test)]
pub(crate) mod tests;
mod turn;
mod waiter;

pub use crate::hold::{is_to_wait_for_hold, let_pinned_run, wait_while_held};
pub use any::{Ends, blocked_on_any};
pub use blocked::{blocked_by, blocked_on, blocked_unreported, look_when_blocked};
pub(crate) use in_place::{block_in_place, would_deadlock};
pub use nudge::Nudge;
pub use owner::Owner;
pub(crate) use pause::{
    announce, is_abort_wanted, look_if_held_back, may_unwind, raise_if_aborted, switch_away,
    switch_here,
};
pub use place::{Place, WaitList};
pub(crate) use sleep::{sleep, sleep_until};
pub(crate) use switchable::{MARKS, is_switchable, is_to_switch, is_told, keep_unswitched};
pub use switchable::{ask_whether_over, tell_of_switches};
pub(crate) use turn::{checkpoint, yield_now};
pub(crate) use waiter::Who;
pub use waiter::{Waiter, deadline};

use crate::carrier::Carrier;
use crate::task::{Header, TaskRef, Waker};
use crate::worker::current;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// The carrier and the task of code that runs managed on a carrier.
///
/// Copies of pointers: read anew after each switch, never kept across one.
#[inline(always)]
pub(crate) fn managed() -> Option<(&'static Carrier, &'static Header)> {
    // SAFETY: the carrier is in an arena that outlives the thread's stay in the runtime. The
    // lifetime is a promise of this function's callers not to keep it across a switch.
    let carrier = unsafe { current::carrier().as_ref() }?;
    if !carrier.word.is_run() {
        return None;
    }
    // SAFETY: the task on a carrier is kept by the loop until it is switched away.
    let task = unsafe { carrier.current().as_ref() }?;
    Some((carrier, task))
}

/// The task whose call chain this thread is in, managed or native; also that of an attached thread
/// which is outside of its runtime now.
#[inline]
pub(crate) fn kept_task() -> Option<(&'static Carrier, &'static Header)> {
    // SAFETY: as in `managed`.
    let carrier = unsafe { current::carrier().as_ref() }?;
    // SAFETY: as in `managed`.
    Some((carrier, unsafe { carrier.current().as_ref() }?))
}

/// The task whose call chain this thread is in, managed or native.
pub(crate) fn task() -> Option<&'static Header> {
    carrier_and_task().map(|(_, task)| task)
}

/// [`task`], and the carrier that it is on.
#[inline]
pub(crate) fn carrier_and_task() -> Option<(&'static Carrier, &'static Header)> {
    let (carrier, task) = kept_task()?;
    let inside = !carrier.foreign || carrier.word.is_run() || task.callbacks.open() > 0;
    inside.then_some((carrier, task))
}

/// What ends the next wait of the current task or thread.
// Not inlined: it is called around pauses.
#[inline(never)]
pub(crate) fn waker() -> Waker {
    match managed() {
        Some((_, task)) => Waker::Task(reference(task)),
        None => Waker::Thread(current::thread_parker()),
    }
}

/// A counted reference to a task that the caller knows to be alive.
pub(crate) fn reference(task: &Header) -> TaskRef {
    // SAFETY: not a reference of ours to give up, hence never dropped: only cloned.
    let borrowed = ManuallyDrop::new(unsafe { TaskRef::from_raw(NonNull::from(task)) });
    TaskRef::clone(&borrowed)
}
