//! The steps that models repeat by hand.

use super::Repeated;

pub(crate) const REPEATED: &[Repeated] = &[
    Repeated {
        file: "worker/aside.rs",
        model: "aside.rs",
        text: "match unsafe { task.as_ref() }.state.transition_to_suspended() {
            // After this line the task may be gone.
            Suspend::Suspended => {}
            // SAFETY: nobody else took the reference over.
            Suspend::Woken => self.shared().submit(unsafe { TaskRef::from_raw(task) }),",
    },
    Repeated {
        file: "worker/aside.rs",
        model: "aside.rs",
        text: "let raw = carrier.aside.take()?;",
    },
    Repeated {
        file: "wait/sleeper.rs",
        model: "aside.rs",
        text: "if let Some((carrier, task)) = aside::take(self) {
            return Owed::Queue(carrier, task);
        }
        match self.state.transition_to_woken() {",
    },
    Repeated {
        file: "foreign.rs",
        model: "visit.rs",
        text: "carrier.visited.store(true, Ordering::Relaxed);
    // ORDERING(shared.stage): SeqCst, between the mark and the look at the stage; pairs with the
    // stage's change before the shutdown's look at the marks.
    fence(Ordering::SeqCst);
    let entered = if shared.is_closing()",
    },
    Repeated {
        file: "shared/mod.rs",
        model: "visit.rs",
        text: "fence(Ordering::SeqCst);
        let visitors = self.arena.visitors();
        // After that: what a visitor has spawned who is not seen any more is counted.
        let spawned = self.sum(Counter::Spawned);",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "mailbox.rs",
        text: "home.mailbox.push(task);
            // ORDERING(carrier.summons): SeqCst, between the push and the look at the word; pairs
            // with the fence in `look_once_more`.
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
        text: "rare.hook.open((&raw const record).cast_mut().cast());
    if wait::is_abort_wanted(task) {
        if abort::is_due(task) || !task.state.load().is_rude() {
            // It came just now. A hook that was claimed meanwhile is awaited.
            drop(open);",
    },
    Repeated {
        file: "task/cancel.rs",
        model: "hook.rs",
        text: "rare.hook.open(ptr::from_ref(record).cast_mut().cast());
    if wait::is_abort_wanted(task) {",
    },
    Repeated {
        file: "task/cancel.rs",
        model: "hook.rs",
        text: "let rare = task.rare().or_else(|| {",
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
        if aborting.with_scopes(is_due) {",
    },
    Repeated {
        file: "carrier/owned.rs",
        model: "../carrier.rs",
        text: "let worker = self.worker.load(Ordering::Relaxed);
        if !win() {
            return None;
        }",
    },
    Repeated {
        file: "carrier/owned.rs",
        model: "../carrier.rs",
        text: "seen.takeable().filter(|native| *native != Native::Asymmetric
            || !self.request.is_taken())",
    },
    Repeated {
        file: "carrier/owned.rs",
        model: "../carrier.rs",
        text: "self.worker.store(Box::into_raw(worker), Ordering::Relaxed);
        self.word.run();",
    },
    Repeated {
        file: "carrier/owned.rs",
        model: "../carrier.rs",
        text: "let now = self.word.own();
        if now == left {
            let kept = self.word.come_back_unasked(left, &self.request) || self.settle();
            return if kept { Return::Untouched } else { Return::Late };
        }",
    },
    Repeated {
        file: "carrier/owned.rs",
        model: "../carrier.rs",
        text: "let kept = match now.run_after_asymmetric() {
            Some(run) => self.word.run_unasked(run, &self.request) || self.settle(),
            None => self.come_back(),
        };",
    },
    Repeated {
        file: "crossing/here.rs",
        model: "crossing/versions.rs",
        text: "if !COMPARE {
            return self.carrier.come_back_from(left.0, is_jumped);
        }
        if self.carrier.word.exchange_back(left.0) {
            return Return::Untouched;
        }
        if !is_jumped() && self.carrier.come_back() { Return::Touched } else { Return::Late }",
    },
    Repeated {
        file: "crossing/leave.rs",
        model: "crossing/mod.rs",
        text: "carrier.word.leave_without_worker();
    pass_on(carrier);",
    },
    Repeated {
        file: "crossing/leave.rs",
        model: "monitor.rs",
        text: "carrier.word.leave(native);
    light();
    let gate = &carrier.shared().gate;
    let is_asked = match native {
        Native::Compare => gate.asks_who_leaves::<true>(),
        Native::Asymmetric | Native::Kept => gate.asks_who_leaves::<false>(),
    };
    if is_asked {",
    },
    Repeated {
        file: "crossing/here.rs",
        model: "monitor.rs",
        text: "let left = self.carrier.word.leave_from(self.word, Native::Asymmetric);
            light_half();
            left
        };
        if self.carrier.shared().gate.asks_who_leaves::<COMPARE>() {",
    },
    Repeated {
        file: "crossing/reentry.rs",
        model: "monitor.rs",
        text: "&& let Some(worker) = idle()
                .or_else(|| shared.patience.wait(idle))
                .or_else(|| shared.look_in_passing())",
    },
    Repeated {
        file: "monitor/passing.rs",
        model: "monitor.rs",
        text: "let taken = self.calls.try_lock()?.look_in_passing(self, now);",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs",
        text: "let Some(mut calls) = shared.calls.try_lock() else {
        // Somebody who has come back looks.
        return Found::Met;
    };",
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
        text: "Sleep::Ajar(limit) => {
                shared.gate.set_ajar();
                Some(limit)
            }
            Sleep::Latched(limit) => {
                shared.gate.latch();
                Some(limit)
            }
            Sleep::Briefly(limit) => {
                shared.gate.close_briefly();
                Some(limit)
            }
            Sleep::Knowing(limit) => {
                shared.gate.close_knowing();
                Some(limit)
            }",
    },
    Repeated {
        file: "monitor/cadence.rs",
        model: "monitor.rs",
        text: "Look::Waiting if self.purse.spend() => Sleep::Ajar(NAP),
            Look::Brisk if self.wary == 0 && self.purse.spend() => Sleep::Latched(DOZE),
            Look::Waiting | Look::Brisk => Sleep::Through(NAP),",
    },
    Repeated {
        file: "monitor/cadence.rs",
        model: "monitor.rs",
        text: "self.quiet += 1;
                if self.purse.spend() { Sleep::Briefly(NAP) } else { Sleep::Through(NAP) }",
    },
    Repeated {
        file: "monitor/mod.rs",
        model: "monitor.rs and timers.rs",
        text: "let is_kicked = shared.gate.sleep(shared.timers.set_alarm(limit, is_lax));
        shared.timers.take_alarm();
        shared.gate.open();
        cadence.woke(now.elapsed(), is_kicked);",
    },
    Repeated {
        file: "timer/mod.rs",
        model: "timers.rs",
        text: "self.alarm.set(told(end), is_lax);
        // The second look: see the alarm's protocol.
        let due = self.next().saturating_add(grace);
        if due >= end {
            return limit;
        }
        self.alarm.lower(told(due), is_lax);",
    },
    Repeated {
        file: "timer/mod.rs",
        model: "timers.rs",
        text: "let key = self.shards[shard].insert(tick, waker, stays)?;
        Some((TimerKey { shard, key }, self.alarm.is_after(tick + GRACE)))",
    },
    Repeated {
        file: "worker/put_off.rs",
        model: "timers.rs",
        text: "if shared.work_waits_beside(worker.index) || !shared.timers.is_watched(now) {
            return true;
        }
        shared.gate.set_both();",
    },
    Repeated {
        file: "timer/mod.rs",
        model: "timers.rs",
        text: "self.alarm.is_before(self.elapsed_ns(now) / TICK_NS + GRACE)",
    },
    Repeated {
        file: "timer/shard.rs",
        model: "timers.rs",
        text: "let key = wheel.as_mut()?.insert(tick, waker);
        self.show(wheel.as_ref()?);
        Some(key)",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "timers.rs",
        text: "let (key, sleeps_past) = self.timers.set(at, waker, by, stays)?;
        if sleeps_past {
            self.gate.ring();
        }",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "idle/mod.rs",
        text: "fence(Ordering::SeqCst);
        self.tell_of_work(ahead);",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "idle/mod.rs",
        text: "if self.lobby.idle() > 0 {
            if self.lobby.searching() == 0 {
                self.rouse(ahead);
            }
        } else if self.gate.is_closed() {
            self.gate.kick();
        }",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "idle/mod.rs",
        text: "if self.lobby.stop_searching() {
                    self.look_again();",
    },
    Repeated {
        file: "shared/carriers.rs",
        model: "idle/mod.rs",
        text: "if self.lobby.spares() > 0 {
            self.look_again();",
    },
    Repeated {
        file: "shared/ready.rs",
        model: "idle/mod.rs",
        text: "fence(Ordering::SeqCst);
        if work_waits() {
            self.after_queueing_for(ahead);",
    },
    Repeated {
        file: "shared/carriers.rs",
        model: "idle/mod.rs",
        text: "match self.lobby.place(worker, || self.work_is_queued()) {
            Placed::Given(worker, carrier) => carrier.give(worker),
            Placed::NoSpare(worker) => drop(self.start_carrier_for(worker)),
            Placed::Idle => {
                self.look_again_for(ahead.as_ref(), || has_queued || self.work_waits_beside(index))
            }
        }",
    },
    Repeated {
        file: "crossing/reentry.rs",
        model: "idle/mod.rs",
        text: "Ok(None) => {
            // The monitor may sleep, and nobody else may come by a scheduling point.
            shared.after_queueing();",
    },
    Repeated {
        file: "crossing/reentry.rs",
        model: "idle/carrier.rs",
        text: "let Some(next) = next else {
        pass_on(carrier);
        return regain_or_stop(carrier, task);
    };",
    },
    Repeated {
        file: "crossing/reentry.rs",
        model: "idle/carrier.rs",
        text: "match next {
            Next::Carrier(next) => next.give(worker),
            Next::NoSpare => drop(shared.start_carrier_for(worker)),
        }
    }
    // As in `regain_by`: the line may have been empty.
    shared.after_queueing();
    let Some(worker) = wait_for_gift(carrier) else { stop(task) };",
    },
    Repeated { file: "worker/without.rs", model: "idle/mod.rs", text: "shared.look_again();" },
    Repeated {
        file: "worker/pick/places.rs",
        model: "idle/mod.rs",
        text:
            "if unsafe { carrier.with_worker(|worker| !worker.queues.is_empty()) } == Some(true) {
        carrier.shared().after_queueing();",
    },
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
        file: "worker/put_off.rs",
        model: "idle/mod.rs",
        text: "if tells == Some(true) {
        carrier.shared().look_again();",
    },
    Repeated {
        file: "worker/without.rs",
        model: "idle/mod.rs",
        text: "worker.searching = true;
        shared.lobby.start_searching();",
    },
    Repeated {
        file: "worker/pass.rs",
        model: "rest.rs",
        text: "unsafe { inside.announce() };
    // SAFETY: by contract, and the closure stays in the queues.
    let next = unsafe { carrier.with_worker(|worker| worker.queues.push_last_and_pop(its)) };",
    },
    Repeated {
        file: "worker/run.rs",
        model: "rest.rs",
        text: "if !fiber.is_away() {
        wait_until_away(fiber);
    }",
    },
    Repeated {
        file: "fiber/switch/x86_64.rs",
        model: "rest.rs",
        text: "\"mov rsp, rdx\",
            \"mov [rsi + {at}], rcx\",
            \"jmp [rdx]\",",
    },
];
