//! The way of a callback with nothing special to it: out of a call that left by [`Here::leave`](super::Here::leave), on the
//! thread's own stack, with the worker still there when it begins, or taken meanwhile.
//!
//! As [`Here`](super::Here) for calls: everything is read once, and the steps are those of
//! [`call_back`](super::call_back) and [`leave_again`](super::leave_again) with [`Below::Thread`], inline.

use super::fence::{self, light, light_half};
use super::word::{Native, Snapshot};
use super::{
    Back, Below, Terminated, below, enter_without_worker, kick_if_work_waits, leave_after_end,
};
use crate::carrier::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::worker::current;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::thread;

/// Native code of the current task that calls back: what its callback must know, read once.
///
/// A copy of pointers. It is not to be kept across anything that may switch the task.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
pub struct Caller {
    carrier: &'static Carrier,
    task_word: NonNull<()>,
    thread: PhantomData<*mut ()>,
}

/// A callback that has begun, out of native code in mode C if `COMPARE`, else in mode A. See the module.
///
/// A copy of pointers: the task stays on its thread until the callback has ended, for the native frames
/// below are the thread's.
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
#[must_use = "a callback that has begun must leave again"]
pub struct Called<const COMPARE: bool> {
    carrier: &'static Carrier,
    task: &'static Header,
    /// The carrier's word, unless managed code has changed it.
    run: Snapshot,
    /// What the task has counted before.
    callbacks: u32,
    blocking: u32,
    thread: PhantomData<*mut ()>,
}

impl Caller {
    /// The task on this thread, if there is one with a word of the embedder's; whether it is in native code
    /// is for the embedder to know.
    ///
    /// # Safety
    /// The value is dropped before the task can be switched.
    #[inline(always)]
    pub unsafe fn get() -> Option<Caller> {
        // SAFETY: the arena outlives this thread's stay in the runtime.
        let carrier = unsafe { current::carrier().as_ref() }?;
        let task_word = NonNull::new(carrier.task_word().cast_mut())?;
        Some(Caller { carrier, task_word, thread: PhantomData })
    }

    /// The word that the embedder keeps with the task.
    #[inline(always)]
    pub fn task_word(self) -> NonNull<()> {
        self.task_word
    }

    /// Native code calls back into managed code. `None`: nothing has happened, and
    /// [`call_back`](super::call_back) does it, or says that it cannot. `late` is told how the task has come
    /// back if its worker was gone.
    ///
    /// Keeps `errno`.
    ///
    /// # Errors
    /// As [`call_back`](super::call_back).
    ///
    /// # Safety
    /// The native code on top was called by [`Here::leave`](super::Here::leave), and its callbacks wait in
    /// place.
    #[inline(always)]
    pub unsafe fn begin<const COMPARE: bool>(
        self,
        late: impl FnOnce(Back),
    ) -> Option<Result<Called<COMPARE>, Terminated>> {
        let carrier = self.carrier;
        let word = carrier.word.own();
        // SAFETY: a carrier with a task's word has the task, and keeps it until it is switched away.
        let task = unsafe { &*carrier.current() };
        if word.takeable() != Some(if COMPARE { Native::Compare } else { Native::Asymmetric }) {
            return None;
        }
        let kept = if COMPARE {
            carrier.word.exchange_back(word) || carrier.come_back()
        } else {
            carrier.word.come_back_unasked(word, &carrier.request) || carrier.settle()
        };
        let (callbacks, blocking) = (task.callbacks.get(), task.blocking.get());
        task.callbacks.set(callbacks + 1);
        task.blocking.set(blocking + 1);
        if !kept {
            match wait_for_worker(carrier, task) {
                Ok(back) => late(back),
                Err(terminated) => return Some(Err(terminated)),
            }
        }
        Some(Ok(Called {
            carrier,
            task,
            run: word.run(),
            callbacks,
            blocking,
            thread: PhantomData,
        }))
    }
}

impl<const COMPARE: bool> Called<COMPARE> {
    /// [`guard`](crate::guard).
    ///
    /// # Errors
    /// As [`guard`](crate::guard).
    #[inline(always)]
    pub fn guard<R>(&self, f: impl FnOnce() -> R) -> thread::Result<R> {
        let before = self.task.guarded_layers.replace(self.callbacks + 1);
        let result = catch_unwind(AssertUnwindSafe(f));
        self.task.guarded_layers.set(before);
        result
    }

    /// The callback ends, and the native code of `target` goes on. False: managed code is not on top, since
    /// raw transitions crossed the callback, or the runtime has ended in it; nothing was done.
    #[inline(always)]
    pub fn leave_again(self, target: usize) -> bool {
        let Called { carrier, task, run, callbacks, blocking, .. } = self;
        let mut word = run;
        if !carrier.word.is(run) {
            // Native calls in between have counted.
            word = carrier.word.own();
            if !word.is_run() {
                return leave_after_end(carrier, task, target, Below::Thread);
            }
        }
        task.callbacks.set(callbacks);
        task.blocking.set(blocking);
        // ORDERING(crossing.word): Relaxed, as in `publish`.
        carrier.target.store(target, Ordering::Relaxed);
        // Membarrier may have been lost since the call left.
        if COMPARE || !fence::is_asymmetric() {
            carrier.word.leave_from(word, Native::Compare);
            light();
        } else {
            carrier.word.leave_from(word, Native::Asymmetric);
            light_half();
        }
        if carrier.shared().gate.is_ajar() {
            kick_if_work_waits(carrier);
        }
        true
    }
}

/// The worker is gone.
#[cold]
#[inline(never)]
fn wait_for_worker(carrier: &Carrier, task: &Header) -> Result<Back, Terminated> {
    enter_without_worker(carrier, task).inspect_err(|_| below::leave(carrier, task, Below::Thread))
}
