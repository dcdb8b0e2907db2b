//! The table of mutants, and of the steps that models repeat by hand. Read by `build.rs`.

/// One broken copy of a protocol file.
pub(crate) struct Mutant {
    /// The module's name.
    pub(crate) name: &'static str,
    /// The file, from the scheduler's `src`.
    pub(crate) file: &'static str,
    /// The text that holds the promise, as it stands in the file once; spaces and line ends do not
    /// count.
    pub(crate) from: &'static str,
    /// What takes its place.
    pub(crate) to: &'static str,
}

/// A step of the scheduler's that a model repeats, because its file needs the whole crate.
pub(crate) struct Repeated {
    pub(crate) file: &'static str,
    pub(crate) model: &'static str,
    /// As it stands in the file once; spaces and line ends do not count.
    pub(crate) text: &'static str,
}

const PARK: &str = "park.rs";
const STATE: &str = "task/state.rs";
const WORD: &str = "crossing/word.rs";
const GATE: &str = "gate.rs";
const LOBBY: &str = "idle/mod.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    // ---- parking ----
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
    // ---- the task's state word ----
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
        from: "wake(now | ABORT)",
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
        name: "state_changes_relaxed",
        file: STATE,
        from: ".compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)",
        to: ".compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed)",
    },
    // ---- the crossing's word ----
    Mutant {
        name: "word_epoch_stands_still",
        file: WORD,
        from: "(now & !PHASE | NATIVE).wrapping_add(EPOCH)",
        to: "now & !PHASE | NATIVE",
    },
    Mutant {
        name: "word_retake_by_load_and_store",
        file: WORD,
        from: "self.0
            .compare_exchange(seen.0, taken, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()",
        to: "let same = self.0.load(Ordering::Acquire) == seen.0;
        if same {
            self.0.store(taken, Ordering::Release);
        }
        same",
    },
    Mutant {
        name: "word_come_back_by_store",
        file: WORD,
        from: "match self
            .0
            .compare_exchange(native, run, Ordering::AcqRel, Ordering::Acquire)
        {",
        to: "if now == native {
            self.0.store(run, Ordering::Release);
        }
        match if now == native { Ok(now) } else { Err(now) } {",
    },
    Mutant {
        name: "word_leave_relaxed",
        file: WORD,
        from: "self.0.store(next, Ordering::Release);",
        to: "self.0.store(next, Ordering::Relaxed);",
    },
    Mutant {
        name: "word_look_relaxed",
        file: WORD,
        from: "Snapshot(self.0.load(Ordering::Acquire))",
        to: "Snapshot(self.0.load(Ordering::Relaxed))",
    },
    // ---- the monitor's gate ----
    Mutant { name: "gate_close_without_fence", file: GATE, from: "fence::heavy()", to: "true" },
    Mutant {
        name: "gate_kick_wakes_nobody",
        file: GATE,
        from: "if self.word.swap(OPEN, Ordering::AcqRel) != OPEN {
            self.parker.unpark();",
        to: "if self.word.swap(OPEN, Ordering::AcqRel) != OPEN {",
    },
    // ---- the lobby ----
    Mutant {
        name: "lobby_settle_overlooks_the_line",
        file: LOBBY,
        from: "let placed = match inner.line.pop_front() {",
        to: "let placed = match None {",
    },
    Mutant {
        name: "lobby_reclaim_leaves_a_spare",
        file: LOBBY,
        from: "let at = inner.spares.iter().rposition(|spare| *spare == carrier)?;
        inner.spares.remove(at);
        let worker = inner.idle.pop();
        self.count(&inner);",
        to: "let worker = inner.idle.pop();
        self.count(&inner);",
    },
];

pub(crate) const REPEATED: &[Repeated] = &[
    Repeated {
        file: "carrier.rs",
        model: "crossing.rs",
        text: "let worker = self.worker.load(Ordering::Relaxed);
        if !self.word.retake(seen) {",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "monitor.rs",
        text: "carrier.word.leave();
    light();
    if !carrier.shared().gate.is_open() {",
    },
    Repeated {
        file: "monitor.rs",
        model: "monitor.rs",
        text: "let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits()",
    },
    Repeated {
        file: "shared.rs",
        model: "idle/mod.rs",
        text: "fence(Ordering::SeqCst);
        if self.lobby.idle() > 0 {
            if self.lobby.searching() == 0 {
                self.rouse();
            }
        } else if self.gate.is_closed() {
            self.gate.kick();
        }",
    },
    Repeated {
        file: "shared.rs",
        model: "idle/mod.rs",
        text: "if self.lobby.stop_searching() {
                    self.look_again();",
    },
    Repeated {
        file: "shared.rs",
        model: "idle/mod.rs",
        text: "if self.lobby.spares() > 0 {
            self.look_again();",
    },
    Repeated {
        file: "shared.rs",
        model: "idle/mod.rs",
        text: "fence(Ordering::SeqCst);
        if self.work_waits() {
            self.after_queueing();",
    },
    Repeated { file: "worker/without.rs", model: "idle/mod.rs", text: "shared.look_again();" },
    Repeated {
        file: "worker/pick.rs",
        model: "idle/mod.rs",
        text: "if stop_searching(carrier) {
        carrier.shared().after_queueing();",
    },
    Repeated {
        file: "worker/without.rs",
        model: "idle/mod.rs",
        text: "worker.searching = true;
        shared.lobby.start_searching();",
    },
];
