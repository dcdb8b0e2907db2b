//! Mutants of the calls beside the workers.

use super::Mutant;

const PROOF: &str = "crossing/proof.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "proof_begin_by_load_and_store",
        file: PROOF,
        from: ".compare_exchange(ptr::null_mut(), carrier, Ordering::Release, Ordering::Relaxed)
                .is_ok()",
        to: ".swap(carrier, Ordering::AcqRel) != carrier",
    },
    Mutant {
        name: "proof_end_is_anybodys",
        file: PROOF,
        from: "self.0.load(Ordering::Relaxed) == carrier",
        to: "!self.0.load(Ordering::Relaxed).is_null() && carrier == carrier
            && { self.0.store(ptr::null_mut(), Ordering::Relaxed); true } ||
            self.0.load(Ordering::Relaxed) == carrier",
    },
    Mutant {
        name: "proof_end_by_load_and_store",
        file: PROOF,
        from: "&& self
                .0
                .compare_exchange(carrier, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()",
        to: "&& { self.0.store(ptr::null_mut(), Ordering::Relaxed); true }",
    },
    Mutant {
        name: "burning_ends_by_load_and_store",
        file: PROOF,
        from: "&& carrier.burning.swap(false, Ordering::Relaxed)",
        to: "&& { carrier.burning.store(false, Ordering::Relaxed); true }",
    },
];
