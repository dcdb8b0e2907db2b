//! The raw transitions of the current task: for hosts and generated stubs, whose code cannot nest.
//!
//! Each finds the task first, and does around the edge (`edges.rs`) what a call or a callback does in its own
//! frame: the function's policy is asked, the call is written into the ledger, the floating-point environment
//! is kept, layers that a jump has left are looked for. There is no frame between a way out and the matching way
//! in, so what they have to tell each other lies with the task.
//!
//! Must not: do anything in a signal handler, which may have interrupted a step of the scheduler's.

use super::automaton::Layers;
use super::edges::{back_checked, back_in, call_in, call_in_by, out_raw, profile_on_top, report};
use super::error::TransitionError;
use super::jumped;
use super::layer::{Event, Layer};
use crate::target::Profile;
use crate::target::policy::FpEnv;
use crate::target::timing::{Ended, Timing};
use crate::target::{fp_env, ledger, policies, unhooked};
use crate::task::local::{self, Local};
use sortie_scheduler::crossing::{self, Back, Below, Bound, Opened};
use std::any::Any;
use std::time::Duration;

/// The current task is about to call the native function at address `target`.
///
/// Pushes a native layer. From here to the matching [`enter`] the code acts as native code: its
/// worker may be taken for others, and functions of Sortie act as on a thread without a task. Does
/// not block. Keeps `errno`.
///
/// # Errors
/// [`TransitionError`]: no task runs here, the top layer is native already, or there is no memory
/// for the layer. Nothing has changed then, and the native function must not be called.
///
/// ```
/// use sortie::transition;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     transition::leave(libc::getpid as *const () as usize)?;
///     // SAFETY: `getpid` has no conditions.
///     let pid = unsafe { libc::getpid() };
///     transition::enter()?;
///     assert_eq!(pid as u32, std::process::id());
///     Ok::<_, transition::TransitionError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline(always)]
pub fn leave(target: usize) -> Result<(), TransitionError> {
    leave_from(target, sortie_scheduler::stack_pointer())
}

/// [`leave`], called from this place on the stack.
fn leave_from(target: usize, place: usize) -> Result<(), TransitionError> {
    check_handler(Event::Leave)?;
    local::with(|local| {
        if local.layers(|layers| layers.top_is_native()) {
            // Wrong, and said so before anything is counted.
            return local.layers(|layers| layers.leave(target)).inspect_err(report);
        }
        let page = ledger::page();
        let profile =
            page.map_or_else(|| Profile::at(target), |page| page.row_at(target).profile());
        let decision = profile.decide();
        if decision.is_denied() {
            return Err(local.layers(|layers| layers.leave_denied(target))).inspect_err(report);
        }
        out_raw(local, target, profile, decision.exit())?;
        if decision.is_special() && profile.fp_env() == FpEnv::Restore {
            local.set_fp_env(Some(fp_env::save()));
        }
        // Read anew: who was told of the transition may have waited, and the task be on another carrier.
        let page = if policies::is_traced() { ledger::page() } else { page };
        local.set_raw(page.map(|page| Timing::begin(page, profile, decision)));
        if local.finds_jumps() {
            local.layers(|layers| layers.set_place(place));
        }
        Ok(())
    })
    .unwrap_or_else(|| no_task(Event::Leave))
}

/// The native function that the current task called has returned.
///
/// Pops the native layer. If the worker was taken meanwhile, waits for another: a suspension point
/// for a task that may migrate, which may go on on another thread. Keeps `errno`.
///
/// # Errors
/// [`TransitionError`]: the top layer is not one that [`leave`] made, or no task runs here, and nothing has changed;
/// or the runtime was shut down, and the task, which is still in its native layer, must not run
/// managed code any more. [`TransitionError::Unbalanced`] comes after the transition, which was made; only
/// with [`find_jumps`].
///
/// # Panics
/// Raises the panic that a [`callback`](crate::native::callback) of this call kept, unless the thread panics already: then
/// an event (`error`) tells of it. In debug builds, if it would have suspended the task under a
/// [`NoSuspend`](crate::task::NoSuspend) guard; the layer is popped then.
#[inline(always)]
pub fn enter() -> Result<(), TransitionError> {
    enter_from(sortie_scheduler::stack_pointer())
}

/// [`enter`], called from this place on the stack.
fn enter_from(place: usize) -> Result<(), TransitionError> {
    check_handler(Event::Enter)?;
    let mut dead = 0;
    let kept = local::with(|local| {
        if local.finds_jumps() {
            dead = jumped::land_raw(local, place);
        }
        local.layers(Layers::check_raw_enter).inspect_err(report)?;
        let timing = local.set_raw(None).map(|timing| timing.end(Duration::ZERO));
        // After a callback nothing is known of the call but what becomes of the worker.
        let ended = timing.or_else(|| profile_on_top(local).map(Ended::untimed));
        let back = local.come_back_to_fp_env(|| back_checked(local, crossing::come_back))?;
        ended.inspect(|ended| ended.record(back));
        Ok(local.take_panic())
    });
    finish_enter(kept, dead)
}

/// The task is back: what a callback has kept is raised. `None`: there was no task. `dead`: so many layers were left by a
/// jump.
fn finish_enter(
    kept: Option<Result<Option<Box<dyn Any + Send>>, TransitionError>>,
    dead: usize,
) -> Result<(), TransitionError> {
    if let Some(payload) = kept.unwrap_or_else(|| Err(misuse(Event::Enter)))? {
        local::raise_or_tell(payload);
    }
    sortie_scheduler::raise_postponed();
    if dead > 0 {
        jumped::report(dead);
        return Err(TransitionError::Unbalanced { event: Event::Enter, dead });
    }
    Ok(())
}

/// From now on, or no longer, [`enter`] finds what a jump (`longjmp`) over transitions of the current task has
/// left: layers that nobody closes, because the code that was to do it is gone. Returns what was said before;
/// false on a thread that runs no task, where nothing is done. Does not block.
///
/// The native code of a call has been jumped to, and returns; [`enter`] then pops the dead layers as leaks, pops
/// that of the call, and returns [`TransitionError::Unbalanced`]. Without this it would pop one of the dead ones, or be
/// refused. So do [`NativeScope`](super::NativeScope) and [`UnhookedScope`](super::UnhookedScope) at their ends, which would
/// else end nothing. [`native::call`](crate::native::call()) and its like always find them.
///
/// What a jump may pass is said in the guide: frames of C, of Sortie, and of Rust where nothing is alive that has
/// a destructor. One from one stack to another ends the process.
///
/// # Safety
/// From here on, until it is taken back, layers that are open where an [`enter`], or the end of a scope, finds more than its own
/// are those of frames that a jump has left. So
/// - each [`enter`] is called by the function that has called the matching [`leave`], or by one that this function has
///   called, as stubs do: it goes by the stack, and where `leave` was called by a helper, and `enter` is not, the caller of
///   both would look like one who was jumped to;
/// - a scope of the module is dropped by the function that has made it, and not in native code of a call within it, to which
///   it was moved. That code would run on as managed code on a stack which others use.
///
/// ```
/// use sortie::transition;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     // SAFETY: `leave` and `enter` are called by this very function, and it has no scopes.
///     assert!(!unsafe { transition::find_jumps(true) });
///     transition::leave(libc::getpid as *const () as usize)?;
///     // SAFETY: `getpid` has no conditions.
///     unsafe { libc::getpid() };
///     // Nobody has jumped.
///     transition::enter()
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub unsafe fn find_jumps(yes: bool) -> bool {
    local::with(|local| local.set_finds_jumps(yes)).unwrap_or(false)
}

/// As [`enter`], but without a worker it waits for one in place, and only within a bound.
///
/// # Errors
/// As [`enter`]; also [`TransitionError::TimedOut`] and [`TransitionError::Abandoned`]: the task is still in its native
/// layer, and may try again.
pub(crate) fn enter_within(bound: &Bound<'_>) -> Result<(), TransitionError> {
    check_handler(Event::Enter)?;
    let kept = local::with(|local| {
        local.layers(Layers::check_raw_enter).inspect_err(report)?;
        let timing = local.set_raw(None);
        let ended = timing.map(|timing| timing.end(Duration::ZERO));
        let ended = ended.or_else(|| profile_on_top(local).map(Ended::untimed));
        let come_back = || crossing::come_back_within(bound);
        let back = local.come_back_to_fp_env(|| back_checked(local, come_back));
        match back {
            Ok(back) => ended.inspect(|ended| ended.record(back)),
            Err(error) => {
                // To be written down when it has come back.
                local.set_raw(timing);
                return Err(error);
            }
        };
        Ok(local.take_panic())
    });
    finish_enter(kept, 0)
}

/// Native code calls back into managed code of the same task.
///
/// Pushes a managed layer. If the worker was taken, waits for another, on this thread. Keeps `errno`.
/// A thread without a task enters by [`Handle::reverse_enter`](crate::Handle::reverse_enter).
///
/// # Errors
/// [`TransitionError`]: the top layer is not native, no task runs here, there is no memory for the
/// layer, or the runtime was shut down. Nothing has changed then.
pub fn reverse_enter() -> Result<(), TransitionError> {
    reverse_enter_by(|local| call_in(local, Below::THREAD, false))
}

/// As [`reverse_enter`], but without a worker it waits for one only within a bound.
///
/// # Errors
/// As [`reverse_enter`]; also [`TransitionError::TimedOut`] and [`TransitionError::Abandoned`].
pub(crate) fn reverse_enter_within(bound: &Bound<'_>) -> Result<(), TransitionError> {
    reverse_enter_by(|local| {
        let call_back = || crossing::call_back_within(Below::THREAD, bound);
        call_in_by(local, Below::THREAD, false, call_back)
    })
}

fn reverse_enter_by(
    call_in: impl FnOnce(&Local) -> Result<Back, TransitionError>,
) -> Result<(), TransitionError> {
    check_handler(Event::ReverseEnter)?;
    local::with(|local| {
        // What a raw call took is not known with callbacks in it.
        if let Some(timing) = local.set_raw(None) {
            let _ = timing.end(Duration::ZERO);
        }
        let profile = profile_on_top(local);
        let back = call_in(local)?;
        local.begin_raw_callback();
        if let Some((page, profile)) = ledger::page().zip(profile) {
            page.row(profile).record_callback(back);
            unhooked::check_callback(profile);
        }
        Ok(())
    })
    .unwrap_or_else(|| no_task(Event::ReverseEnter))
}

/// Managed code that native code has called returns there.
///
/// Pops the managed layer. Does not block. Keeps `errno`.
///
/// # Errors
/// [`TransitionError`]: the top layer is not one that [`reverse_enter`] made, or no task runs here,
/// and nothing has changed.
pub fn reverse_leave() -> Result<(), TransitionError> {
    check_handler(Event::ReverseLeave)?;
    local::with(|local| {
        let is_another = |note| Opened::from_bits(note).is_guarded();
        if local.layers(|layers| layers.note_on_top().is_some_and(is_another)) {
            // Of `native::callback`, which ends with its closure: what it has counted would stay.
            return Err(local.layers(Layers::reverse_leave_refused)).inspect_err(report);
        }
        local.end_raw_callback();
        back_in(local, None, Below::THREAD)
    })
    .unwrap_or_else(|| no_task(Event::ReverseLeave))
}

/// The layers of the current task, from its base to the top; none on a thread that runs no task, and in a signal
/// handler, which may have interrupted a transition.
///
/// ```
/// use sortie::transition::{self, Layer};
///
/// let runtime = sortie::Runtime::new()?;
/// assert_eq!(runtime.run(transition::layers), [Layer::ManagedBase]);
/// assert!(transition::layers().is_empty());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn layers() -> Vec<Layer> {
    if sortie_scheduler::in_signal_handler() {
        return Vec::new();
    }
    local::with(|local| local.layers(|layers| layers.to_vec())).unwrap_or_default()
}

/// A handler that interrupts a step of the scheduler's must not make another.
#[inline]
fn check_handler(event: Event) -> Result<(), TransitionError> {
    if sortie_scheduler::in_signal_handler() {
        return Err(TransitionError::InSignalHandler { event });
    }
    Ok(())
}

fn misuse(event: Event) -> TransitionError {
    TransitionError::NotOwner { event, found: None }
}

#[cold]
fn no_task(event: Event) -> Result<(), TransitionError> {
    let error = misuse(event);
    report(&error);
    Err(error)
}
