//! Mutants of the task's state word.

use super::Mutant;

const STATE: &str = "task/state.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "state_pause_ignores_woken",
        file: STATE,
        from: "match now & WOKEN {",
        to: "match now & WOKEN & ABORT {",
    },
    Mutant {
        name: "state_wake_of_active_is_forgotten",
        file: STATE,
        from: "ACTIVE => (now | WOKEN, Wake::Nothing),",
        to: "ACTIVE => (now, Wake::Nothing),",
    },
    Mutant {
        name: "state_wake_of_active_submits",
        file: STATE,
        from: "ACTIVE => (now | WOKEN, Wake::Nothing),",
        to: "ACTIVE => (now | WOKEN, Wake::Submit),",
    },
    Mutant {
        name: "state_wake_by_load_and_store",
        file: STATE,
        from: "self.update(wake)",
        to: "let (next, owed) = wake(self.0.load(Ordering::Acquire));
        self.0.store(next, Ordering::Release);
        owed",
    },
    Mutant {
        name: "state_wake_of_blocked_owes_nothing",
        file: STATE,
        from: "BLOCKED => (now & !PHASE | ACTIVE, Wake::Unpark),",
        to: "BLOCKED => (now & !PHASE | ACTIVE, Wake::Nothing),",
    },
    Mutant {
        name: "state_abort_leaves_no_bit",
        file: STATE,
        from: "wake(now | what)",
        to: "wake(now)",
    },
    Mutant {
        name: "state_detach_does_not_report_done",
        file: STATE,
        from: "(now & !HANDLE, now & PHASE == DONE)",
        to: "(now & !HANDLE, false)",
    },
    Mutant {
        name: "state_done_always_drops",
        file: STATE,
        from: "if now & HANDLE == 0 && !dropped {",
        to: "if !dropped {",
    },
    Mutant {
        name: "state_done_never_drops",
        file: STATE,
        from: "if now & HANDLE == 0 && !dropped {",
        to: "if now & HANDLE == 0 && dropped {",
    },
    Mutant {
        name: "state_done_forgets_the_joiner",
        file: STATE,
        from: "_ => Completion::WakeJoiner,",
        to: "_ => Completion::Nothing,",
    },
    Mutant {
        name: "state_join_after_done_waits",
        file: STATE,
        from: "DONE => (now, false),
            _ => (now | JOINER, true),",
        to: "DONE => (now, true),
            _ => (now | JOINER, true),",
    },
    Mutant {
        name: "state_unjoin_after_done_takes_back",
        file: STATE,
        from: "DONE => (now, false),
            _ => (now & !JOINER, true),",
        to: "_ => (now & !JOINER, true),",
    },
    Mutant {
        name: "state_left_to_a_joiner",
        file: STATE,
        from: "now & (PHASE | HANDLE | JOINER) == ACTIVE | HANDLE",
        to: "now & (PHASE | HANDLE) == ACTIVE | HANDLE",
    },
    Mutant {
        name: "state_left_to_nobody",
        file: STATE,
        from: "now & (PHASE | HANDLE | JOINER) == ACTIVE | HANDLE",
        to: "now & (PHASE | JOINER) == ACTIVE",
    },
    Mutant {
        name: "state_left_and_not_said",
        file: STATE,
        from: "(now & !WOKEN | DONE | LEFT, true)",
        to: "(now & !WOKEN | DONE, true)",
    },
    Mutant {
        name: "state_changes_relaxed",
        file: STATE,
        from: ".compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)",
        to: ".compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed)",
    },
];
