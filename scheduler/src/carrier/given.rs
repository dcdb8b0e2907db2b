//! What a carrier that waits is given by others: a worker, a task whose native call it is to make, or an errand.
//!
//! Whoever gives has taken the carrier out of the lobby, or has just made it, so it is given one thing at a time, and
//! wakes it. A carrier takes in what it was given before it is in the lobby again.

use super::Carrier;
use crate::fetch;
use crate::sync::atomic::Ordering;
use crate::task::TaskRef;
use crate::worker::{Ahead, Worker};
use std::ptr::{self, NonNull};

// What a spare may be sent for.
pub(super) const IDLE: u8 = 0;
/// To go through its loop once more.
const RECALLED: u8 = 1;
/// To fetch an idle worker, and to search.
const CALLED: u8 = 2;

impl Carrier {
    /// Delivers a worker to a carrier that waits for one, and wakes it.
    pub(crate) fn give(&self, worker: Box<Worker>) {
        // ORDERING(carrier.gift): Release, pairs with the Acquire swap in `take_gift`.
        let before = self.gift.swap(Box::into_raw(worker), Ordering::AcqRel);
        assert!(before.is_null(), "a carrier is given one worker at a time");
        self.parker.unpark();
    }

    /// Takes in a worker that was given. On the carrier's own thread.
    pub(crate) fn take_gift(&self) -> Option<Box<Worker>> {
        // ORDERING(carrier.gift): Acquire, pairs with the Release swap in `give`.
        let gift = NonNull::new(self.gift.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: `give` leaked this box, and the swap took it out once.
        Some(unsafe { Box::from_raw(gift.as_ptr()) })
    }

    /// Hands a task over to a spare that is to make its native call, and wakes it.
    pub(crate) fn give_job(&self, task: TaskRef) {
        // ORDERING(carrier.job): Release, pairs with the Acquire swap in `take_job`.
        let before = self.job.swap(task.into_raw().as_ptr(), Ordering::AcqRel);
        assert!(before.is_null(), "a spare is given one thing at a time");
        self.parker.unpark();
    }

    /// Takes in a task whose native call is to be made. On the carrier's own thread.
    pub(crate) fn take_job(&self) -> Option<TaskRef> {
        // ORDERING(carrier.job): Acquire, pairs with the Release swap in `give_job`.
        let task = NonNull::new(self.job.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: `give_job` gave the reference up, and the swap took it out once.
        Some(unsafe { TaskRef::from_raw(task) })
    }

    /// Was the carrier given a call to make?
    pub(crate) fn has_job(&self) -> bool {
        // ORDERING: Relaxed, a look; what is there is taken by a swap.
        !self.job.load(Ordering::Relaxed).is_null()
    }

    /// A spare was taken from the lobby for nothing: it goes through its loop once more.
    pub(crate) fn recall(&self) {
        self.send(RECALLED);
    }

    /// A spare was taken from the lobby to fetch an idle worker, and to search: it counts as searching
    /// already. `ahead`: what it will touch then, if that is known.
    pub(crate) fn call(&self, ahead: Option<&Ahead>) {
        self.hint.set(ahead);
        self.send(CALLED);
    }

    fn send(&self, errand: u8) {
        // ORDERING: Relaxed. A hot spare may see it before the parker's token; what it is sent to it finds under locks: the
        // lobby's, by which it was taken, and the queue's.
        self.errand.store(errand, Ordering::Relaxed);
        self.parker.unpark();
    }

    /// Was it recalled? On the carrier's own thread.
    pub(crate) fn take_recall(&self) -> bool {
        self.take_errand(RECALLED)
    }

    /// Was it called? Then what it touches next is on its way. On the carrier's own thread.
    pub(crate) fn take_call(&self) -> bool {
        let is_called = self.take_errand(CALLED);
        if is_called && let Some(ahead) = self.hint.told() {
            ahead.fetch();
            fetch::all(&raw const self.shared().injector);
        }
        is_called
    }

    fn take_errand(&self, errand: u8) -> bool {
        // ORDERING: Relaxed, as in `send`; a spare is given one thing at a time, by the lobby's lock.
        let is_sent = self.errand.load(Ordering::Relaxed) == errand;
        if is_sent {
            // ORDERING: Relaxed, as above.
            self.errand.store(IDLE, Ordering::Relaxed);
        }
        is_sent
    }

    /// Was the spare given anything: a worker, a native call to make, an errand?
    pub(crate) fn is_wanted(&self) -> bool {
        // ORDERING: Relaxed, a look.
        !self.gift.load(Ordering::Relaxed).is_null()
            || self.has_job()
            // ORDERING: Relaxed, a look.
            || self.errand.load(Ordering::Relaxed) != IDLE
    }
}
