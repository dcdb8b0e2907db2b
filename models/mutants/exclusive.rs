//! Mutants of the lock.

use super::Mutant;

const EXCLUSIVE: &str = "lock/exclusive.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "lock_take_relaxed",
        file: EXCLUSIVE,
        from: "self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).is_ok()",
        to: "self.word.compare_exchange(0, owner, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
    },
    Mutant {
        name: "lock_give_relaxed",
        file: EXCLUSIVE,
        from: "self.word.compare_exchange(owner, 0, Ordering::Release, Ordering::Relaxed).is_ok()",
        to: "self.word.compare_exchange(owner, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
    },
    Mutant {
        name: "lock_let_go_relaxed",
        file: EXCLUSIVE,
        from: "self.word.store(next.map_or(0, |next| next.owner), Ordering::Release);",
        to: "self.word.store(next.map_or(0, |next| next.owner), Ordering::Relaxed);",
    },
    Mutant {
        name: "lock_take_in_line_relaxed",
        file: EXCLUSIVE,
        from: "match self.word.compare_exchange_weak(now, next, Ordering::Acquire, Ordering::Relaxed) {",
        to: "match self.word.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {",
    },
    Mutant {
        name: "lock_give_stores",
        file: EXCLUSIVE,
        from: "self.word.compare_exchange(owner, 0, Ordering::Release, Ordering::Relaxed).is_ok()",
        to: "self.word() == owner && { self.word.store(0, Ordering::Release); true }",
    },
    Mutant {
        name: "lock_waits_without_a_call",
        file: EXCLUSIVE,
        from: "_ => (now | CALL, false),",
        to: "_ => return false,",
    },
    Mutant {
        name: "lock_lets_go_and_calls_nobody",
        file: EXCLUSIVE,
        from: "let next = line.hand_one(due);
        let next =",
        to: "let next = None::<&Contender<W>>;
        let next =",
    },
    Mutant {
        name: "lock_taker_forgets_the_others",
        file: EXCLUSIVE,
        from: "0 => (owner | others.call(), true),",
        to: "0 => (owner, true),",
    },
    Mutant {
        name: "lock_heir_forgets_the_others",
        file: EXCLUSIVE,
        from: "if was_made_owner {
                self.own(owner, others);
            }",
        to: "",
    },
    Mutant {
        name: "lock_leaves_with_its_call",
        file: EXCLUSIVE,
        from: "if line.remove(ticket, due) > 0 {
                self.pass_on(line, due, owner);
            }",
        to: "line.remove(ticket, due);",
    },
    Mutant {
        name: "lock_in_vain_forgets_to_call",
        file: EXCLUSIVE,
        from: "let others = Others { wait: line.waiting() > 0, called: line.handed() > 1 };",
        to: "let others = Others { wait: line.waiting() > 0, called: line.handed() > 0 };",
    },
];
