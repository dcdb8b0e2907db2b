//! Mutants of the monitor's gate.

use super::Mutant;

const GATE: &str = "gate.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant { name: "gate_close_without_fence", file: GATE, from: "fence::heavy()", to: "true" },
    Mutant {
        name: "gate_both_is_ajar",
        file: GATE,
        from: ".then_some(word | AJAR)",
        to: ".then_some(AJAR)",
    },
    Mutant {
        name: "gate_kick_wakes_nobody",
        file: GATE,
        from: "if self.word.swap(OPEN, Ordering::Relaxed) != OPEN {
            self.parker.unpark();",
        to: "if self.word.swap(OPEN, Ordering::Relaxed) != OPEN {",
    },
];
