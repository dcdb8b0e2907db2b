//! The way of a short call whose callbacks may suspend: that of `fast.rs`, in mode A, on a stack of the task's.
//!
//! The carrier has such stacks at hand, so there is no lock on the way; without one the call goes the general
//! way, which makes it. A callback that suspends ties the task to its carrier, so the call ends on the thread
//! on which it began.

use super::fast::{late, pop};
use crate::target::Profile;
use crate::target::page::Page;
use crate::target::policy::Callbacks;
use crate::target::row::Row;
use crate::task::local::Local;
use crate::transition::jumped;
use sortie_scheduler::crossing::{self, Below, Here, Return};
use sortie_scheduler::{Frame, NativeStack};

/// What a call on a stack of the task's begins with.
pub(super) struct Start {
    pub(super) here: Here,
    pub(super) local: &'static Local,
    pub(super) profile: &'static Profile,
    pub(super) row: &'static Row,
    pub(super) stack: NativeStack,
}

impl Start {
    /// Has a look at everything that could be in the way of a call whose callbacks do this, and counts the call.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn find(profile: &'static Profile, callbacks: Callbacks) -> Option<Start> {
        if !profile.is_fast_but_for(callbacks) {
            return None;
        }
        // SAFETY: the ways of the room use it up, as long as the task is on this carrier whenever it runs: to the end
        // where callbacks tie it, else until they leave.
        let here = unsafe { Here::get() }?;
        // SAFETY: as in `local::with`: the word is that of a `Local` which outlives the call.
        let local = unsafe { here.task_word().cast::<Local>().as_ref() };
        // SAFETY: as in `ledger::page`: the word is null, or a page that the ledger keeps.
        let page = unsafe { here.carrier_word().cast::<Page>().as_ref() }?;
        let row = page.near(profile)?;
        if !local.has_room(1) {
            return None;
        }
        let stack = here.take_native_stack()?;
        row.count_untimed().then_some(Start { here, local, profile, row, stack })
    }
}

/// A call that may go this way.
pub(super) struct OnStack(Start);

impl OnStack {
    /// [`Start::find`].
    #[inline(always)]
    pub(super) fn prepare(profile: &'static Profile) -> Option<OnStack> {
        Start::find(profile, Callbacks::Suspend).map(OnStack)
    }

    /// Makes the call.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let OnStack(Start { here, local, profile, row, stack }) = self;
        let below = Below::stack(&stack, false);
        let outer = local.set_below(below);
        local.begin_direct::<true>(row);
        let left = here.leave::<false>(profile.word());
        let mut frame = Frame::new(f);
        // SAFETY: the task is in native code until it is back.
        let (outcome, low) = unsafe { here.on_native_stack(stack, &mut frame) };
        let seen = local.set_below(outer);
        let is_jumped = || {
            jumped::check_task(local);
            local.is_jumped(left)
        };
        if here.come_back(left, is_jumped) == Return::Late {
            late_on_stack(local, low, below, seen);
        } else if !local.end_direct::<true>() {
            // Also if a panic is kept.
            pop(local);
        }
        match outcome.into_result() {
            Ok(value) => value,
            Err(payload) => sortie_scheduler::raise(payload),
        }
    }
}

/// As [`late`], after native code on a stack of its own: see [`crossing::leave_stack`].
#[cold]
#[inline(never)]
fn late_on_stack(local: &Local, low: usize, below: Below, seen: Below) {
    if local.has_jumped() {
        crossing::leave_stack(low, below, seen, jumped::innermost(local));
    }
    late(local);
}
