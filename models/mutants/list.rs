//! Mutants of the wait list.

use super::Mutant;

const LIST: &str = "wait/list.rs";
const SEAT: &str = "wait/seat.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "list_enter_without_fence",
        file: LIST,
        from: "fence(Ordering::SeqCst);
        ticket",
        to: "ticket",
    },
    Mutant {
        name: "list_notify_without_fence",
        file: LIST,
        from: "fence(Ordering::SeqCst);
        self.notify_ordered(whom)",
        to: "self.notify_ordered(whom)",
    },
    Mutant {
        name: "list_leave_keeps_the_notification",
        file: LIST,
        from: "let handed = line.remove(ticket, due);
            pass_on(line, handed, due) > 0",
        to: "line.remove(ticket, due);
            false",
    },
    Mutant {
        name: "list_count_is_late",
        file: LIST,
        from: "let outcome = change(&mut line, &mut due, lost);
        // ORDERING(list.count): Relaxed, changed under the lock only; the fence in `enter` orders it with what
        // follows there.
        self.waiting.store(line.waiting(), Ordering::Relaxed);",
        to: "self.waiting.store(line.waiting(), Ordering::Relaxed);
        let outcome = change(&mut line, &mut due, lost);",
    },
    Mutant {
        name: "list_leave_seat_keeps_the_notification",
        file: LIST,
        from: "Stand::Told => self.notify(Whom::First) == 0,",
        to: "Stand::Told => false,",
    },
    Mutant {
        name: "list_moves_before_it_counts",
        file: LIST,
        from: "self.waiting.store(line.waiting(), Ordering::Relaxed);
        self.seat.free();",
        to: "self.seat.free();",
    },
    Mutant {
        name: "list_overlooks_who_is_moved",
        file: LIST,
        from: "Tell::Moving => (0, true),",
        to: "Tell::Moving => (0, false),",
    },
    Mutant {
        name: "seat_sit_without_fence",
        file: SEAT,
        from: "exchange_fence();
        taken.is_ok()",
        to: "taken.is_ok()",
    },
    Mutant {
        name: "seat_leave_by_load_and_store",
        file: SEAT,
        from: "self.0.compare_exchange(now, free, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "self.0.store(free, Ordering::Release);
        true",
    },
    Mutant {
        name: "seat_leave_relaxed",
        file: SEAT,
        from: "self.0.compare_exchange(now, free, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "self.0.compare_exchange(now, free, Ordering::Release, Ordering::Relaxed).is_ok()",
    },
    Mutant {
        name: "seat_leave_of_one_who_is_held",
        file: SEAT,
        from: "_ => patience.wait(),",
        to: "_ => return (Stand::Gone, now),",
    },
    Mutant {
        name: "seat_tells_before_it_wakes",
        file: SEAT,
        from: "let held = word(sitter, HELD);",
        to: "let held = word(sitter, if with_all { TOLD_ALL } else { TOLD });",
    },
    Mutant {
        name: "seat_tells_the_lost",
        file: SEAT,
        from: "if sitter.is_lost() { (true, None) } else { (false, Some(sitter.begin_wake())) }",
        to: "(false, Some(sitter.begin_wake()))",
    },
    Mutant {
        name: "seat_tells_relaxed",
        file: SEAT,
        from: "self.0.store(next, Ordering::Release);",
        to: "self.0.store(next, Ordering::Relaxed);",
    },
    Mutant {
        name: "seat_looks_relaxed",
        file: SEAT,
        from: "let now = self.0.load(Ordering::Acquire);",
        to: "let now = self.0.load(Ordering::Relaxed);",
    },
];
