//! A join lends its turn to those that come before its own task, one after the other, and on the same fiber.
//!
//! Who joins the oldest of many tasks lends to the younger ones first, and most of them just end. So the end of a body does
//! what its lender would do next: it ends the task, takes the next one, and prepares the fiber for that, which runs it at
//! once. The lender is back when its own task is done, when nobody is left who has not run, or when there is something
//! else to do.
//!
//! - INVARIANT(lend.record): while somebody runs on top of one that lends to others, [`Carrier::lending`] is the record in
//!   the frame of the uppermost such lender. They go on one after the other, the uppermost first, and each puts there again
//!   what it found.
//! - Only a task that began on top, and has not been away since ([`Marks::ON_TOP`]), is succeeded: then this is the thread of
//!   its lender, and the record is that one's.
//! - The task that is joined is not succeeded: with its end the lender goes on.
//! - Who has run before has a fiber, and goes back to its queue, where the lender finds it.
//! - Who ends, and owes nothing to a joiner or a set, is done in one exchange with the end of its reference, which is the
//!   handle's from then on. So that is the last step that touches it.
//!
//! Must not: touch a task that has ended once its reference is given up; its body does nothing after that.

use super::finish::{give_up, take_fiber};
use super::lend::{is_back, may_lend, next, note, put_back, with_fiber};
use super::run::resume;
use super::start::{bind, start_on};
use crate::carrier::Carrier;
use crate::crossing::fence::light;
use crate::fiber::FiberBox;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::task::header::Marks;
use crate::task::{Header, TaskRef, abort};
use crate::wait;
use std::cell::Cell;
use std::ptr::NonNull;

/// The turns that a task lends to others, in its frame.
pub(crate) struct Lending {
    lender: NonNull<Header>,
    /// The task that it joins.
    joined: NonNull<Header>,
    /// Who has the turn.
    borrower: Cell<Option<TaskRef>>,
}

/// A pinned task lends its turn to others, `first` and then whoever is next, until the one that it joins is done, as far as
/// it can. The first turn is counted. False: the lender is to leave for the loop. Unwinds if the lender is aborted.
#[inline(never)]
pub(super) fn lend_to_others(
    carrier: &Carrier,
    lender: &Header,
    joined: &TaskRef,
    first: TaskRef,
) -> bool {
    let lending = Lending {
        lender: NonNull::from(lender),
        joined: joined.as_raw(),
        borrower: Cell::new(None),
    };
    let mut turn = Some(first);
    while let Some(borrower) = turn {
        let has_run = borrower.fiber.get().is_some();
        let Some((borrower, fiber)) = with_fiber(carrier, borrower) else { return true };
        mark(&borrower, &lending, has_run);
        note(carrier, lender);
        let header = borrower.as_raw();
        lending.borrower.set(Some(borrower));
        let below = carrier.lending.replace(Some(NonNull::from(&lending)));
        // SAFETY: the record has a reference to it.
        let header = unsafe { header.as_ref() };
        // SAFETY: the task came from a queue, so the fiber is this thread's alone, and has a body.
        let reason = unsafe { resume(carrier, header, fiber) };
        carrier.lending.set(below);
        let borrower = lending.borrower.take().expect("somebody has the turn that is lent");
        if !is_back(carrier, lender, borrower, reason) {
            return false;
        }
        if joined.state.load().is_done() || !may_lend(carrier) {
            break;
        }
        turn = next(carrier);
    }
    true
}

#[inline]
fn mark(borrower: &TaskRef, lending: &Lending, has_run: bool) {
    let is_joined = borrower.as_raw() == lending.joined;
    borrower.marks.set(Marks::LENT, is_joined);
    borrower.marks.set(Marks::ON_TOP, !is_joined && !has_run);
}

/// How the task ends that is succeeded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is done.
    Done,
    /// It is done by leaving its reference to its handle, if nothing is owed to anybody.
    Left,
}

/// The body of the current task has ended, which began on top: the next is prepared, if the lender would lend to it, and it
/// ends. False: it goes on as if nobody came next.
///
/// At the very end of its body, and never inlined: that one is generic code around user code, which may be switched.
#[inline(never)]
pub(crate) fn succeed(by: End) -> bool {
    let Some((carrier, task)) = wait::managed() else { return false };
    debug_assert!(task.marks.has(Marks::ON_TOP), "the record may be another's");
    let Some(lending) = carrier.lending.get() else { return false };
    // SAFETY: by INVARIANT(lend.record) it lies in the frame of the lender, which is below.
    let lending = unsafe { lending.as_ref() };
    if task.sits() || !goes_on(lending) || !may_lend(carrier) {
        return false;
    }
    let Some(next) = next(carrier) else { return false };
    if next.fiber.get().is_some() {
        put_back(carrier, next);
        return false;
    }
    let ended = lending.borrower.take().expect("the task that has the turn");
    let shared = carrier.shared();
    shared.living.remove(&ended);
    abort::forget(&ended);
    let stack_low = ended.stack_low.get();
    let fiber = take_fiber(carrier, &ended);
    // The stack is the same.
    carrier.begin(&next, stack_low);
    // See `crate::census`.
    light();
    match by {
        End::Done => give_up(shared, ended),
        End::Left => {
            if let Err(ended) = leave(shared, ended) {
                take_back(carrier, lending, ended, fiber);
                put_back(carrier, next);
                return false;
            }
        }
    }
    start_on(carrier, &next, fiber);
    mark(&next, lending, false);
    lending.borrower.set(Some(next));
    // SAFETY: this is the carrier's thread, and the word says `RUN`.
    unsafe { carrier.with_worker(|worker| worker.count(Counter::Finished)) };
    // The end may have begun meanwhile.
    shared.after_finish();
    true
}

/// Would the lender lend its turn once more?
#[inline]
fn goes_on(lending: &Lending) -> bool {
    // SAFETY: a lender is alive as long as its frame.
    let lender = unsafe { lending.lender.as_ref() };
    // SAFETY: the lender has the handle of the task that it joins.
    let joined = unsafe { lending.joined.as_ref() };
    !joined.state.load().is_done() && !wait::is_abort_wanted(lender)
}

/// Ends a task that is not current any more, after a light fence, and leaves its reference to its handle. See
/// [`crate::census`].
///
/// # Errors
/// The task, which has not ended: the handle is gone meanwhile, or somebody joins.
#[inline]
fn leave(shared: &Shared, task: TaskRef) -> Result<(), TaskRef> {
    let is_left = if shared.census.is_asked() || shared.is_closing() {
        leave_in_turn(shared, &task)
    } else {
        task.state.transition_to_left()
    };
    if !is_left {
        return Err(task);
    }
    std::mem::forget(task);
    Ok(())
}

#[cold]
#[inline(never)]
fn leave_in_turn(shared: &Shared, task: &TaskRef) -> bool {
    let _census = shared.census.lock.lock();
    task.state.transition_to_left()
}

/// The task is the current one after all, on the fiber that it has run on.
#[cold]
#[inline(never)]
fn take_back(carrier: &Carrier, lending: &Lending, task: TaskRef, fiber: FiberBox) {
    task.fiber.set(Some(fiber.into_raw()));
    bind(carrier, &task);
    carrier.begin(&task, task.stack_low.get());
    lending.borrower.set(Some(task));
}
