//! A thread that does nothing but leave and come back.

use super::book::{Tally, pause};
use super::field::Field;
use crate::carrier::Carrier;
use crate::crossing::Return;
use crate::crossing::word::{Native, Snapshot};
use crate::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How many workers must have been taken in a test.
pub(super) const ENOUGH: usize = 20;

/// How long an owner waits for a worker: there is one for each.
const PATIENCE: Duration = Duration::from_secs(20);

/// A thread on its carrier.
pub(super) struct Owner<'a> {
    pub(super) field: &'a Field,
    pub(super) carrier: &'a Carrier,
    pub(super) me: usize,
    pub(super) tally: Tally,
    pub(super) random: u64,
    /// For how long it uses its worker next.
    pub(super) busy: u64,
}

impl Owner<'_> {
    /// Uses the worker.
    pub(super) fn work(&mut self) {
        // SAFETY: the carrier's thread, in `RUN`.
        let index = unsafe { self.carrier.with_worker(|worker| worker.index) };
        let index = index.expect("a carrier that is in `RUN` has a worker");
        self.tally.uses[index] += 1;
        self.tally.double_owners += u64::from(!self.field.books[index].record(self.me, self.busy));
        self.busy = 0;
    }

    /// On a busy machine the takers may not have had their turns yet.
    pub(super) fn needs_more(&self, calls: u64) -> bool {
        // ORDERING: Relaxed, as in `take`.
        let taken = self.field.taken.load(Ordering::Relaxed);
        taken < ENOUGH && self.tally.calls < calls * 100
    }

    pub(super) fn get_worker(&mut self) {
        let mut since = None;
        let worker = loop {
            if let Some(worker) = self.field.pool.lock().pop_front() {
                break worker;
            }
            let since = *since.get_or_insert_with(Instant::now);
            assert!(since.elapsed() < PATIENCE, "workers were lost");
            thread::yield_now();
        };
        // SAFETY: the carrier's thread, which has no worker, and its word says `WAITING`.
        unsafe { self.carrier.put_worker(worker) };
    }

    pub(super) fn leave(&mut self, native: Native) -> Snapshot {
        self.carrier.word.leave(native)
    }

    /// Back, with the worker if it was `kept`.
    pub(super) fn settle(&mut self, kept: bool) {
        if !kept {
            self.tally.taken += 1;
            self.carrier.forget_worker();
            self.get_worker();
        }
    }

    /// From native code, as the general way comes back.
    pub(super) fn come_back(&mut self) {
        let kept = self.carrier.come_back();
        self.settle(kept);
    }

    /// As the fast way comes back: from what was left in mode A.
    pub(super) fn come_back_from(&mut self, left: Snapshot) {
        let back = self.carrier.come_back_from(left, || false);
        self.settle(back != Return::Late);
    }

    /// Somebody looks at the layers, in native code.
    pub(super) fn touch(&mut self) {
        assert!(self.carrier.word.touch(), "in native code");
    }

    /// The worker is handed over.
    pub(super) fn hand_over(&mut self) {
        self.carrier.word.leave_without_worker();
        // SAFETY: the carrier's thread, and the word lets nobody take the worker.
        let worker = unsafe { self.carrier.take_worker() };
        self.field.pool.lock().extend(worker);
    }

    pub(super) fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// The native code. One call in so many lasts long enough to be taken from, up to some
    /// microseconds, and the worker is used as long after it.
    pub(super) fn native(&mut self, long_one_in: u64) {
        let random = self.random();
        if random.is_multiple_of(long_one_in) {
            pause((random >> 16) % 256);
            self.busy = (random >> 24) % 256;
        }
    }
}
