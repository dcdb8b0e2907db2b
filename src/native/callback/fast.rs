//! The way of a callback out of a call that went the fast way: most of them.
//!
//! Such a call is not timed, has no policy that says more, and its callbacks wait in place; so has its
//! callback nothing to save or to restore but the layers, which are pushed for managed code to see, and
//! popped again so that the call can end as it began.

use crate::target::Profile;
use crate::target::row::Page;
use crate::task::local::Local;
use crate::transition::{Layers, TransitionError};
use sortie_scheduler::crossing::Called;

/// Runs `f` in managed code. `Err`: nothing has happened, and the callback goes the general way.
#[inline(always)]
pub(super) fn enter<R, F: FnOnce() -> R>(
    local: &Local,
    f: F,
) -> Result<Result<Option<R>, TransitionError>, F> {
    let Some(profile) = local.direct() else { return Err(f) };
    if !local.has_room(2) {
        return Err(f);
    }
    // SAFETY: a direct call left by `Here::leave`, and a function whose callbacks suspend has none.
    let called = match unsafe { Called::begin() } {
        Some(Ok(called)) => called,
        Some(Err(_)) => return Ok(Err(refused(local))),
        None => return Err(f),
    };
    if local.layers(|layers| layers.reverse_enter()).is_err() {
        debug_assert!(false, "a native layer is on top, and there is room");
    }
    // SAFETY: as in `ledger::page`: the word is null, or a page that the ledger keeps.
    if let Some(page) = unsafe { called.carrier_word().cast::<Page>().as_ref() } {
        page.row(profile).record_callback(called.back());
    }
    let result = called.guard(f);
    if let Err(error) = local.layers(Layers::reverse_leave) {
        return Ok(Err(crossed(error)));
    }
    let left = called.leave_again(profile.word());
    debug_assert!(left, "the layers say that managed code was on top");
    again_direct(local, profile);
    Ok(Ok(match result {
        Ok(value) => Some(value),
        Err(payload) => {
            local.keep(payload);
            None
        }
    }))
}

/// The call's layer is popped again: it is pushed when somebody looks.
#[inline(always)]
fn again_direct(local: &Local, profile: &'static Profile) {
    if local.layers(Layers::enter).is_ok() {
        local.begin_direct(profile);
    }
}

#[cold]
fn refused(local: &Local) -> TransitionError {
    local.layers(|layers| layers.refuse(crate::transition::Event::ReverseEnter))
}

/// Raw transitions have crossed the callback: as in the general way.
#[cold]
fn crossed(error: TransitionError) -> TransitionError {
    tracing::debug!(target: "sortie::crossing", %error, "refused");
    error
}
