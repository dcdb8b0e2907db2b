//! Whether a party was claimed, by whom, or is closed: one word, which changes once.
//!
//! INVARIANT(party.once): of all who claim it and of the party that closes one is the first, and all the others are
//! told that they are not. So a message changes hands for one arm, or for none.
//!
//! What is exchanged lies under the lock of the place where the two meet, under which it is claimed.

use super::atomic::{AtomicUsize, Ordering};

const OPEN: usize = 0;
const CLOSED: usize = 1;
/// Claimed for arm 0, and so on.
const CLAIMED: usize = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Claim(AtomicUsize);

impl Claim {
    pub(crate) fn new() -> Claim {
        Claim(AtomicUsize::new(OPEN))
    }

    /// Claims it for an arm. False: somebody was faster, or it is closed.
    pub(crate) fn claim(&self, arm: usize) -> bool {
        let claimed = CLAIMED + arm;
        // ORDERING(party.claim): AcqRel, one who claims, and who finds that sees what the claimer did before.
        self.0.compare_exchange(OPEN, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The arm that it was claimed for.
    pub(crate) fn claimed(&self) -> Option<usize> {
        // ORDERING(party.claim): Acquire, pairs with the AcqRel in `claim`.
        self.0.load(Ordering::Acquire).checked_sub(CLAIMED)
    }

    /// Lets nobody claim it any more.
    ///
    /// # Errors
    /// The arm that it was claimed for.
    pub(crate) fn close(&self) -> Result<(), usize> {
        // ORDERING(party.claim): AcqRel, as in `claim`; a failure Acquire, pairs with that.
        match self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(CLOSED) => Ok(()),
            Err(claimed) => Err(claimed - CLAIMED),
        }
    }
}
