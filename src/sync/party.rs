//! One who waits for several others, any of which may *claim* it, once.
//!
//! A sender and a receiver who meet must both know it: the one who comes finds the other's offer and claims the
//! party behind it. A party with several offers (an arm each, of a `select!`) is claimed for one of them; one
//! that has found something itself closes, and can be claimed no more.

mod claim;

use claim::Claim;
use sortie_scheduler::wait::{Place, WaitList, Waiter};
use std::sync::{Arc, atomic};

/// See the module.
#[derive(Debug)]
pub struct Party {
    claim: Claim,
    line: WaitList,
}

impl Party {
    pub(crate) fn new() -> Arc<Party> {
        Arc::new(Party { claim: Claim::new(), line: WaitList::new() })
    }

    /// The party's own place to be woken at. To be entered before an offer is made.
    pub(crate) fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        self.line.enter(waiter)
    }

    /// Claims it for an arm. False: somebody was faster, or it is closed.
    pub(crate) fn claim(&self, arm: usize) -> bool {
        self.claim.claim(arm)
    }

    /// The arm that it was claimed for.
    pub(crate) fn claimed(&self) -> Option<usize> {
        self.claim.claimed()
    }

    /// Lets nobody claim it any more.
    ///
    /// # Errors
    /// The arm that it was claimed for.
    pub(crate) fn close(&self) -> Result<(), usize> {
        self.claim.close()
    }

    /// Wakes it. False: it does not wait, because it was woken already or its runtime has ended around it.
    pub(crate) fn wake(&self) -> bool {
        self.line.notify_one()
    }

    /// Was it woken, and its runtime has ended around it before it went on? True once.
    pub(crate) fn is_lost(&self) -> bool {
        self.line.take_from_lost()
    }
}
