//! The way of a callback with nothing special to it: out of a call that left by [`Here::leave`](super::Here::leave), on the
//! thread's own stack, with the worker still there when it begins, or taken meanwhile.
//!
//! As [`Here`](super::Here) for calls: everything is read once, and the steps are those of
//! [`call_back`](super::call_back) and [`leave_again`](super::leave_again) with [`Below::Thread`], inline.

use super::fence::{self, light, light_half};
use super::word::Native;
use super::{Back, Below, Terminated, below, enter_without_worker, kick_if_work_waits};
use crate::carrier::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::worker::current;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// A callback that has begun. See the module.
///
/// A copy of pointers: the task stays on its thread until the callback has ended, for the native frames
/// below are the thread's.
#[expect(missing_debug_implementations, reason = "it is gone before anybody could print it")]
#[must_use = "a callback that has begun must leave again"]
pub struct Called {
    carrier: &'static Carrier,
    task: &'static Header,
    compare: bool,
    back: Back,
    thread: PhantomData<*mut ()>,
}

impl Called {
    /// Native code calls back into managed code. `None`: nothing has happened, and
    /// [`call_back`](super::call_back) does it, or says that it cannot.
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
    pub unsafe fn begin() -> Option<Result<Called, Terminated>> {
        // SAFETY: the arena outlives this thread's stay in the runtime.
        let carrier = unsafe { current::carrier().as_ref() }?;
        let word = carrier.word.own();
        let compare = match word.takeable()? {
            Native::Asymmetric => false,
            Native::Compare => true,
            Native::Kept => return None,
        };
        // SAFETY: the task on a carrier is kept by the loop until it is switched away.
        let task = unsafe { carrier.current().as_ref() }?;
        let kept = if compare {
            carrier.word.exchange_back(word) || carrier.come_back()
        } else {
            carrier.come_back_from(word)
        };
        task.callbacks.set(task.callbacks.get() + 1);
        task.blocking.set(task.blocking.get() + 1);
        let back = if kept { Ok(Back::Kept) } else { late(carrier, task) };
        Some(back.map(|back| Called { carrier, task, compare, back, thread: PhantomData }))
    }

    /// What had become of the worker.
    #[inline(always)]
    pub fn back(&self) -> Back {
        self.back
    }

    /// The word that the embedder keeps with the carrier.
    #[inline(always)]
    pub fn carrier_word(&self) -> *mut () {
        // ORDERING: Relaxed, the carrier's thread reads what it wrote.
        self.carrier.embedder.load(Ordering::Relaxed)
    }

    /// [`guard`](crate::guard).
    ///
    /// # Errors
    /// As [`guard`](crate::guard).
    #[inline(always)]
    pub fn guard<R>(&self, f: impl FnOnce() -> R) -> thread::Result<R> {
        let before = self.task.guarded_layers.replace(self.task.callbacks.get());
        let result = catch_unwind(AssertUnwindSafe(f));
        self.task.guarded_layers.set(before);
        result
    }

    /// The callback ends, and the native code of `target` goes on. False: managed code is not on top, since
    /// raw transitions crossed the callback; nothing was done.
    #[inline(always)]
    pub fn leave_again(self, target: usize) -> bool {
        let Called { carrier, task, compare, .. } = self;
        let word = carrier.word.own();
        if !word.is_run() {
            return false;
        }
        task.callbacks.set(task.callbacks.get().saturating_sub(1));
        task.blocking.set(task.blocking.get().saturating_sub(1));
        // ORDERING(crossing.word): Relaxed, as in `publish`.
        carrier.target.store(target, Ordering::Relaxed);
        // Membarrier may have been lost since the call left.
        if compare || !fence::is_asymmetric() {
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
fn late(carrier: &Carrier, task: &Header) -> Result<Back, Terminated> {
    enter_without_worker(carrier, task).inspect_err(|_| below::leave(carrier, task, Below::Thread))
}
