//! Mutants of the claim of a party.

use super::Mutant;

const CLAIM: &str = "../../src/sync/party/claim.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "claim_by_load_and_store",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "let is_open = self.0.load(Ordering::Acquire) == OPEN;
        if is_open {
            self.0.store(claimed, Ordering::Release);
        }
        is_open",
    },
    Mutant {
        name: "claim_close_by_load_and_store",
        file: CLAIM,
        from: "match self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(CLOSED) => Ok(()),",
        to: "let now = self.0.load(Ordering::Acquire);
        if now == OPEN {
            self.0.store(CLOSED, Ordering::Release);
        }
        match if now == OPEN { Ok(now) } else { Err(now) } {
            Ok(_) | Err(CLOSED) => Ok(()),",
    },
    Mutant {
        name: "claim_close_overlooks_it",
        file: CLAIM,
        from: "Err(claimed) => Err(claimed - CLAIMED),",
        to: "Err(_) => Ok(()),",
    },
    Mutant {
        name: "claim_relaxed",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "self.0.compare_exchange(OPEN, claimed, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
    },
    Mutant {
        name: "claim_seen_relaxed",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire)",
        to: "self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Relaxed)",
    },
];
