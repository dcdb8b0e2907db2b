//! Mutants of the lobby.

use super::Mutant;

const LOBBY: &str = "idle/mod.rs";
const SPARES: &str = "idle/spares.rs";
const LINE: &str = "idle/line.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "lobby_place_leaves_a_spare",
        file: LOBBY,
        from: "return match inner.spares.pop() {
                Some(spare) => Placed::Given(worker, spare),",
        to: "return match inner.spares.last().copied() {
                Some(spare) => Placed::Given(worker, spare),",
    },
    Mutant {
        name: "lobby_settle_overlooks_the_line",
        file: LOBBY,
        from: "let placed = match inner.line.pop_front() {",
        to: "let placed = match None {",
    },
    Mutant {
        name: "lobby_reclaim_leaves_a_spare",
        file: SPARES,
        from: "let at = inner.spares.iter().rposition(|spare| *spare == carrier)?;
        inner.spares.remove(at);
        let worker = inner.idle.pop();
        self.count(&inner);",
        to: "let worker = inner.idle.pop();
        self.count(&inner);",
    },
    Mutant {
        name: "lobby_retire_holds_one_more_back",
        file: LOBBY,
        from: "if inner.reserve.len() < inner.held_back && !inner.closed {",
        to: "if inner.reserve.len() <= inner.held_back && !inner.closed {",
    },
    Mutant {
        name: "lobby_recruit_leaves_a_worker",
        file: LOBBY,
        from: "if inner.reserve.len() <= inner.held_back {",
        to: "if inner.reserve.len() <= inner.held_back + 1 {",
    },
    Mutant {
        name: "lobby_step_back_leaves_a_spare",
        file: LINE,
        from: "inner.spares.pop().map_or(Next::NoSpare, Next::Carrier)",
        to: "inner.spares.last().copied().map_or(Next::NoSpare, Next::Carrier)",
    },
    Mutant {
        name: "lobby_step_back_stands_in_no_line",
        file: LINE,
        from: "inner.placed = placed;
        inner.line.push_back(carrier);",
        to: "inner.placed = placed;",
    },
];
