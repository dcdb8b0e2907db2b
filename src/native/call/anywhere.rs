//! The way of a short call whose callbacks may take the task to another thread: as that of `on_stack.rs`.
//!
//! Whether a jump has left callbacks is told by the number of layers, as the general way does it: when a
//! callback has begun says nothing on another carrier.

use super::fast::{late_after, pop};
use super::on_stack::Start;
use crate::target::Profile;
use crate::target::policy::Callbacks;
use crate::task::local;
use crate::transition::jumped;
use sortie_scheduler::crossing::{self, Below};

/// A call that may go this way.
pub(super) struct Anywhere(Start);

impl Anywhere {
    /// [`Start::find`].
    #[inline]
    pub(super) fn prepare(profile: &'static Profile) -> Option<Anywhere> {
        Start::find(profile, Callbacks::Migrate).map(Anywhere)
    }

    /// Makes the call.
    #[inline]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let Anywhere(Start { here, local, profile, row, mut stack }) = self;
        let below = Below::stack(&stack, true);
        let outer = local.set_below(below);
        let depth = local.depth() + 1;
        local.begin_direct::<true>(row);
        let _ = here.leave::<false>(profile.word());
        let call = || {
            let result = local::catch(f);
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
            Err(caught) => caught.raise(),
        }
    }
}
