//! Mutants of the pile of lenders.

use super::Mutant;

const PILE: &str = "worker/pile.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "pile_pushes_relaxed",
        file: PILE,
        from: "self.height.store(height + 1, Ordering::Release);",
        to: "self.height.store(height + 1, Ordering::Relaxed);",
    },
    Mutant {
        name: "pile_is_seen_relaxed",
        file: PILE,
        from: "self.height.load(Ordering::Acquire)",
        to: "self.height.load(Ordering::Relaxed)",
    },
    Mutant {
        name: "pile_height_before_note",
        file: PILE,
        from: "place.store(lender.as_ptr(), Ordering::Relaxed);
        // ORDERING(pile.height): Release, pairs with the Acquire in `seen`.
        self.height.store(height + 1, Ordering::Release);",
        to: "self.height.store(height + 1, Ordering::Release);
        place.store(lender.as_ptr(), Ordering::Relaxed);",
    },
    Mutant {
        name: "pile_keeps_its_notes",
        file: PILE,
        from: "self.height.store(below, Ordering::Release);",
        to: "",
    },
];
