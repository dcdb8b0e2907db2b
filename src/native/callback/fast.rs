//! The way of a callback out of a call that went the fast way: most of them.
//!
//! Such a call is not timed, has no policy that says more, and its callbacks wait in place; so has its
//! callback nothing to save or to restore. Not even the layers: as the call's own, the callback's is pushed
//! when somebody looks.

use crate::target::Profile;
use crate::target::row::Page;
use crate::task::local::Local;
use crate::transition::{Event, Layers, TransitionError};
use sortie_scheduler::crossing::{Called, Caller};

/// A callback that has begun, and goes the fast way.
#[must_use = "a callback that has begun must end"]
pub(super) struct Fast {
    called: Called,
    local: &'static Local,
    profile: &'static Profile,
}

impl Fast {
    /// Comes back into managed code, if all is as it mostly is. `None`: nothing has happened, and the callback
    /// goes the general way.
    #[inline(always)]
    pub(super) fn begin() -> Option<Result<Fast, TransitionError>> {
        // SAFETY: used up by `begin`.
        let caller = unsafe { Caller::get() }?;
        // SAFETY: as in `local::with`: the word is that of a `Local` which outlives the callback.
        let local = unsafe { caller.task_word().cast::<Local>().as_ref() };
        let profile = local.direct()?;
        if local.keeps_panic() || !local.has_room_to_call_back() {
            return None;
        }
        // SAFETY: a direct call left by `Here::leave`, and a function whose callbacks suspend has none.
        let Ok(called) = unsafe { caller.begin() }? else { return Some(Err(refused(local))) };
        local.begin_callback(profile);
        // SAFETY: as in `ledger::page`: the word is null, or a page that the ledger keeps.
        if let Some(page) = unsafe { called.carrier_word().cast::<Page>().as_ref() } {
            page.row(profile).record_callback(called.back());
        }
        Some(Ok(Fast { called, local, profile }))
    }

    /// Runs `f` in managed code, and goes back to native code. `Ok(None)`: it panicked, which is kept.
    #[inline(always)]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> Result<Option<R>, TransitionError> {
        let Fast { called, local, profile } = self;
        let result = called.guard(f);
        if !local.end_callback(profile) {
            pop(local, profile)?;
        }
        called.leave_again(profile.word());
        Ok(match result {
            Ok(value) => Some(value),
            Err(payload) => {
                local.keep(payload);
                None
            }
        })
    }
}

/// Somebody has looked at the layers meanwhile, so they were pushed. The call's is popped again too: it is
/// pushed when somebody looks.
#[inline(never)]
fn pop(local: &Local, profile: &'static Profile) -> Result<(), TransitionError> {
    // Raw transitions may have crossed the callback.
    local.layers(Layers::reverse_leave).inspect_err(|error| {
        tracing::debug!(target: "sortie::crossing", %error, "refused");
    })?;
    if local.layers(Layers::enter).is_ok() {
        local.begin_direct(profile);
    }
    Ok(())
}

#[cold]
fn refused(local: &Local) -> TransitionError {
    local.layers(|layers| layers.refuse(Event::ReverseEnter))
}
