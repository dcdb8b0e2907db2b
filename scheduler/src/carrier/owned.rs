//! The worker that a carrier owns: how it comes into its cell, is used there, leaves it, and is found again after a
//! native call.
//!
//! Rule 2 of [`super`] says who writes the cell and who reads it. The holder that a worker shows to others is set
//! here and nowhere else.

use super::Carrier;
use crate::crossing::Return;
use crate::crossing::word::{Native, Snapshot};
use crate::sync::atomic::Ordering;
use crate::worker::Worker;
use std::ptr::{self, NonNull};

impl Carrier {
    /// Runs `f` on the worker that this carrier owns. On its own thread only, and `f` does not
    /// switch: no reference to a worker lives across one.
    ///
    /// # Safety
    /// The caller runs on this carrier's thread, the word says nothing of native code, and `f` does
    /// not come back here.
    #[inline(always)]
    pub(crate) unsafe fn with_worker<R>(&self, f: impl FnOnce(&mut Worker) -> R) -> Option<R> {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        let worker = self.worker.load(Ordering::Relaxed);
        // SAFETY: rule 2 of the carrier, by contract: in these phases the pointer is null, or a box of ours.
        unsafe { worker.as_mut() }.map(f)
    }

    /// Takes the worker out of the cell. On the carrier's own thread.
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    pub(crate) unsafe fn take_worker(&self) -> Option<Box<Worker>> {
        // ORDERING: Relaxed, as in `with_worker`; the worker travels by the lobby's lock.
        let worker = self.worker.load(Ordering::Relaxed);
        self.forget_worker();
        // SAFETY: rule 2 of the carrier, by contract; the cell is null from here on.
        let worker =
            NonNull::new(worker).map(|worker| unsafe { Box::from_raw(worker.as_ptr()) })?;
        worker.shown.set_holder(ptr::null());
        Some(worker)
    }

    /// The worker was taken: the pointer to it is another's. On the carrier's own thread.
    pub(crate) fn forget_worker(&self) {
        // ORDERING: Relaxed, read by others only in native code, which is published later.
        self.worker.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Puts a worker into the empty cell, and says `RUN`.
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    pub(crate) unsafe fn put_worker(&self, mut worker: Box<Worker>) {
        worker.tenure = 0;
        worker.shown.set_holder(self);
        // ORDERING: Relaxed, published by the Release store in `Word::leave`.
        debug_assert!(self.worker.load(Ordering::Relaxed).is_null(), "one worker at most");
        // ORDERING: Relaxed, as above.
        self.worker.store(Box::into_raw(worker), Ordering::Relaxed);
        self.word.run();
    }

    /// Takes the worker of a carrier whose word was `seen`, by `win`, the exchange of its mode.
    pub(crate) fn take_from(&self, win: impl FnOnce() -> bool) -> Option<Box<Worker>> {
        // ORDERING(crossing.word): Relaxed, after an Acquire look at the word: the pointer was written
        // before that leave, and unless the exchange below fails, by none later.
        let worker = self.worker.load(Ordering::Relaxed);
        if !win() {
            return None;
        }
        // SAFETY: the exchange won, so the pointer is the one left in this very call, and the
        // carrier will forget it (rule 2).
        let worker =
            NonNull::new(worker).map(|worker| unsafe { Box::from_raw(worker.as_ptr()) })?;
        worker.shown.set_holder(ptr::null());
        Some(worker)
    }

    /// May this carrier's worker be taken, seen by anybody?
    pub(crate) fn takeable(&self, seen: Snapshot) -> Option<Native> {
        seen.takeable().filter(|native| *native != Native::Asymmetric || !self.request.is_taken())
    }

    /// The task comes back from native code. True: the worker is still here. On its own thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn come_back(&self) -> bool {
        self.word.come_back(&self.request)
    }

    /// [`Carrier::come_back`] for a task that `left` in mode A, with nothing inline but what mostly
    /// happens. [`Return::Late`] also, with nothing done, if a callback `is_jumped` over.
    #[inline(always)]
    pub(crate) fn come_back_from(
        &self,
        left: Snapshot,
        is_jumped: impl FnOnce() -> bool,
    ) -> Return {
        let now = self.word.own();
        if now == left {
            let kept = self.word.come_back_unasked(left, &self.request) || self.settle();
            return if kept { Return::Untouched } else { Return::Late };
        }
        // A callback has left anew, or has not, or somebody has touched the word.
        if is_jumped() {
            return Return::Late;
        }
        let kept = match now.run_after_asymmetric() {
            Some(run) => self.word.run_unasked(run, &self.request) || self.settle(),
            None => self.come_back(),
        };
        if kept { Return::Touched } else { Return::Late }
    }

    /// [`Word::settle`](crate::crossing::word::Word::settle).
    #[cold]
    #[inline(never)]
    pub(crate) fn settle(&self) -> bool {
        self.word.settle(&self.request)
    }

    /// Is there nothing else that this carrier could run now?
    ///
    /// # Safety
    /// As for [`Carrier::with_worker`].
    #[inline(always)]
    pub(crate) unsafe fn is_alone(&self) -> bool {
        let shared = self.shared();
        self.suspend_aside();
        // SAFETY: by contract, and the closure stays here.
        unsafe { self.with_worker(|worker| worker.queues.is_empty() && !worker.is_recalled()) }
            .unwrap_or(true)
            // SAFETY: as above.
            && unsafe { self.with_ring(|ring| ring.is_empty()) }
            && shared.injector.is_empty()
            && shared.reentry.is_empty()
            && shared.ranks.is_empty()
            && shared.lobby.in_line() == 0
    }

    /// One in a few yields of a task that is alone is a turn like any other: the loop has timers to look at, others'
    /// queues, and those who watch whether the worker gets on.
    ///
    /// # Safety
    /// As [`Carrier::is_alone`].
    #[inline]
    pub(crate) unsafe fn is_to_look_around(&self) -> bool {
        // SAFETY: by contract, and the closure stays here.
        unsafe { self.with_worker(|worker| worker.counts_alone(|| self.shared().queues().len())) }
            .unwrap_or(false)
    }
}
