//! Mutants of parking.

use super::Mutant;

const PARK: &str = "park.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "park_unpark_spares_the_write",
        file: PARK,
        from: "if self.word.swap(NOTIFIED, Ordering::Release) == PARKED {",
        to: "let now = self.word.load(Ordering::Relaxed);
        if now != NOTIFIED && self.word.swap(NOTIFIED, Ordering::Release) == PARKED {",
    },
    Mutant {
        name: "park_unpark_stores",
        file: PARK,
        from: "if self.word.swap(NOTIFIED, Ordering::Release) == PARKED {",
        to: "let now = self.word.load(Ordering::Relaxed);
        self.word.store(NOTIFIED, Ordering::Release);
        if now == PARKED {",
    },
    Mutant {
        name: "park_takes_by_load_and_store",
        file: PARK,
        from: "self.word.swap(EMPTY, Ordering::Acquire) == NOTIFIED",
        to: "let now = self.word.load(Ordering::Acquire);
        self.word.store(EMPTY, Ordering::Relaxed);
        now == NOTIFIED",
    },
    Mutant {
        name: "park_takes_relaxed",
        file: PARK,
        from: "self.word.swap(EMPTY, Ordering::Acquire) == NOTIFIED",
        to: "self.word.swap(EMPTY, Ordering::Relaxed) == NOTIFIED",
    },
    Mutant {
        name: "park_unpark_relaxed",
        file: PARK,
        from: "self.word.swap(NOTIFIED, Ordering::Release) == PARKED",
        to: "self.word.swap(NOTIFIED, Ordering::Relaxed) == PARKED",
    },
    Mutant {
        name: "park_unpark_wakes_nobody",
        file: PARK,
        from: "futex::wake_one(word);",
        to: "let _ = word;",
    },
];
