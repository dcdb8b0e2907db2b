//! Mutants of the places of callbacks.

use super::Mutant;

const CALLBACK: &str = "../../src/native/closure/word.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "callback_opens_relaxed",
        file: CALLBACK,
        from: "self.0.swap(u64::from(next) << 32 | LIVE, Ordering::Release);",
        to: "self.0.swap(u64::from(next) << 32 | LIVE, Ordering::Relaxed);",
    },
    Mutant {
        name: "callback_enters_relaxed",
        file: CALLBACK,
        from: "self.0.fetch_add(1, Ordering::Acquire)",
        to: "self.0.fetch_add(1, Ordering::Relaxed)",
    },
    Mutant {
        name: "callback_enters_by_load_and_add",
        file: CALLBACK,
        from: "self.0.fetch_add(1, Ordering::Acquire)",
        to: "self.0.load(Ordering::Acquire); self.0.fetch_add(1, Ordering::Acquire)",
    },
    Mutant {
        name: "callback_exits_relaxed",
        file: CALLBACK,
        from: "self.0.fetch_sub(1, Ordering::AcqRel)",
        to: "self.0.fetch_sub(1, Ordering::Relaxed)",
    },
    Mutant {
        name: "callback_exits_by_sub_and_load",
        file: CALLBACK,
        from: "self.0.fetch_sub(1, Ordering::AcqRel)",
        to: "{ self.0.fetch_sub(1, Ordering::AcqRel); self.0.load(Ordering::Acquire) + 1 }",
    },
    Mutant {
        name: "callback_exits_and_overlooks_the_owner",
        file: CALLBACK,
        from: "before & (LIVE | CALLS) == 1",
        to: "before & CALLS == 1",
    },
    Mutant {
        name: "callback_closes_relaxed",
        file: CALLBACK,
        from: "self.0.fetch_and(!LIVE, Ordering::AcqRel)",
        to: "self.0.fetch_and(!LIVE, Ordering::Relaxed)",
    },
    Mutant {
        name: "callback_closes_by_load_and_and",
        file: CALLBACK,
        from: "self.0.fetch_and(!LIVE, Ordering::AcqRel)",
        to: "{ let before = self.0.load(Ordering::Acquire);
        self.0.fetch_and(!LIVE, Ordering::AcqRel);
        before }",
    },
];
