//! The way of a short call on a stack of the task's whose callbacks may take the task to another thread, and of such a
//! callback.
//!
//! As `here.rs` and `called.rs`, but that nothing read of the thread before a callback is used after it: what is kept are the
//! task's own things, and the carrier is read anew. So it is not asked whether the word is what it was at the leave: on another
//! carrier the same epoch would be another call's.

use super::back::enter_without_worker;
use super::called::{Caller, guard, leave, say};
use super::jumped::Opened;
use super::leave::leave_after_end;
use super::{Back, Below, Terminated, below};
use crate::carrier::Carrier;
use crate::task::Header;
use crate::wait;
use std::marker::PhantomData;
use std::thread;

/// A callback that has begun, out of native code in mode A on a [`NativeStack`](crate::NativeStack): its task may be
/// suspended in it, and go on on another thread.
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
#[must_use = "a callback that has begun must leave again"]
pub struct CalledAnywhere {
    task: &'static Header,
    /// The lowest address of the task's own stack before.
    stack_low: usize,
    back: Back,
    thread: PhantomData<*mut ()>,
}

/// [`come_back`](super::come_back) from [`Here::leave`](super::Here::leave), on whatever thread the task is now. False: the worker
/// is gone, and [`come_back_late`](super::come_back_late) waits for another.
#[inline]
pub fn come_back_kept() -> bool {
    // Else in a child that was forked off meanwhile.
    wait::kept_task().is_none_or(|(carrier, _)| carrier.come_back())
}

impl Caller {
    /// [`Caller::begin`] for native code whose callbacks may take the task to another thread: `below` says on what it
    /// runs. `None` if that does not fit, too.
    ///
    /// # Errors
    /// As [`call_back`](super::call_back).
    ///
    /// # Safety
    /// The native code on top was called by [`Here::leave`](super::Here::leave), and runs on the stack of `below`.
    #[inline]
    pub unsafe fn begin_anywhere(self, below: Below) -> Option<Result<CalledAnywhere, Terminated>> {
        let low = below.low_of_moving()?;
        let carrier = self.carrier();
        let word = carrier.word.own();
        let run = word.run_after_asymmetric()?;
        // SAFETY: as in `Caller::begin`.
        let task = unsafe { &*carrier.current() };
        let kept = carrier.word.run_unasked(run, &carrier.request) || carrier.settle();
        task.callbacks.begin(false);
        let back = if kept { Ok(Back::Kept) } else { wait_for_worker(carrier, task, below) };
        let back = match back {
            Ok(back) => back,
            Err(terminated) => return Some(Err(terminated)),
        };
        // As `below::use_stack_of`, wherever the wait has ended.
        if let Some((carrier, _)) = wait::kept_task() {
            carrier.stack_low.set(low);
        }
        let stack_low = task.stack_low.replace(low);
        Some(Ok(CalledAnywhere { task, stack_low, back, thread: PhantomData }))
    }
}

impl CalledAnywhere {
    /// The note of the callback, for who looks whether a jump has left it.
    #[inline]
    pub fn opened(&self) -> Opened {
        Opened::anywhere()
    }

    /// How it has come back.
    #[inline]
    pub fn back(&self) -> Back {
        self.back
    }

    /// As [`Called::guard`](super::Called::guard).
    ///
    /// # Errors
    /// As [`guard`](crate::guard).
    #[inline]
    pub fn guard<R>(&self, f: impl FnOnce() -> R) -> thread::Result<R> {
        guard(self.task, f)
    }

    /// The stack is that of the native code again, and no task's.
    #[inline]
    pub fn resume_outer(&self) {
        if let Some((carrier, _)) = wait::kept_task() {
            carrier.stack_low.set(0);
        }
        self.task.stack_low.set(self.stack_low);
    }

    /// As [`Called::leave_again`](super::Called::leave_again), after [`CalledAnywhere::resume_outer`]; `below` as at
    /// the begin.
    #[inline]
    pub fn leave_again(self, target: usize, below: Below) -> bool {
        let task = self.task;
        let Some((carrier, _)) = wait::kept_task() else { return false };
        let word = carrier.word.own();
        if !word.is_run() {
            return leave_after_end(carrier, task, target, below);
        }
        task.callbacks.end(false);
        say(carrier, target);
        leave::<false>(carrier, word);
        true
    }
}

/// The worker is gone. Of the carrier nothing is used any more when the wait is over, for this `below` ties the task to none.
#[cold]
#[inline(never)]
fn wait_for_worker(carrier: &Carrier, task: &Header, below: Below) -> Result<Back, Terminated> {
    enter_without_worker(carrier, task).inspect_err(|_| below::leave(carrier, task, below))
}
