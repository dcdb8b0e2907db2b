//! The way of a callback that may take its task to another thread, out of a call that went the way of
//! `call/anywhere.rs`.
//!
//! As `on_stack.rs`; but the row of the call is that of the carrier on which the task was, and is looked for anew on
//! the one on which it is.

use super::answer::Answer;
use super::fast::{not_popped, pop, refused, value_or_kept};
use crate::target::Profile;
use crate::target::ledger;
use crate::target::row::Row;
use crate::task::local::Local;
use crate::transition::TransitionError;
use sortie_scheduler::crossing::{Back, Below, CalledAnywhere, Caller, Errno};

/// A callback that has begun, and goes this way.
#[must_use = "a callback that has begun must end"]
pub(super) struct Anywhere {
    called: CalledAnywhere,
    local: &'static Local,
    row: &'static Row,
    below: Below,
}

impl Anywhere {
    /// As [`Fast::begin`](super::fast::Fast::begin).
    #[inline]
    pub(super) fn begin(
        caller: Caller,
        local: &'static Local,
        row: &'static Row,
    ) -> Option<Result<Anywhere, TransitionError>> {
        let below = local.below();
        if !local.can_call_back() {
            return None;
        }
        // SAFETY: a direct call that is noted as one on a stack was left by `Here::leave`, and runs there.
        let called = unsafe { caller.begin_anywhere(below) }?;
        let Ok(called) = called else { return Some(Err(refused(local))) };
        local.begin_callback::<true>(row, called.opened());
        local.set_below(Below::THREAD);
        match called.back() {
            // The carrier is the one on which the call began, or its last callback ended.
            Back::Kept => row.count_callback(),
            back => record_late(row.profile(), back),
        }
        Some(Ok(Anywhere { called, local, row, below }))
    }

    /// Runs `f` in managed code, and goes back to native code.
    #[inline]
    pub(super) fn run<R, A: Answer<R>>(self, answer: A, f: impl FnOnce() -> R) -> A::Output {
        let Anywhere { called, local, row, below } = self;
        let result = called.guard(|| {
            // The wait for a worker just now was one that a guard forbids.
            sortie_scheduler::raise_postponed();
            f()
        });
        let row = row_here(row);
        called.resume_outer();
        local.set_below(below);
        if !local.end_callback::<true>(row)
            && let Err(error) = pop::<true>(local, row)
        {
            return not_popped(local, answer, result, error);
        }
        called.leave_again(row.profile().word(), below);
        value_or_kept(local, answer, result)
    }
}

/// What the carrier knows of the function that the task is on now. Keeps `errno`.
#[inline]
fn row_here(row: &'static Row) -> &'static Row {
    match ledger::page().and_then(|page| page.near(row.profile())) {
        Some(row) => row,
        None => find_row(row),
    }
}

#[cold]
#[inline(never)]
fn find_row(row: &'static Row) -> &'static Row {
    let errno = Errno::save();
    // There is none in a child that was forked off meanwhile.
    let found = ledger::page().map_or(row, |page| page.row(row.profile()));
    errno.restore();
    found
}

/// The callback has another worker, and perhaps another carrier.
#[cold]
#[inline(never)]
fn record_late(profile: &'static Profile, back: Back) {
    let errno = Errno::save();
    if let Some(page) = ledger::page() {
        page.row(profile).record_callback(back);
    }
    errno.restore();
}
