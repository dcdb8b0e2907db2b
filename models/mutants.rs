//! The table of mutants, and of the steps that models repeat by hand. Read by `build.rs`.

/// One broken copy of a protocol file.
pub(crate) struct Mutant {
    /// The module's name.
    pub(crate) name: &'static str,
    /// The file, from the scheduler's `src` (`..` and on for one of the package `sortie`).
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
const HOOK: &str = "task/hook.rs";
const WORD: &str = "crossing/word.rs";
const RETAKE: &str = "crossing/retake.rs";
const PROOF: &str = "crossing/proof.rs";
const GATE: &str = "gate.rs";
const LOBBY: &str = "idle/mod.rs";
const MAILBOX: &str = "queue/mailbox.rs";
const RING: &str = "ring/slots.rs";
const LIST: &str = "wait/list.rs";
const SEAT: &str = "wait/seat.rs";
const PERMITS: &str = "semaphore/permits.rs";
const EXCLUSIVE: &str = "lock/exclusive.rs";
const ALARM: &str = "timer/alarm.rs";
const CALLBACK: &str = "../../src/native/closure/word.rs";
const CLAIM: &str = "../../src/sync/party/claim.rs";

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
        name: "state_changes_relaxed",
        file: STATE,
        from: ".compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)",
        to: ".compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed)",
    },
    // ---- the hook of a native call ----
    Mutant {
        name: "hook_open_without_fence",
        file: HOOK,
        from: "self.word.store(OPEN, Ordering::Release);
        // ORDERING(hook.abort): SeqCst, between the store and the task's look at the abort; pairs with the
        // fence in `claim`.
        fence(Ordering::SeqCst);",
        to: "self.word.store(OPEN, Ordering::Release);",
    },
    Mutant {
        name: "hook_claim_without_fence",
        file: HOOK,
        from: "with the fence in `open`.
        fence(Ordering::SeqCst);",
        to: "",
    },
    Mutant {
        name: "hook_open_relaxed",
        file: HOOK,
        from: "self.word.store(OPEN, Ordering::Release);
        // ORDERING(hook.abort): SeqCst, between the store and the task's look at the abort; pairs with the
        // fence in `claim`.
        fence(Ordering::SeqCst);",
        to: "self.word.store(OPEN, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_claim_relaxed",
        file: HOOK,
        from: "with the fence in `open`.
        fence(Ordering::SeqCst);
        // ORDERING(hook.word): Acquire, pairs with the Release in `open`, and in `finish` of who has run
        // the same hook before.
        self.word.compare_exchange(OPEN, HOOKING, Ordering::Acquire, Ordering::Relaxed).ok()?;",
        to: "
        self.word.compare_exchange(OPEN, HOOKING, Ordering::Relaxed, Ordering::Relaxed).ok()?;",
    },
    Mutant {
        name: "hook_claim_by_load_and_store",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, HOOKING, Ordering::Acquire, Ordering::Relaxed).ok()?;",
        to: "if self.word.load(Ordering::Acquire) != OPEN {
            return None;
        }
        self.word.store(HOOKING, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_finish_relaxed",
        file: HOOK,
        from: "self.word.swap(CLOSED, Ordering::Release)",
        to: "self.word.swap(CLOSED, Ordering::Relaxed)",
    },
    Mutant {
        name: "hook_finish_wakes_nobody",
        file: HOOK,
        from: "futex::wake_one(&self.word);",
        to: "",
    },
    Mutant {
        name: "hook_finish_again_relaxed",
        file: HOOK,
        from: ".compare_exchange(HOOKING, OPEN, Ordering::Release, Ordering::Relaxed)",
        to: ".compare_exchange(HOOKING, OPEN, Ordering::Relaxed, Ordering::Relaxed)",
    },
    Mutant {
        name: "hook_finish_again_forgets_the_waiter",
        file: HOOK,
        from: "&& self
                .word
                .compare_exchange(HOOKING, OPEN, Ordering::Release, Ordering::Relaxed)
                .is_ok()",
        to: "&& self.word.swap(OPEN, Ordering::Release) != CLOSED",
    },
    Mutant {
        name: "hook_close_does_not_wait",
        file: HOOK,
        from: "Err(_) => self.await_hook(),",
        to: "Err(_) => return,",
    },
    Mutant {
        name: "hook_close_by_load_and_store",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "match self.word.load(Ordering::Acquire) {
                OPEN => {
                    self.word.store(CLOSED, Ordering::Relaxed);
                    Ok(OPEN)
                }
                other => Err(other),
            };",
    },
    Mutant {
        name: "hook_close_overlooks_what_was_done",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Relaxed);",
    },
    Mutant {
        name: "hook_close_overlooks_what_may_be_done_again",
        file: HOOK,
        from: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Acquire, Ordering::Acquire);",
        to: "self.word.compare_exchange(OPEN, CLOSED, Ordering::Relaxed, Ordering::Acquire);",
    },
    // ---- the crossing ----
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
        from: "self.0 & PHASE == NATIVE_A",
        to: "true",
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
        from: "self.0.store(left.0 & !PHASE | RUN, Ordering::Release);
        fence::light_half();
        // ORDERING(crossing.request): Acquire, pairs with the Release of a taker.
        request.0.load(Ordering::Acquire) == NOTHING",
        to: "let asked = request.0.load(Ordering::Acquire);
        fence::light_half();
        self.0.store(left.0 & !PHASE | RUN, Ordering::Release);
        asked == NOTHING",
    },
    Mutant {
        name: "word_return_overlooks_the_request",
        file: WORD,
        from: "request.0.load(Ordering::Acquire) == NOTHING",
        to: "request.0.load(Ordering::Acquire) != TAKEN",
    },
    Mutant {
        name: "word_settle_keeps_a_taken_worker",
        file: WORD,
        from: "Ok(_) | Err(NOTHING) => true,",
        to: "Ok(_) | Err(NOTHING | TAKEN) => true,",
    },
    Mutant {
        name: "word_settle_by_load_and_store",
        file: WORD,
        from: "let refused =
            request.0.compare_exchange(ASKED, NOTHING, Ordering::AcqRel, Ordering::Acquire);",
        to: "let now = request.0.load(Ordering::Acquire);
        if now == ASKED {
            request.0.store(NOTHING, Ordering::Release);
        }
        let refused = if now == ASKED { Ok(now) } else { Err(now) };",
    },
    Mutant {
        name: "word_settle_leaves_the_request",
        file: WORD,
        from: "request.0.store(NOTHING, Ordering::Release);",
        to: "",
    },
    Mutant {
        name: "word_claim_by_load_and_store",
        file: WORD,
        from: "self.0.compare_exchange(ASKED, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "let asked = self.0.load(Ordering::Acquire) == ASKED;
        if asked {
            self.0.store(TAKEN, Ordering::Release);
        }
        asked",
    },
    Mutant {
        name: "word_claim_leaves_the_request",
        file: WORD,
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
    // ---- the calls beside the workers ----
    Mutant {
        name: "proof_begin_by_load_and_store",
        file: PROOF,
        from: ".compare_exchange(ptr::null_mut(), carrier, Ordering::Release, Ordering::Relaxed)
                .is_ok()",
        to: ".swap(carrier, Ordering::AcqRel) != carrier",
    },
    Mutant {
        name: "proof_end_is_anybodys",
        file: PROOF,
        from: "self.0.load(Ordering::Relaxed) == carrier",
        to: "!self.0.load(Ordering::Relaxed).is_null() && carrier == carrier
            && { self.0.store(ptr::null_mut(), Ordering::Relaxed); true } ||
            self.0.load(Ordering::Relaxed) == carrier",
    },
    Mutant {
        name: "proof_end_by_load_and_store",
        file: PROOF,
        from: "&& self
                .0
                .compare_exchange(carrier, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()",
        to: "&& { self.0.store(ptr::null_mut(), Ordering::Relaxed); true }",
    },
    Mutant {
        name: "burning_ends_by_load_and_store",
        file: PROOF,
        from: "&& carrier.burning.swap(false, Ordering::Relaxed)",
        to: "&& { carrier.burning.store(false, Ordering::Relaxed); true }",
    },
    // ---- the places of callbacks ----
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
    // ---- the monitor's gate ----
    Mutant { name: "gate_close_without_fence", file: GATE, from: "fence::heavy()", to: "true" },
    Mutant {
        name: "gate_kick_wakes_nobody",
        file: GATE,
        from: "if self.word.swap(OPEN, Ordering::AcqRel) != OPEN {
            self.parker.unpark();",
        to: "if self.word.swap(OPEN, Ordering::AcqRel) != OPEN {",
    },
    // ---- the monitor's alarm ----
    Mutant {
        name: "alarm_set_without_fence",
        file: ALARM,
        from: "self.0.store(until, Ordering::Relaxed);
        // ORDERING(timer.alarm): SeqCst, as above.
        fence(Ordering::SeqCst);",
        to: "self.0.store(until, Ordering::Relaxed);",
    },
    Mutant {
        name: "alarm_asked_without_fence",
        file: ALARM,
        from: "// in `set`.
        fence(Ordering::SeqCst);",
        to: "",
    },
    Mutant {
        name: "alarm_lies_to_who_asks",
        file: ALARM,
        from: "self.0.load(Ordering::Relaxed) > tick",
        to: "self.0.load(Ordering::Relaxed) < tick",
    },
    // ---- the lobby ----
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
        file: LOBBY,
        from: "let at = inner.spares.iter().rposition(|spare| *spare == carrier)?;
        inner.spares.remove(at);
        let worker = inner.idle.pop();
        self.count(&inner);",
        to: "let worker = inner.idle.pop();
        self.count(&inner);",
    },
    // ---- the ring ----
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
    // ---- the wait list ----
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
        from: "let outcome = change(&mut line, &mut due);
        // ORDERING(list.count): Relaxed, changed under the lock only; the fence in `enter` orders it with what
        // follows there.
        self.waiting.store(line.waiting(), Ordering::Relaxed);",
        to: "self.waiting.store(line.waiting(), Ordering::Relaxed);
        let outcome = change(&mut line, &mut due);",
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
    // ---- the claim of a party ----
    Mutant {
        name: "claim_by_load_and_store",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "let is_open = self.0.load(Ordering::Acquire) == OPEN;
        if is_open {
            self.0.store(claimed, Ordering::Release);
        }
        is_open",
    },
    Mutant {
        name: "claim_close_by_load_and_store",
        file: CLAIM,
        from: "match self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(CLOSED) => Ok(()),",
        to: "let now = self.0.load(Ordering::Acquire);
        if now == OPEN {
            self.0.store(CLOSED, Ordering::Release);
        }
        match if now == OPEN { Ok(now) } else { Err(now) } {
            Ok(_) | Err(CLOSED) => Ok(()),",
    },
    Mutant {
        name: "claim_close_overlooks_it",
        file: CLAIM,
        from: "Err(claimed) => Err(claimed - CLAIMED),",
        to: "Err(_) => Ok(()),",
    },
    Mutant {
        name: "claim_relaxed",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "self.0.compare_exchange(OPEN, claimed, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
    },
    Mutant {
        name: "claim_seen_relaxed",
        file: CLAIM,
        from: "self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire)",
        to: "self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Relaxed)",
    },
    // ---- the semaphore ----
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
    // ---- the lock ----
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
    // ---- the mailbox ----
    Mutant {
        name: "mailbox_pushes_relaxed",
        file: MAILBOX,
        from: "task.as_ptr(),
                Ordering::Release,",
        to: "task.as_ptr(),
                Ordering::Relaxed,",
    },
    Mutant {
        name: "mailbox_pushes_by_load_and_store",
        file: MAILBOX,
        from: "match self.newest.compare_exchange_weak(
                newest,
                task.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {",
        to: "self.newest.store(task.as_ptr(), Ordering::Release);
            match Ok::<(), *mut Header>(()) {",
    },
    Mutant {
        name: "mailbox_takes_relaxed",
        file: MAILBOX,
        from: "self.newest.swap(ptr::null_mut(), Ordering::Acquire);
        let end",
        to: "self.newest.swap(ptr::null_mut(), Ordering::Relaxed);
        let end",
    },
];

pub(crate) const REPEATED: &[Repeated] = &[
    Repeated {
        file: "foreign.rs",
        model: "visit.rs",
        text: "shared.metrics.add(Counter::Visits);
    // ORDERING(shared.stage): SeqCst, between the count and the look at the stage; pairs with the
    // stage's change before the shutdown's look at the counts.
    fence(Ordering::SeqCst);
    let entered = if shared.is_closing()",
    },
    Repeated {
        file: "shared.rs",
        model: "visit.rs",
        text: "fence(Ordering::SeqCst);
        let spawned = self.sum(Counter::Spawned) + self.sum(Counter::Visits);",
    },
    Repeated {
        file: "shared.rs",
        model: "mailbox.rs",
        text: "home.mailbox.push(task);
            // ORDERING(carrier.summons): SeqCst, between the push and the look at the word; pairs
            // with the fence in `sleep_as_spare`.
            fence(Ordering::SeqCst);
            if home.word.load().is_spare() {
                self.summon(&home);
            }",
    },
    Repeated {
        file: "worker/without.rs",
        model: "mailbox.rs",
        text: "fence(Ordering::SeqCst);
    // SAFETY: this is the carrier's thread, in its loop.
    let has_pinned_work = unsafe { carrier.with_ring(|ring| !ring.is_empty()) };
    if has_pinned_work {
        shared.summon(carrier);",
    },
    Repeated {
        file: "task/cancel.rs",
        model: "hook.rs",
        text: "task.hook.open((&raw const record).cast_mut().cast());
    if wait::is_abort_wanted(task) {
        if abort::is_due(task) || !task.state.load().is_rude() {
            // It came just now. A hook that was claimed meanwhile is awaited.
            drop(open);",
    },
    Repeated {
        file: "task/cancel.rs",
        model: "hook.rs",
        text: "task.hook.open(ptr::from_ref(record).cast_mut().cast());
    if wait::is_abort_wanted(task) {",
    },
    Repeated {
        file: "task/abort/mod.rs",
        model: "hook.rs",
        text: "self.settle(self.state.transition_to_aborting());
        cancel::interrupt(self);",
    },
    Repeated {
        file: "task/abort/scope.rs",
        model: "scope.rs",
        text: "signal.due.store(true, Ordering::Relaxed);
        signal.task.raise();
        signal.word.finish(false);",
    },
    Repeated {
        file: "task/abort/scope.rs",
        model: "scope.rs",
        text: "task.state.transition_to_settled();
        let is_due = |scopes: &mut Vec<Open>| scopes.iter().any(|open| open.signal.is_due());
        if task.aborting.with_scopes(is_due) {",
    },
    Repeated {
        file: "carrier.rs",
        model: "../carrier.rs",
        text: "let worker = self.worker.load(Ordering::Relaxed);
        if !win() {
            return None;
        }",
    },
    Repeated {
        file: "carrier.rs",
        model: "../carrier.rs",
        text: "seen.takeable().filter(|native| *native != Native::Asymmetric
            || !self.request.is_taken())",
    },
    Repeated {
        file: "carrier.rs",
        model: "../carrier.rs",
        text: "self.worker.store(Box::into_raw(worker), Ordering::Relaxed);
        self.word.run();",
    },
    Repeated {
        file: "carrier.rs",
        model: "../carrier.rs",
        text: "now = self.word.own();
            if !now.is_asymmetric() {
                return self.come_back();
            }
        }
        self.word.come_back_unasked(now, &self.request) || self.settle()",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "crossing/versions.rs",
        text: "if COMPARE {
            self.carrier.word.exchange_back(left.0) || !is_jumped() && self.carrier.come_back()
        } else {
            self.carrier.come_back_from(left.0, is_jumped)
        }",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "crossing/mod.rs",
        text: "carrier.word.leave_without_worker();
    pass_on(carrier);",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "monitor.rs",
        text: "carrier.word.leave(native);
    light();
    if carrier.shared().gate.is_ajar() {",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "monitor.rs",
        text: "let left = self.carrier.word.leave_from(self.word, Native::Asymmetric);
            light_half();
            left
        };
        if self.carrier.shared().gate.is_ajar() {",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs",
        text: "let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits()
                    || !shared.offloaded.is_empty()
                    || shared.is_stopping()
                {
                    shared.gate.open();
                    continue;
                }
                if closed { None } else { Some(NAP) }",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs",
        text: "if purse.spend() {
                    shared.gate.set_ajar();
                }
                Some(NAP)",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs",
        text: "naps += 1;
                if purse.spend() {
                    shared.gate.close_briefly();
                }
                Some(NAP)",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs and timers.rs",
        text: "let is_kicked = shared.gate.sleep(shared.timers.set_alarm(limit));
        shared.timers.take_alarm();
        if is_kicked {
            naps = 0;
        }
        shared.gate.open();",
    },
    Repeated {
        file: "timer/mod.rs",
        model: "timers.rs",
        text: "self.alarm.set(end);
        // The second look: see the alarm's protocol.
        let due = self.next().saturating_add(GRACE);
        if due >= end {
            return limit;
        }
        self.alarm.lower(due);",
    },
    Repeated {
        file: "timer/mod.rs",
        model: "timers.rs",
        text: "shard.show(wheel.as_ref()?);
        drop(wheel);
        Some((key, self.alarm.is_after(tick + GRACE)))",
    },
    Repeated {
        file: "shared.rs",
        model: "timers.rs",
        text: "let (key, sleeps_past) = self.timers.set(at, waker, by)?;
        if sleeps_past {
            self.gate.ring();
        }",
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
    Repeated {
        file: "shared.rs",
        model: "idle/mod.rs",
        text: "match self.lobby.place(worker, self.work_is_queued()) {
            Placed::Given(worker, carrier) => carrier.give(worker),
            Placed::NoSpare(worker) => drop(self.start_carrier_for(worker)),
            Placed::Idle => self.look_again(),
        }",
    },
    Repeated {
        file: "crossing/mod.rs",
        model: "idle/mod.rs",
        text: "Ok(None) => {
            // The monitor may sleep, and nobody else may come by a scheduling point.
            shared.after_queueing();",
    },
    Repeated { file: "worker/without.rs", model: "idle/mod.rs", text: "shared.look_again();" },
    Repeated {
        file: "worker/without.rs",
        model: "idle/mod.rs",
        text: "if carrier.take_call() {
            let Some(mut worker) = shared.lobby.take_idle() else { return Awake::InVain };
            worker.searching = true;",
    },
    Repeated {
        file: "worker/without.rs",
        model: "idle/mod.rs",
        text: "lobby.add_spare(carrier.as_ref());
                // What was left to its search it looks for itself, first thing.
                lobby.stop_searching();",
    },
    Repeated {
        file: "worker/pick.rs",
        model: "idle/mod.rs",
        text: "if stop_searching(carrier) {
        carrier.shared().look_again();",
    },
    Repeated {
        file: "worker/without.rs",
        model: "idle/mod.rs",
        text: "worker.searching = true;
        shared.lobby.start_searching();",
    },
];
