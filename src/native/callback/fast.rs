//! The way of a callback out of a call that went the fast way: most of them.
//!
//! Such a call is not timed, has no policy that says more, and its callbacks wait in place; so has its
//! callback nothing to save or to restore. Not even the layers: as the call's own, the callback's is pushed
//! when somebody looks.
//!
//! In line is what nearly every callback comes by. All else is behind calls which end the callback, too, so that nothing
//! lives over them: it would be in a register that each callback's frame has to save.

use super::answer::Answer;
use crate::target::row::Row;
use crate::task::local::Local;
use crate::transition::{self, Event, Layers, TransitionError};
use sortie_scheduler::crossing::{Back, Begun, Called, Caller, Opened};
use std::thread;

/// A callback that has begun, and goes the fast way; out of a call in mode C if `COMPARE`, else in mode A.
#[derive(Clone, Copy)]
#[must_use = "a callback that has begun must end"]
pub(super) struct Fast<const COMPARE: bool> {
    called: Called<COMPARE>,
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
    /// has happened, and the callback goes another way.
    ///
    /// The call [can call back](Local::has_room_for_callback) as it is.
    #[inline(always)]
    pub(super) fn begin(caller: Caller, row: &'static Row) -> Option<(Self, Begun)> {
        // SAFETY: a direct call left by `Here::leave`, and a function whose callbacks suspend has none.
        let (called, begun) = unsafe { caller.begin::<COMPARE>() }?;
        Some((Fast { called, row }, begun))
    }

    /// What is known of the task, read anew: it costs less than to keep it over the callback.
    #[inline(always)]
    fn local(self) -> &'static Local {
        // SAFETY: as in `caller`; the task stays on its carrier until the callback has ended.
        unsafe { &*self.called.task_word().cast() }
    }

    /// Runs `f` in managed code, and goes back to native code.
    #[inline(always)]
    pub(super) fn run<R, A: Answer<R>>(
        self,
        begun: Begun,
        answer: A,
        f: impl FnOnce() -> R,
    ) -> A::Output {
        match begun {
            Begun::Unasked(opened) => self.run_here(opened, answer, f),
            Begun::Asked => self.run_asked(answer, f),
        }
    }

    /// With its worker, or another.
    #[cold]
    #[inline(never)]
    fn run_asked<R, A: Answer<R>>(self, answer: A, f: impl FnOnce() -> R) -> A::Output {
        match self.called.settle() {
            Ok((back, opened)) => {
                self.row.count_back(back);
                self.run_here(opened, answer, f)
            }
            Err(_) => answer.refused(refused(self.local())),
        }
    }

    /// With its worker.
    #[inline(always)]
    fn run_here<R, A: Answer<R>>(
        self,
        opened: Opened,
        answer: A,
        f: impl FnOnce() -> R,
    ) -> A::Output {
        let Fast { called, row } = self;
        self.local().begin_callback::<false>(row, opened);
        // The carrier is the one on which the call began.
        row.count_callback();
        let result = called.guard(f);
        let is_noted = self.local().end_callback::<false>(row);
        match result {
            Ok(value) if is_noted && called.leave(opened, || row.profile().word()) => {
                answer.value(value)
            }
            result => self.end(is_noted, answer, result),
        }
    }

    /// Managed code has panicked, or its layers were pushed, or raw transitions have crossed it.
    #[inline(never)]
    fn end<R, A: Answer<R>>(
        self,
        is_noted: bool,
        answer: A,
        result: thread::Result<R>,
    ) -> A::Output {
        let Fast { called, row } = self;
        let local = self.local();
        if !is_noted && let Err(error) = pop::<false>(local, row) {
            return not_popped(local, answer, result, error);
        }
        called.leave_again(row.profile().word());
        value_or_kept(local, answer, result)
    }
}

/// What a callback has given. Its panic is kept, for the return of the native code below.
#[inline(always)]
pub(super) fn value_or_kept<R, A: Answer<R>>(
    local: &Local,
    answer: A,
    result: thread::Result<R>,
) -> A::Output {
    match result {
        Ok(value) => answer.value(value),
        Err(payload) => {
            local.keep(payload);
            answer.kept()
        }
    }
}

/// The callback's layer is not on top at its end, so it cannot go back: raw transitions have crossed it. What it has
/// raised is kept all the same; its value has nowhere to go.
#[cold]
#[inline(never)]
pub(super) fn not_popped<R, A: Answer<R>>(
    local: &Local,
    answer: A,
    result: thread::Result<R>,
    error: TransitionError,
) -> A::Output {
    if let Err(payload) = result {
        local.keep(payload);
    }
    answer.refused(error)
}

/// Somebody has looked at the layers meanwhile, so they were pushed. The call's is popped again too: it is
/// pushed when somebody looks.
#[inline(never)]
pub(super) fn pop<const ON_STACK: bool>(
    local: &Local,
    row: &'static Row,
) -> Result<(), TransitionError> {
    // Raw transitions may have crossed the callback.
    local.layers(Layers::reverse_leave).inspect_err(transition::report)?;
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
