//! Mutants of the semaphore.

use super::Mutant;

const PERMITS: &str = "semaphore/permits.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "permits_take_relaxed",
        file: PERMITS,
        from: "self.by_word(Ordering::Acquire, |now| {",
        to: "self.by_word(Ordering::Relaxed, |now| {",
    },
    Mutant {
        name: "permits_give_relaxed",
        file: PERMITS,
        from: "self.by_word(Ordering::Release, |now| {",
        to: "self.by_word(Ordering::Relaxed, |now| {",
    },
    Mutant {
        name: "permits_freeze_relaxed",
        file: PERMITS,
        from: "self.word.fetch_or(LISTED, Ordering::Acquire)",
        to: "self.word.fetch_or(LISTED, Ordering::Relaxed)",
    },
    Mutant {
        name: "permits_thaw_relaxed",
        file: PERMITS,
        from: "self.word.store(thawed, Ordering::Release);",
        to: "self.word.store(thawed, Ordering::Relaxed);",
    },
    Mutant {
        name: "permits_enter_does_not_freeze",
        file: PERMITS,
        from: "self.word.fetch_or(LISTED, Ordering::Acquire)",
        to: "self.word.load(Ordering::Acquire)",
    },
    Mutant {
        name: "permits_leave_keeps_what_was_handed",
        file: PERMITS,
        from: "now.take_back(line.remove(ticket, due));",
        to: "line.remove(ticket, due);",
    },
    Mutant {
        name: "permits_leave_lets_nobody_in",
        file: PERMITS,
        from: "now.take_back(line.remove(ticket, due));
            settle(line, now, due);",
        to: "now.take_back(line.remove(ticket, due));",
    },
    Mutant {
        name: "permits_give_hands_nothing",
        file: PERMITS,
        from: "now.held -= permits;
            }
            settle(line, now, due);",
        to: "now.held -= permits;
            }",
    },
    Mutant {
        name: "permits_make_relaxed",
        file: PERMITS,
        from: "self.by_word(Ordering::Release, |word| {",
        to: "self.by_word(Ordering::Relaxed, |word| {",
    },
    Mutant {
        name: "permits_make_hands_nothing",
        file: PERMITS,
        from: "now.held = now.held.checked_sub(permits)?;
            settle(line, now, due);",
        to: "now.held = now.held.checked_sub(permits)?;",
    },
    Mutant {
        name: "permits_stand_hands_nothing",
        file: PERMITS,
        from: "line.push(who, wants);
    now.take_back(line.take_back(place));
    settle(line, now, due);",
        to: "line.push(who, wants);
    now.take_back(line.take_back(place));",
    },
];
