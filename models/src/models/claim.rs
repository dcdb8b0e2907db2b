//! The claim of a party: it is claimed for one arm or closes, all know which, and the party sees what its claimer did.

use crate::explore::{explore, join, spawn};
use loom::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PROMISE: &str = "claim: not exactly one is the first, or another is told so";

/// A version of the claim.
trait Claim: 'static {
    fn new() -> Self;
    fn claim(&self, arm: usize) -> bool;
    fn close(&self) -> Result<(), usize>;
}

macro_rules! versions {
    ($($module:path),* $(,)?) => {$(
        const _: () = {
            use $module as version;
            impl Claim for version::Claim {
                fn new() -> Self {
                    version::Claim::new()
                }
                fn claim(&self, arm: usize) -> bool {
                    self.claim(arm)
                }
                fn close(&self) -> Result<(), usize> {
                    self.close()
                }
            }
        };
    )*};
}

versions!(
    crate::claim,
    crate::mutants::claim_by_load_and_store,
    crate::mutants::claim_close_by_load_and_store,
    crate::mutants::claim_close_overlooks_it,
    crate::mutants::claim_relaxed,
    crate::mutants::claim_seen_relaxed,
);

struct Party<C> {
    claim: C,
    /// What each arm's claimer does before it claims.
    done: [UnsafeCell<bool>; 2],
    /// One of each who was the first for an arm: its number and one.
    winners: AtomicUsize,
}

/// Two claim it, each for an arm of its own, and it closes.
fn two_and_the_party<C: Claim>() {
    explore(PROMISE, 3, || {
        let party = Arc::new(Party {
            claim: C::new(),
            done: [UnsafeCell::new(false), UnsafeCell::new(false)],
            winners: AtomicUsize::new(0),
        });
        let claimers: Vec<_> = (0..2)
            .map(|arm| {
                let party = party.clone();
                spawn(move || {
                    party.done[arm].with_mut(|done| {
                        // SAFETY: loom sees whether it is this thread's alone.
                        unsafe { *done = true };
                    });
                    if party.claim.claim(arm) {
                        // ORDERING: Relaxed, the model's own books.
                        party.winners.fetch_add(arm + 1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let closed = party.claim.close();
        if let Err(arm) = closed {
            // SAFETY: loom sees whether nobody writes it.
            assert!(party.done[arm].with(|done| unsafe { *done }), "{PROMISE}");
        }
        join(claimers);
        let winners = closed.err().map_or(0, |arm| arm + 1);
        // ORDERING: Relaxed, as above.
        assert_eq!(party.winners.load(Ordering::Relaxed), winners, "{PROMISE}");
        assert_eq!(party.claim.close(), closed, "{PROMISE}");
    });
}

#[test]
fn one_is_the_first() {
    two_and_the_party::<crate::claim::Claim>();
}

macro_rules! caught {
    ($($mutant:ident: $promise:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $promise)]
        fn $mutant() {
            two_and_the_party::<crate::mutants::$mutant::Claim>();
        }
    )*};
}

caught! {
    claim_by_load_and_store: "claim: not exactly one";
    claim_close_by_load_and_store: "claim: not exactly one";
    claim_close_overlooks_it: "claim: not exactly one";
    claim_relaxed: "Causality violation";
    claim_seen_relaxed: "Causality violation";
}
