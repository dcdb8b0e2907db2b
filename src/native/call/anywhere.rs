//! The way of a short call whose callbacks may take the task to another thread: as that of `on_stack.rs`.
//!
//! Whether a jump has left callbacks is told by the number of layers, as the general way does it: when a
//! callback has begun says nothing on another carrier.

use super::fast::{late_after, pop};
use crate::target::Profile;
use crate::target::policy::Callbacks;
use crate::target::row::{Page, Row};
use crate::task::local::Local;
use crate::transition::jumped;
use sortie_scheduler::NativeStack;
use sortie_scheduler::crossing::{self, Below, Here};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A call that may go this way.
pub(super) struct Anywhere {
    here: Here,
    local: &'static Local,
    profile: &'static Profile,
    row: &'static Row,
    stack: NativeStack,
}

impl Anywhere {
    /// Has a look at everything that could be in the way, and counts the call.
    #[inline]
    pub(super) fn prepare(profile: &'static Profile) -> Option<Anywhere> {
        if !profile.is_fast_but_for(Callbacks::Migrate) {
            return None;
        }
        // SAFETY: used for the last time when `run` leaves.
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
        row.count_untimed().then_some(Anywhere { here, local, profile, row, stack })
    }

    /// Makes the call.
    #[inline]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let Anywhere { here, local, profile, row, mut stack } = self;
        let below = Below::stack(&stack, true);
        let outer = local.set_below(below);
        let depth = local.depth() + 1;
        local.begin_direct::<true>(row);
        let _ = here.leave::<false>(profile.word());
        let call = || {
            let result = catch_unwind(AssertUnwindSafe(f));
            (result, jumped::land_noted(local, depth, below))
        };
        // SAFETY: the task is in native code until it is back.
        let (result, dead) = unsafe { stack.run(call) };
        local.set_below(outer);
        drop(stack);
        if dead > 0 || !crossing::come_back_kept() {
            late_after(local, dead);
        } else if !local.end_direct::<true>() {
            // Also if a panic is kept.
            pop(local);
        }
        match result {
            Ok(value) => value,
            Err(payload) => sortie_scheduler::raise(payload),
        }
    }
}
