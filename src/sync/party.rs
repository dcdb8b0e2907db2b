//! One who waits for several others, any of which may *claim* it, once.
//!
//! A sender and a receiver who meet must both know it: the one who comes finds the other's offer and claims the
//! party behind it. A party with several offers (an arm each, of a `select!`) is claimed for one of them; one
//! that has found something itself closes, and can be claimed no more.

use sortie_scheduler::wait::{Place, WaitList, Waiter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const OPEN: usize = 0;
const CLOSED: usize = 1;
/// Claimed for arm 0, and so on.
const CLAIMED: usize = 2;

/// See the module.
#[derive(Debug)]
pub struct Party {
    claim: AtomicUsize,
    line: WaitList,
}

impl Party {
    pub(crate) fn new() -> Arc<Party> {
        Arc::new(Party { claim: AtomicUsize::new(OPEN), line: WaitList::new() })
    }

    /// The party's own place to be woken at. To be entered before an offer is made.
    pub(crate) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.line.enter(waiter)
    }

    /// Claims it for an arm. False: somebody was faster, or it is closed.
    pub(crate) fn claim(&self, arm: usize) -> bool {
        // ORDERING(party.claim): AcqRel, one who claims. What goes with it is under the lock of the place where
        // the two meet.
        let claim =
            self.claim.compare_exchange(OPEN, CLAIMED + arm, Ordering::AcqRel, Ordering::Relaxed);
        claim.is_ok()
    }

    /// The arm that it was claimed for.
    pub(crate) fn claimed(&self) -> Option<usize> {
        // ORDERING(party.claim): Acquire, pairs with the AcqRel in `claim`.
        self.claim.load(Ordering::Acquire).checked_sub(CLAIMED)
    }

    /// Lets nobody claim it any more.
    ///
    /// # Errors
    /// The arm that it was claimed for.
    pub(crate) fn close(&self) -> Result<(), usize> {
        // ORDERING(party.claim): AcqRel, as in `claim`.
        match self.claim.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(CLOSED) => Ok(()),
            Err(claimed) => Err(claimed - CLAIMED),
        }
    }

    /// Wakes it. False: it does not wait, because it was woken already or its runtime has ended around it.
    pub(crate) fn wake(&self) -> bool {
        self.line.notify_one()
    }
}
