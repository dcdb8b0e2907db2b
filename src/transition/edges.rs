//! What happens at each edge, for a task that is known: the automaton's answer, the scheduler's step, the trace.
//!
//! The order is fixed. A way out (`leave`, `reverse_leave`): the automaton moves, the event is
//! traced, and last the scheduler is told, for from then on the worker may be gone. A way in
//! (`enter`, `reverse_enter`): the automaton is asked, the scheduler gives the worker back, the
//! automaton moves, the event is traced. So all tracing is done while managed.
//!
//! Here all ways meet: raw transitions (`raw.rs`), scopes, calls and callbacks.

use super::automaton::{Layers, ReverseEntered};
use super::error::TransitionError;
use super::layer::Event;
use super::trace;
use crate::target::{Profile, unhooked};
use crate::task::local::Local;
use sortie_scheduler::crossing::{self, Back, Below, Exit, Opened, Refused};
use std::any::Any;

/// `leave`, for a task that is known.
pub(crate) fn out(
    local: &Local,
    target: usize,
    profile: &'static Profile,
    exit: Exit,
) -> Result<(), TransitionError> {
    local.layers(|layers| layers.leave(target)).inspect_err(report)?;
    go_out(local, target, profile, exit);
    Ok(())
}

/// [`out`], of a raw call.
pub(super) fn out_raw(
    local: &Local,
    target: usize,
    profile: &'static Profile,
    exit: Exit,
) -> Result<(), TransitionError> {
    local.layers(|layers| layers.leave_raw(target)).inspect_err(report)?;
    go_out(local, target, profile, exit);
    Ok(())
}

/// The layer is pushed.
#[inline(always)]
fn go_out(local: &Local, target: usize, profile: &'static Profile, exit: Exit) {
    trace::edge(Event::Leave, Some(target), local);
    crossing::leave(profile.word(), exit);
}

/// `enter`, for a task that is known.
pub(crate) fn back(local: &Local) -> Result<Back, TransitionError> {
    back_by(local, crossing::come_back)
}

/// `enter`, for a task that is known and whose worker is known to be gone.
#[cold]
pub(crate) fn back_late(local: &Local) -> Result<Back, TransitionError> {
    back_by(local, crossing::come_back_late)
}

#[inline]
fn back_by<E: Into<Refused>>(
    local: &Local,
    come_back: impl FnOnce() -> Result<Back, E>,
) -> Result<Back, TransitionError> {
    if !local.layers(|layers| layers.top_is_native()) {
        // Wrong, and said so before the scheduler is told.
        return local.layers(|layers| layers.enter().map(|_| Back::Kept)).inspect_err(report);
    }
    local.layers(|layers| layers.prepare(Event::Enter)).inspect_err(report)?;
    back_checked(local, come_back)
}

/// `enter` of a raw call, behind [`Layers::check_raw_enter`].
#[inline]
pub(super) fn back_checked<E: Into<Refused>>(
    local: &Local,
    come_back: impl FnOnce() -> Result<Back, E>,
) -> Result<Back, TransitionError> {
    let back = come_back().map_err(|why| refused(local, Event::Enter, why.into()))?;
    let popped = local.layers(Layers::enter)?;
    trace::edge(Event::Enter, popped.target(), local);
    Ok(back)
}

/// `leave`, for a call that another thread is to make: the scheduler's part is the offload.
pub(crate) fn push_offloaded(local: &Local, target: usize) -> Result<(), TransitionError> {
    local.layers(|layers| layers.leave(target)).inspect_err(report)?;
    trace::edge(Event::Leave, Some(target), local);
    Ok(())
}

/// `enter`, after such a call. Returns the panic that a callback has kept.
pub(crate) fn pop_offloaded(local: &Local) -> Option<Box<dyn Any + Send>> {
    let popped = local.layers(Layers::enter).inspect_err(report).ok()?;
    trace::edge(Event::Enter, popped.target(), local);
    local.take_panic()
}

/// What is known of the native function that the task is in; `None`: in none whose call was announced.
pub(crate) fn profile_on_top(local: &Local) -> Option<&'static Profile> {
    let is_native = local.layers(|layers| layers.top_is_native());
    // SAFETY: the target words of a runtime of this crate are its profiles'.
    is_native.then(|| unsafe { Profile::of_word(crossing::target()) }).flatten()
}

/// `reverse_enter`, for a task that is known.
///
/// `below`: on what the native code runs that calls back; `is_guarded`: what unwinds is caught before it.
pub(crate) fn call_in(
    local: &Local,
    below: Below,
    is_guarded: bool,
) -> Result<Back, TransitionError> {
    call_in_by(local, below, is_guarded, || crossing::call_back(below))
}

pub(super) fn call_in_by<E: Into<Refused>>(
    local: &Local,
    below: Below,
    is_guarded: bool,
    call_back: impl FnOnce() -> Result<Back, E>,
) -> Result<Back, TransitionError> {
    local.layers(|layers| layers.prepare(Event::ReverseEnter)).inspect_err(report)?;
    // Else managed already: a callback out of a call that was not announced, or a renewal.
    let below = local.layers(|layers| layers.top_is_native()).then_some(below);
    let back = match below {
        Some(_) => call_back().map_err(|why| refused(local, Event::ReverseEnter, why.into()))?,
        None => Back::Kept,
    };
    let note = Opened::now(below, is_guarded).bits();
    let entered = local.layers(|layers| layers.reverse_enter_noting(note))?;
    trace::edge(Event::ReverseEnter, None, local);
    if let ReverseEntered::Unhooked { target } = entered {
        unhooked::called_back(local.unhooked().unwrap_or_else(|| Profile::at(target)));
    }
    Ok(back)
}

/// There is no worker for the task.
#[cold]
fn refused(local: &Local, event: Event, why: Refused) -> TransitionError {
    match why {
        Refused::Terminated => local.layers(|layers| layers.refuse(event)),
        Refused::TimedOut => TransitionError::TimedOut,
        Refused::Cancelled => TransitionError::Abandoned,
    }
}

/// `reverse_leave`, for a task that is known.
///
/// `profile`: of the native call that goes on, if the caller knows it; `below` as in [`call_in`].
pub(crate) fn back_in(
    local: &Local,
    profile: Option<&'static Profile>,
    below: Below,
) -> Result<(), TransitionError> {
    let layer = local.layers(Layers::reverse_leave).inspect_err(report)?;
    trace::edge(Event::ReverseLeave, layer.target(), local);
    // Back under a call that was not announced: the layer below that is managed, and goes on.
    if local.layers(|layers| layers.top_is_native()) {
        let profile = profile.unwrap_or_else(|| Profile::at(layer.target().unwrap_or(0)));
        crossing::leave_again(profile.word(), profile.decide().exit_again(), below);
    }
    Ok(())
}

/// An error is the caller's to handle; the trace says that it was made.
#[cold]
pub(crate) fn report(error: &TransitionError) {
    trace::tell(|| tracing::debug!(target: "sortie::crossing", %error, "refused"));
}
