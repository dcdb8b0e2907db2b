//! Mutants of the crossing.

use super::Mutant;

const WORD: &str = "crossing/word.rs";
const REQUEST: &str = "crossing/request.rs";
const RETAKE: &str = "crossing/retake.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "word_epoch_stands_still",
        file: WORD,
        from: "wrapping_add(EPOCH | native.phase())",
        to: "wrapping_add(native.phase())",
    },
    Mutant {
        name: "word_retake_by_load_and_store",
        file: WORD,
        from: "self.0.compare_exchange(seen.0, taken, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "let same = self.0.load(Ordering::Acquire) == seen.0;
        if same {
            self.0.store(taken, Ordering::Release);
        }
        same",
    },
    Mutant {
        name: "word_come_back_by_store",
        file: WORD,
        from: "self.0.compare_exchange(left.0, run, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        to: "let same = self.0.load(Ordering::Acquire) == left.0;
        if same {
            self.0.store(run, Ordering::Release);
        }
        same",
    },
    Mutant {
        name: "word_leave_relaxed",
        file: WORD,
        from: "self.0.store(left, Ordering::Release);",
        to: "self.0.store(left, Ordering::Relaxed);",
    },
    Mutant {
        name: "word_look_relaxed",
        file: WORD,
        from: "Snapshot(self.0.load(Ordering::Acquire))
    }",
        to: "Snapshot(self.0.load(Ordering::Relaxed))
    }",
    },
    Mutant {
        name: "word_return_overlooks_what_was_seen",
        file: WORD,
        from: "let now = Snapshot(self.0.load(Ordering::Acquire));
        match",
        to: "let now = Snapshot(self.0.load(Ordering::Relaxed));
        match",
    },
    Mutant {
        name: "word_return_ignores_a_callback",
        file: WORD,
        from: "run.is_run().then_some(run)",
        to: "Some(Snapshot(run.0 & !PHASE | RUN))",
    },
    Mutant {
        name: "word_touch_relaxed",
        file: WORD,
        from: "NATIVE_A => self.0.store(touched, Ordering::Release),",
        to: "NATIVE_A => self.0.store(touched, Ordering::Relaxed),",
    },
    Mutant {
        name: "word_touch_by_store",
        file: WORD,
        from: "let _ =
                    self.0.compare_exchange(now.0, touched, Ordering::Release, Ordering::Relaxed);",
        to: "self.0.store(touched, Ordering::Release);",
    },
    Mutant {
        name: "word_hand_over_is_takeable",
        file: WORD,
        from: "for those who look; nobody takes anything.
        self.0.store((now & !PHASE | AWAY)",
        to: "
        self.0.store((now & !PHASE | NATIVE_C)",
    },
    Mutant {
        name: "word_return_without_light_half",
        file: WORD,
        from: "fence::light_half();",
        to: "",
    },
    Mutant {
        name: "word_return_looks_first",
        file: WORD,
        from: "self.0.store(run.0, Ordering::Release);
        fence::light_half();
        request.is_unasked()",
        to: "let is_unasked = request.is_unasked();
        fence::light_half();
        self.0.store(run.0, Ordering::Release);
        is_unasked",
    },
    Mutant {
        name: "request_is_overlooked",
        file: REQUEST,
        from: "self.0.load(Ordering::Acquire) == NOTHING",
        to: "self.0.load(Ordering::Acquire) != TAKEN",
    },
    Mutant {
        name: "request_settle_keeps_a_taken_worker",
        file: REQUEST,
        from: "Ok(_) | Err(NOTHING) => true,",
        to: "Ok(_) | Err(NOTHING | TAKEN) => true,",
    },
    Mutant {
        name: "request_settle_by_load_and_store",
        file: REQUEST,
        from: "let refused = self.0.compare_exchange(ASKED, NOTHING, Ordering::AcqRel, Ordering::Acquire);",
        to: "let now = self.0.load(Ordering::Acquire);
        if now == ASKED {
            self.0.store(NOTHING, Ordering::Release);
        }
        let refused = if now == ASKED { Ok(now) } else { Err(now) };",
    },
    Mutant {
        name: "request_settle_leaves_it",
        file: REQUEST,
        from: "self.0.store(NOTHING, Ordering::Release);",
        to: "",
    },
    Mutant {
        name: "request_claim_by_load_and_store",
        file: REQUEST,
        from: "self.0.compare_exchange(ASKED, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "let asked = self.0.load(Ordering::Acquire) == ASKED;
        if asked {
            self.0.store(TAKEN, Ordering::Release);
        }
        asked",
    },
    Mutant {
        name: "request_claim_leaves_it",
        file: REQUEST,
        from: "self.0.compare_exchange(ASKED, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "self.0.load(Ordering::Acquire) == ASKED",
    },
    Mutant {
        name: "retake_without_heavy_fence",
        file: RETAKE,
        from: "&& fence::heavy_half();",
        to: ";",
    },
    Mutant {
        name: "retake_without_second_look",
        file: RETAKE,
        from: "&& carrier.word.load() == *seen",
        to: "",
    },
    Mutant {
        name: "retake_without_withdrawal",
        file: RETAKE,
        from: "carrier.request.withdraw();",
        to: "",
    },
    Mutant {
        name: "retake_of_two_at_a_time",
        file: RETAKE,
        from: "let guard = self.0.lock();",
        to: "let guard = ();",
    },
];
