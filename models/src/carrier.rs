//! A carrier as the crossing's files see it: the words, the worker's cell, what a taker leaves.
//!
//! The methods repeat those of the scheduler's `carrier/owned.rs`, which needs the whole crate; the table
//! of mutants holds their text (`REPEATED`).

use super::request::Request;
use super::word::{Native, Snapshot, Word};
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::worker::Worker;
use std::ptr::{self, NonNull};

/// See the module.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) word: Word,
    pub(crate) request: Request,
    worker: AtomicPtr<Worker>,
    pub(crate) seen_since: AtomicU64,
    pub(crate) burning: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CarrierRef(NonNull<Carrier>);

impl std::ops::Deref for CarrierRef {
    type Target = Carrier;
    fn deref(&self) -> &Carrier {
        // SAFETY: the models make references to carriers that outlive them.
        unsafe { self.0.as_ref() }
    }
}

impl Carrier {
    pub(crate) fn new() -> Carrier {
        Carrier {
            word: Word::new(),
            request: Request::new(),
            worker: AtomicPtr::new(ptr::null_mut()),
            seen_since: AtomicU64::new(0),
            burning: AtomicBool::new(false),
        }
    }

    pub(crate) fn as_ref(&self) -> CarrierRef {
        CarrierRef(NonNull::from(self))
    }

    pub(crate) fn take_worker(&self) -> Option<Box<Worker>> {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        let worker = self.worker.load(Ordering::Relaxed);
        self.forget_worker();
        // SAFETY: see `Worker`.
        NonNull::new(worker).map(|worker| unsafe { Box::from_raw(worker.as_ptr()) })
    }

    pub(crate) fn forget_worker(&self) {
        // ORDERING: Relaxed, read by others only in native code, which is published later.
        self.worker.store(ptr::null_mut(), Ordering::Relaxed);
    }

    pub(crate) fn put_worker(&self, worker: Box<Worker>) {
        // ORDERING: Relaxed, published by the Release store in `Word::leave`.
        self.worker.store(Box::into_raw(worker), Ordering::Relaxed);
        self.word.run();
    }

    pub(crate) fn take_from(&self, win: impl FnOnce() -> bool) -> Option<Box<Worker>> {
        // ORDERING(crossing.word): Relaxed, after an Acquire look at the word.
        let worker = self.worker.load(Ordering::Relaxed);
        if !win() {
            return None;
        }
        let worker = NonNull::new(worker).expect("crossing: a taker won, and found no worker");
        // SAFETY: see `Worker`.
        Some(unsafe { Box::from_raw(worker.as_ptr()) })
    }

    pub(crate) fn come_back(&self) -> bool {
        self.word.come_back(&self.request)
    }

    pub(crate) fn come_back_from(&self, left: Snapshot) -> bool {
        let now = self.word.own();
        if now == left {
            return self.word.come_back_unasked(left, &self.request)
                || self.word.settle(&self.request);
        }
        match now.run_after_asymmetric() {
            Some(run) => {
                self.word.run_unasked(run, &self.request) || self.word.settle(&self.request)
            }
            None => self.come_back(),
        }
    }

    pub(crate) fn takeable(&self, seen: Snapshot) -> Option<Native> {
        seen.takeable().filter(|native| *native != Native::Asymmetric || !self.request.is_taken())
    }
}
