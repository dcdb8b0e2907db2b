//! Mutants of the ring.

use super::Mutant;

const RING: &str = "ring/slots.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "ring_push_in_no_order",
        file: RING,
        from: "slot.stamp.store(tail + 1, Ordering::Release);
                        total_order();",
        to: "slot.stamp.store(tail + 1, Ordering::Release);",
    },
    Mutant {
        name: "ring_pop_in_no_order",
        file: RING,
        from: "slot.stamp.store(head.wrapping_add(self.lap()), Ordering::Release);
                        total_order();",
        to: "slot.stamp.store(head.wrapping_add(self.lap()), Ordering::Release);",
    },
    Mutant {
        name: "ring_close_in_no_order",
        file: RING,
        from: "self.tail.fetch_or(self.closed, Ordering::SeqCst);
        total_order();",
        to: "self.tail.fetch_or(self.closed, Ordering::SeqCst);",
    },
    Mutant {
        name: "ring_is_drained_though_closed",
        file: RING,
        from: "self.tail.load(Ordering::Relaxed) == self.head.load(Ordering::Relaxed)",
        to: "self.tail.load(Ordering::Relaxed) & !self.closed == self.head.load(Ordering::Relaxed)",
    },
    Mutant {
        name: "ring_push_stamps_relaxed",
        file: RING,
        from: "slot.stamp.store(tail + 1, Ordering::Release);",
        to: "slot.stamp.store(tail + 1, Ordering::Relaxed);",
    },
    Mutant {
        name: "ring_pop_stamps_relaxed",
        file: RING,
        from: "slot.stamp.store(head.wrapping_add(self.lap()), Ordering::Release);",
        to: "slot.stamp.store(head.wrapping_add(self.lap()), Ordering::Relaxed);",
    },
    Mutant {
        name: "ring_push_finds_room_relaxed",
        file: RING,
        from: "slot.stamp.load(Ordering::Acquire);
            if stamp == tail {",
        to: "slot.stamp.load(Ordering::Relaxed);
            if stamp == tail {",
    },
    Mutant {
        name: "ring_pop_finds_it_relaxed",
        file: RING,
        from: "slot.stamp.load(Ordering::Acquire);
            if stamp == head + 1 {",
        to: "slot.stamp.load(Ordering::Relaxed);
            if stamp == head + 1 {",
    },
    Mutant {
        name: "ring_push_takes_by_store",
        file: RING,
        from: "match self.tail.compare_exchange_weak(
                    tail,
                    self.after(tail),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {",
        to: "self.tail.store(self.after(tail), Ordering::SeqCst);
                match Ok::<usize, usize>(tail) {",
    },
    Mutant {
        name: "ring_pop_takes_by_store",
        file: RING,
        from: "match self.head.compare_exchange_weak(
                    head,
                    self.after(head),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {",
        to: "self.head.store(self.after(head), Ordering::SeqCst);
                match Ok::<usize, usize>(head) {",
    },
];
