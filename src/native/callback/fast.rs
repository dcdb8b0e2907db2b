//! The way of a callback out of a call that went the fast way: most of them.
//!
//! Such a call is not timed, has no policy that says more, and its callbacks wait in place; so has its
//! callback nothing to save or to restore. Not even the layers: as the call's own, the callback's is pushed
//! when somebody looks.

use crate::target::row::Row;
use crate::task::local::Local;
use crate::transition::{Event, Layers, TransitionError};
use sortie_scheduler::crossing::{Back, Called, Caller};
use std::thread;

/// A callback that has begun, and goes the fast way; out of a call in mode C if `COMPARE`, else in mode A.
#[must_use = "a callback that has begun must end"]
pub(super) struct Fast<const COMPARE: bool> {
    called: Called<COMPARE>,
    local: &'static Local,
    row: &'static Row,
}

/// The task on this thread, as its callback finds it.
///
/// # Safety
/// As for [`Caller::get`].
#[inline(always)]
pub(super) unsafe fn caller() -> Option<(Caller, &'static Local)> {
    // SAFETY: by contract.
    let caller = unsafe { Caller::get() }?;
    // SAFETY: as in `local::with`: the word is that of a `Local` which outlives the callback.
    Some((caller, unsafe { caller.task_word().cast::<Local>().as_ref() }))
}

impl<const COMPARE: bool> Fast<COMPARE> {
    /// Comes back into managed code out of the direct call of `row`, if all is as it mostly is. `None`: nothing
    /// has happened, and the callback goes the general way.
    #[inline(always)]
    pub(super) fn begin(
        caller: Caller,
        local: &'static Local,
        row: &'static Row,
    ) -> Option<Result<Self, TransitionError>> {
        if !local.can_call_back() {
            return None;
        }
        // SAFETY: a direct call left by `Here::leave`, and a function whose callbacks suspend has none.
        let called = unsafe { caller.begin::<COMPARE>(|back| count_back(row, back)) }?;
        let Ok(called) = called else { return Some(Err(refused(local))) };
        local.begin_callback::<false>(row, called.opened());
        // The carrier is the one on which the call began.
        row.count_callback();
        Some(Ok(Fast { called, local, row }))
    }

    /// Runs `f` in managed code, and goes back to native code. `Ok(None)`: it panicked, which is kept.
    #[inline(always)]
    pub(super) fn run<R>(self, f: impl FnOnce() -> R) -> Result<Option<R>, TransitionError> {
        let Fast { called, local, row } = self;
        let result = called.guard(f);
        if !local.end_callback::<false>(row) {
            pop::<false>(local, row)?;
        }
        called.leave_again(|| row.profile().word());
        Ok(value_or_kept(local, result))
    }
}

/// What a callback has given. Its panic is kept, for the return of the native code below.
#[inline(always)]
pub(super) fn value_or_kept<R>(local: &Local, result: thread::Result<R>) -> Option<R> {
    match result {
        Ok(value) => Some(value),
        Err(payload) => {
            local.keep(payload);
            None
        }
    }
}

/// Somebody has looked at the layers meanwhile, so they were pushed. The call's is popped again too: it is
/// pushed when somebody looks.
#[inline(never)]
pub(super) fn pop<const ON_STACK: bool>(
    local: &Local,
    row: &'static Row,
) -> Result<(), TransitionError> {
    // Raw transitions may have crossed the callback.
    local.layers(Layers::reverse_leave).inspect_err(|error| {
        tracing::debug!(target: "sortie::crossing", %error, "refused");
    })?;
    if local.layers(Layers::enter).is_ok() {
        local.begin_direct::<ON_STACK>(row);
    }
    Ok(())
}

/// The callback has another worker.
#[cold]
#[inline(never)]
pub(super) fn count_back(row: &Row, back: Back) {
    row.count_back(back);
}

#[cold]
pub(super) fn refused(local: &Local) -> TransitionError {
    local.push_direct();
    local.layers(|layers| layers.refuse(Event::ReverseEnter))
}
