//! Mutants of where a function rests.

use super::Mutant;

const REST: &str = "fiber/switch/rest.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "rest_announces_nothing",
        file: REST,
        from: "self.0.store(0, Ordering::Relaxed);",
        to: "",
    },
    Mutant {
        name: "rest_is_reached_at_once",
        file: REST,
        from: "self.0.load(Ordering::Acquire) != 0",
        to: "true",
    },
    Mutant {
        name: "rest_is_reached_relaxed",
        file: REST,
        from: "self.0.load(Ordering::Acquire) != 0",
        to: "self.0.load(Ordering::Relaxed) != 0",
    },
];
