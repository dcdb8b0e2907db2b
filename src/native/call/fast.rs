//! The way of a call with nothing special to it: mode A, and for functions that are neither short nor
//! long mode C, with nothing on the way that could be left out.
//!
//! [`Fast::prepare`] looks whether all is as it mostly is; if not, nothing has happened yet and the
//! call goes the general way. INVARIANT(fast.plain): in mode A there is no locked instruction, no
//! fence, and no call but that of the function; `tests/assembly.rs` looks.
//!
//! Inlined where the compiler optimizes; where it does not, each of these would keep all its values in the frame of
//! the caller, and a task's stack is small.

use crate::target::Profile;
use crate::target::page::Page;
use crate::target::row::Row;
use crate::target::timing::Ended;
use crate::task::local::{Local, drop_unheard};
use crate::transition::{self, Layers, TransitionError, jumped, trace};
use sortie_scheduler::Frame;
use sortie_scheduler::crossing::{self, Here, Left, Return};
use std::mem;
use std::thread;

/// A call that may go the fast way, in mode C if `COMPARE`, else in mode A.
pub(super) struct Fast<const COMPARE: bool> {
    here: Here,
    local: &'static Local,
    profile: &'static Profile,
    row: &'static Row,
    /// On the stack that the task is on: its own, or the carrier's already.
    stays: bool,
}

impl<const COMPARE: bool> Fast<COMPARE> {
    /// Has a look at everything that could be in the way, and counts the call.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn prepare(profile: &'static Profile) -> Option<Fast<COMPARE>> {
        let stack_wanted = profile.fast::<COMPARE>()?;
        // SAFETY: used up by `run`, in which the task is not switched before the last use.
        let here = unsafe { Here::get() }?;
        // SAFETY: as in `local::with`: the word is that of a `Local` which outlives the call.
        let local = unsafe { here.task_word().cast::<Local>().as_ref() };
        // SAFETY: as in `ledger::page`: the word is null, or a page that the ledger keeps.
        let page = unsafe { here.carrier_word().cast::<Page>().as_ref() }?;
        let row = page.near(profile)?;
        let stays = here.stack_left() >= stack_wanted;
        if !local.has_room(1) || !row.count_untimed() {
            return None;
        }
        Some(Fast { here, local, profile, row, stays })
    }

    /// Makes the call.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let Fast { here, local, profile, row, stays } = self;
        local.begin_direct::<false>(row);
        // Each branch leaves for itself: what must live over the call then stays in registers.
        if stays {
            let left = here.leave::<COMPARE>(profile.word());
            let way_back = WayBack { here, left };
            let value = f();
            mem::forget(way_back);
            come_back(here, left);
            return value;
        }
        let left = here.leave::<COMPARE>(profile.word());
        let mut frame = Frame::new(f);
        // SAFETY: `stays` is false, so this is the task's own stack; nothing switches the task until it is back.
        let outcome = unsafe { here.on_carrier_stack(&mut frame) };
        come_back(here, left);
        match outcome.into_result() {
            Ok(value) => value,
            Err(payload) => sortie_scheduler::raise(payload),
        }
    }
}

/// Nothing of the task but its thread is needed over a call that nobody looked at.
#[inline(always)]
fn come_back<const COMPARE: bool>(here: Here, left: Left<COMPARE>) {
    // SAFETY: the call is the task's, which is on its carrier until it is back.
    let local = || unsafe { local_again(here) };
    let mut asked = None;
    match here.come_back(left, || asked.insert(local()).is_jumped(left)) {
        Return::Untouched => {}
        Return::Touched => {
            let local = asked.unwrap_or_else(local);
            if !local.end_direct::<false>() {
                // Also if a panic is kept.
                pop(local);
            }
        }
        Return::Late => late(local()),
    }
}

/// What is known of the task, read anew.
///
/// # Safety
/// The task that was [`Here`] is on its carrier still.
#[inline(always)]
unsafe fn local_again(here: Here) -> &'static Local {
    // SAFETY: by contract the word is what `prepare` has found.
    unsafe { &*here.task_word_again().cast::<Local>() }
}

/// The worker is gone, or a jump has left callbacks of the call.
#[cold]
#[inline(never)]
pub(super) fn late(local: &Local) {
    late_after(local, jumped::land_direct(local));
}

/// As [`late`]; the layers of callbacks that a jump has left are popped already, and so many were `dead`.
#[cold]
#[inline(never)]
pub(super) fn late_after(local: &Local, dead: usize) {
    wait_for_worker(local, dead);
    if local.keeps_panic() {
        raise_kept(local);
    }
    sortie_scheduler::checkpoint();
}

/// Waits for another worker if it is gone, and writes the call down.
fn wait_for_worker(local: &Local, dead: usize) {
    if dead == 0 {
        local.push_direct();
    }
    // SAFETY: the task has left with the word of a profile, and with no other since on this carrier.
    let profile = unsafe { Profile::of_word(crossing::target()) };
    let back = if dead > 0 { transition::back(local) } else { transition::back_late(local) };
    match back {
        Ok(back) => {
            profile.inspect(|profile| Ended::untimed(profile).record(back));
            if dead > 0 {
                jumped::report(dead);
            }
        }
        // The runtime is gone. The native code has returned, so the frames may unwind.
        Err(TransitionError::ShutDown) if !thread::panicking() => crossing::stop_after_return(),
        Err(TransitionError::ShutDown) => {}
        Err(_) => say_crossed(),
    }
}

#[cold]
#[inline(never)]
fn raise_kept(local: &Local) {
    if let Some(payload) = local.take_panic() {
        sortie_scheduler::raise(payload);
    }
}

/// Somebody has looked at the layers meanwhile, so this call's was pushed.
#[cold]
#[inline(never)]
pub(super) fn pop(local: &Local) {
    if local.layers(Layers::enter).is_err() {
        say_crossed();
    }
    if local.keeps_panic() {
        raise_kept(local);
    }
}

/// The call's layer is not on top when it returns, and managed code goes on all the same.
#[cold]
#[inline(never)]
pub(super) fn say_crossed() {
    trace::tell(|| {
        tracing::error!(
            target: "sortie::crossing",
            "a native call returned with its layer gone: raw transitions crossed it"
        );
    });
}

/// Unwinds out of a function that stays on the task's stack: the task comes back all the same. What a callback has kept
/// is not raised beside that.
struct WayBack<const COMPARE: bool> {
    here: Here,
    left: Left<COMPARE>,
}

impl<const COMPARE: bool> Drop for WayBack<COMPARE> {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        let WayBack { here, left } = *self;
        // SAFETY: as in `come_back`.
        let local = || unsafe { local_again(here) };
        match here.come_back(left, || local().is_jumped(left)) {
            Return::Untouched => {}
            Return::Touched => {
                let local = local();
                let _ = local.end_direct::<false>() || local.layers(Layers::enter).is_ok();
            }
            // Waits in place: the thread is panicking.
            Return::Late => wait_for_worker(local(), jumped::land_direct(local())),
        }
        local().take_panic().into_iter().for_each(drop_unheard);
    }
}
