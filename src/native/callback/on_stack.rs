//! The way of a callback that may suspend its task, out of a call that went the way of `call/on_stack.rs`.
//!
//! As `fast.rs`; beside that the task is tied to its thread meanwhile, and the stack of the native code counts
//! as its own.

use super::answer::Answer;
use super::fast::{count_back, not_popped, pop, refused, value_or_kept};
use crate::target::row::Row;
use crate::task::local::Local;
use crate::transition::TransitionError;
use sortie_scheduler::crossing::{Below, CalledOnStack, Caller};

/// A callback that has begun, and goes this way.
#[must_use = "a callback that has begun must end"]
pub(super) struct OnStack {
    called: CalledOnStack,
    local: &'static Local,
    row: &'static Row,
    below: Below,
}

impl OnStack {
    /// As [`Fast::begin`](super::fast::Fast::begin).
    #[inline(always)]
    pub(super) fn begin(
        caller: Caller,
        local: &'static Local,
        row: &'static Row,
    ) -> Option<Result<OnStack, TransitionError>> {
        let below = local.below();
        if !local.can_call_back() {
            return None;
        }
        // SAFETY: a direct call that is noted as one on a stack was left by `Here::leave`, and runs there.
        let called = unsafe { caller.begin_on_stack(below, |back| count_back(row, back)) }?;
        let Ok(called) = called else { return Some(Err(refused(local))) };
        local.begin_callback::<true>(row, called.opened());
        local.set_below(Below::THREAD);
        // The carrier is the one on which the call began.
        row.count_callback();
        Some(Ok(OnStack { called, local, row, below }))
    }

    /// Runs `f` in managed code, and goes back to native code.
    #[inline(always)]
    pub(super) fn run<R, A: Answer<R>>(self, answer: A, f: impl FnOnce() -> R) -> A::Output {
        let OnStack { called, local, row, below } = self;
        let result = called.guard(|| {
            // The wait for a worker just now was one that a guard forbids.
            sortie_scheduler::raise_postponed();
            f()
        });
        called.resume_outer();
        local.set_below(below);
        if !local.end_callback::<true>(row)
            && let Err(error) = pop::<true>(local, row)
        {
            return not_popped(local, answer, result, error);
        }
        called.leave_again(|| row.profile().word(), below);
        value_or_kept(local, answer, result)
    }
}
