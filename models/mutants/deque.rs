//! Mutants of a worker's deque.

use super::Mutant;

const MOD: &str = "queue/deque/mod.rs";
const OWNER: &str = "queue/deque/owner.rs";
const THIEF: &str = "queue/deque/thief.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "deque_pops_without_fence",
        file: OWNER,
        from: "self.shared.back.store(last, Ordering::Release);
        light();",
        to: "self.shared.back.store(last, Ordering::Release);",
    },
    Mutant {
        name: "deque_opens_without_fence",
        file: THIEF,
        from: ".is_err() || !heavy_to_light() {",
        to: ".is_err() {",
    },
    Mutant {
        name: "deque_opens_without_a_second_look",
        file: THIEF,
        from: "self.back.load(Ordering::Acquire)",
        to: "back",
    },
    Mutant {
        name: "deque_pops_without_a_look",
        file: OWNER,
        from: "if behind(last, front.limit) >= 0 {
            // SAFETY",
        to: "if behind(last, front.first) >= 0 {
            // SAFETY",
    },
    Mutant {
        name: "deque_lowers_by_store",
        file: OWNER,
        from: "match self.shared.exchange(front, lower) {",
        to: "self.shared.front.store(lower.pack(), Ordering::Release);
            match Ok::<(), Front>(()) {",
    },
    Mutant {
        name: "deque_advances_by_store",
        file: THIEF,
        from: "match self.exchange(front, ahead) {",
        to: "self.front.store(ahead.pack(), Ordering::Release);
            match Ok::<(), Front>(()) {",
    },
    Mutant {
        name: "deque_pushes_relaxed",
        file: OWNER,
        from: "self.shared.back.store(back.wrapping_add(1), Ordering::Release);",
        to: "self.shared.back.store(back.wrapping_add(1), Ordering::Relaxed);",
    },
    Mutant {
        name: "deque_back_before_task",
        file: OWNER,
        from: "self.place(back).store(task.into_raw().as_ptr(), Ordering::Relaxed);",
        to: "self.shared.back.store(back.wrapping_add(1), Ordering::Release);
        self.place(back).store(task.into_raw().as_ptr(), Ordering::Relaxed);",
    },
    Mutant {
        name: "deque_opens_relaxed",
        file: THIEF,
        from: "self.back.load(Ordering::Acquire)",
        to: "self.back.load(Ordering::Relaxed)",
    },
    Mutant {
        name: "deque_exchanges_relaxed",
        file: MOD,
        from: "Ordering::AcqRel, Ordering::Relaxed",
        to: "Ordering::Relaxed, Ordering::Relaxed",
    },
    Mutant {
        name: "deque_makes_room_without_the_lock",
        file: OWNER,
        from: "let Some(mut row) = shared.row.try_lock() else { return false };
        // ORDERING: Relaxed, the lock orders the reads of who has moved it.
        self.read = Front::unpack(shared.front.load(Ordering::Relaxed)).first;",
        to: "self.read = Front::unpack(shared.front.load(Ordering::Relaxed)).first;
        if back.wrapping_sub(self.read) <= self.mask.div_ceil(2) {
            return true;
        }
        let mut row = shared.row.lock();",
    },
    Mutant {
        name: "deque_empty_stays_behind",
        file: OWNER,
        from: "self.shared.back.store(last.wrapping_add(1), Ordering::Release);",
        to: "",
    },
];
