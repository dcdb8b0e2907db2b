//! The way of a call that is not known to be short, or that has more to do: times, limits, policies,
//! traces, the hand-off of the worker, another thread.

use super::super::{Target, offload};
use super::anywhere::Anywhere;
use super::fast::{self, Fast};
use super::on_stack::OnStack;
use crate::target::bulkhead::Place;
use crate::target::decision::{Action, Decision};
use crate::target::policy::{Callbacks, FpEnv};
use crate::target::timing::{Ended, Timing};
use crate::target::{Profile, fp_env, unhooked};
use crate::target::{ledger, policies};
use crate::task::local::{self, Unhooked};
use crate::transition::{self, TransitionError, UnhookedScope, jumped};
use sortie_scheduler::crossing::{self, Below};
use sortie_scheduler::{Hook, NativeStack};
use std::time::Duration;

/// [`native::call`](crate::native::call()).
#[inline(never)]
pub(super) fn call<R: Send>(
    target: &Target,
    profile: &'static Profile,
    f: impl FnOnce() -> R + Send,
) -> R {
    if let Some(fast) = Fast::<true>::prepare(profile) {
        return fast.run(f);
    }
    if let Some(on_stack) = OnStack::prepare(profile) {
        return on_stack.run(f);
    }
    if let Some(anywhere) = Anywhere::prepare(profile) {
        return anywhere.run(f);
    }
    if is_announced() {
        let decision = profile.decide();
        if is_for_another_thread(decision) {
            return offload::call(target, profile, f);
        }
    }
    call_on_this_thread(target, profile, None, f)
}

/// A call of a function that `pinvoke!` has declared.
#[inline(never)]
pub(super) fn call_declared<R>(
    target: &Target,
    profile: &'static Profile,
    f: impl FnOnce() -> R,
) -> R {
    if let Some(fast) = Fast::<true>::prepare(profile) {
        return fast.run(f);
    }
    if let Some(on_stack) = OnStack::prepare(profile) {
        return on_stack.run(f);
    }
    if let Some(anywhere) = Anywhere::prepare(profile) {
        return anywhere.run(f);
    }
    if target.declares_offload() && is_announced() {
        let decision = profile.decide();
        if is_for_another_thread(decision) {
            // SAFETY: the closure calls the function with arguments that are plain values of C, and the
            // author of its `unsafe extern` block has declared that calls may be made by other threads.
            return unsafe { offload::call_unsend(target, profile, f) };
        }
    }
    call_on_this_thread(target, profile, None, f)
}

/// [`native::call_here`](crate::native::call_here()).
#[inline(never)]
pub(super) fn call_here<R>(target: &Target, profile: &'static Profile, f: impl FnOnce() -> R) -> R {
    if let Some(fast) = Fast::<true>::prepare(profile) {
        return fast.run(f);
    }
    if let Some(on_stack) = OnStack::prepare(profile) {
        return on_stack.run(f);
    }
    if let Some(anywhere) = Anywhere::prepare(profile) {
        return anywhere.run(f);
    }
    call_on_this_thread(target, profile, None, f)
}

/// Is another thread to make the call, which it may?
///
/// If others are pinned to this one, who would wait with it. Or if the worker would leave before the call for others
/// that wait: one thread must be woken for either, and here the worker and those others need not wait for that.
fn is_for_another_thread(decision: Decision) -> bool {
    decision.may_last() && sortie_scheduler::blocks_others()
        || decision.is_handed_over() && !decision.is_special() && sortie_scheduler::others_wait()
}

/// Does this thread run managed code of a task of ours? Not in a subscriber that is told of a way out: the layer is pushed
/// then.
pub(in super::super) fn is_announced() -> bool {
    let is_on_its_way_out =
        || local::with(|local| local.layers(|layers| layers.top_is_native())) == Some(true);
    sortie_scheduler::is_managed()
        && !sortie_scheduler::task_word().is_null()
        && !(policies::is_traced() && is_on_its_way_out())
}

/// [`native::call_cancellable`](crate::native::call_cancellable()).
pub(in super::super) fn call_cancellable<R>(
    target: &Target,
    hook: &mut Hook<'_>,
    f: impl FnOnce() -> R,
) -> R {
    call_on_this_thread(target, target.profile(), Some(hook), f)
}

/// `hook`: what cancels this call, if it has one of its own.
fn call_on_this_thread<R>(
    target: &Target,
    profile: &'static Profile,
    hook: Option<&mut Hook<'_>>,
    f: impl FnOnce() -> R,
) -> R {
    if !is_announced() {
        if profile.is_denied() {
            refused(target, TransitionError::Denied { target: profile.address() });
        }
        return f();
    }
    let decision = profile.decide();
    match decision.action() {
        Action::Denied => refuse_denied(target, profile),
        Action::Unhooked if decision.is_sampled() && unhooked::is_due(profile) => {
            announced(target, profile, decision, hook, f)
        }
        Action::Unhooked => unannounced(profile, f),
        _ => announced(target, profile, decision, hook, f),
    }
}

fn announced<R>(
    target: &Target,
    profile: &'static Profile,
    decision: Decision,
    hook: Option<&mut Hook<'_>>,
    f: impl FnOnce() -> R,
) -> R {
    // Waits where a limit is reached: nothing of the carrier is known before.
    let place = take_place(target, profile, decision);
    let restores = decision.is_special() && profile.fp_env() == FpEnv::Restore;
    let environment = restores.then(fp_env::save);
    let mut stack = if decision.is_special() { stack_for(profile) } else { None };
    let (result, kept) = local::with(|local| {
        let outer = local.set_fp_env(environment);
        let below = stack
            .as_ref()
            .map_or(Below::THREAD, |(stack, migrates)| Below::stack(stack, *migrates));
        let outer_below = local.set_below(below);
        let called_back = local.set_called_back(Duration::ZERO);
        let depth = local.layers(|layers| layers.depth());
        if let Err(error) = transition::out(local, profile.address(), profile, decision.exit()) {
            local.set_fp_env(outer);
            local.set_below(outer_below);
            local.set_called_back(called_back);
            refused(target, error);
        }
        if let Some(place) = place {
            local.hold(depth, place);
        }
        // Behind the way out: who waits for the worker does not wait for this.
        let timing = ledger::page().map(|page| Timing::begin(page, profile, decision));
        let call = || {
            let result = local::catch(|| run(profile, decision, hook, f));
            (result, jumped::land(local, depth + 1, below))
        };
        let (result, dead) = if let Some((stack, _)) = &mut stack {
            // SAFETY: the task is in native code until `back`.
            unsafe { stack.run(call) }
        } else if is_on_task_stack(profile) {
            call()
        } else {
            // SAFETY: the task is in native code until `back`.
            unsafe { sortie_scheduler::on_carrier_stack(call) }
        };
        local.set_fp_env(outer);
        local.set_below(outer_below);
        let called_back = local.set_called_back(called_back);
        let ended = timing.map(|timing| timing.end(called_back));
        // Whoever runs here while the task waits for a worker is not to have what native code has set.
        environment.inspect(|environment| environment.restore());
        match transition::back(local) {
            Ok(back) if dead > 0 => {
                // How long the callbacks took that a jump has left is not known.
                Ended::untimed(profile).record(back);
                jumped::report(dead);
            }
            Ok(back) => {
                ended.inspect(|ended| ended.record(back));
            }
            // The runtime is gone. The native code has returned, so the frames may unwind.
            Err(TransitionError::ShutDown) => crossing::stop_after_return(),
            Err(_) => fast::say_crossed(),
        }
        if decision.is_special() {
            local.let_go(depth);
        }
        (result, local.take_panic())
    })
    .expect("this is a task's code");
    drop(stack);
    // On another thread, perhaps.
    environment.inspect(|environment| environment.restore());
    if let Some(payload) = kept {
        sortie_scheduler::raise(payload);
    }
    sortie_scheduler::checkpoint();
    match result {
        Ok(value) => value.expect("an abort that kept the call from being made is raised"),
        Err(caught) => caught.raise(),
    }
}

/// Waits for a place among those who may call at once, if there is a limit. A call from a callback of a call of the same
/// function goes with the place that its task has: it would wait for itself.
///
/// # Panics
/// If all calls are refused by the time that there is one.
pub(in super::super) fn take_place(
    target: &Target,
    profile: &'static Profile,
    decision: Decision,
) -> Option<Place> {
    if !decision.is_special() || local::with(|local| local.holds_place(profile)) == Some(true) {
        return None;
    }
    let place = profile.enter()?;
    if profile.decide().is_denied() {
        drop(place);
        refuse_denied(target, profile);
    }
    Some(place)
}

/// The function's policy refuses its calls.
fn refuse_denied(target: &Target, profile: &Profile) -> ! {
    let denied = local::with(|local| local.layers(|layers| layers.leave_denied(profile.address())));
    refused(target, denied.expect("this is a task's code"));
}

/// Runs the native code, with what cancels it: the hook of the call, else that of the function. `None`: the
/// task was aborted before, and the next checkpoint raises that.
pub(in super::super) fn run<R>(
    profile: &Profile,
    decision: Decision,
    hook: Option<&mut Hook<'_>>,
    f: impl FnOnce() -> R,
) -> Option<R> {
    if let Some(hook) = hook {
        return sortie_scheduler::cancellable(hook, f);
    }
    match decision.is_cancellable().then(|| profile.cancel_hook()).flatten() {
        Some(hook) => sortie_scheduler::cancellable(&mut |cancelled| hook(cancelled), f),
        None => Some(f()),
    }
}

/// A stack of the task's for native code whose callbacks may suspend it, and whether they may migrate;
/// `None` if they are to wait in place.
fn stack_for(profile: &Profile) -> Option<(NativeStack, bool)> {
    let migrates = match profile.callbacks() {
        Callbacks::Block => return None,
        Callbacks::Suspend => false,
        Callbacks::Migrate => true,
    };
    match NativeStack::take() {
        Ok(stack) => stack.map(|stack| (stack, migrates)),
        Err(error) => {
            tracing::warn!(
                target: "sortie::crossing",
                function = %profile,
                %error,
                "no stack for native code: callbacks of this call wait in place"
            );
            None
        }
    }
}

/// Does the policy want the task's own stack, and is there enough of it?
fn is_on_task_stack(profile: &Profile) -> bool {
    let left = sortie_scheduler::stack_left();
    profile.task_stack().is_some_and(|bytes| left >= bytes.get() as usize)
}

/// A call that is not announced: only a callback, which must not be, would find that it is there.
fn unannounced<R>(profile: &'static Profile, f: impl FnOnce() -> R) -> R {
    let unhooked = local::with(|local| UnhookedScope::begin(local, Unhooked::of(profile)));
    let value = f();
    // Raises what a callback has kept.
    drop(unhooked);
    value
}

#[cold]
fn refused(target: &Target, error: TransitionError) -> ! {
    panic!("the native function {target} is not called: {error}")
}
