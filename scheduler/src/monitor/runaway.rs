//! Tasks that do not switch.
//!
//! A worker whose carrier is in managed code, or in a native call that keeps it, gets on by picking.
//! While others wait, the monitor looks whether it does. One that stands at the same run for 10 ms is
//! *stuck*:
//!
//! 1. Its task is asked to let others run (`request.rs`), once. It sees that at a checkpoint, and at its return from a
//!    native call, and pays for it if it does so only when it is asked (`penalty.rs`).
//! 2. A worker of the reserve, if there is one (`reserve.rs`), else an extra one stands in for it until it picks again
//!    (`worker/extra.rs`).
//! 3. If it does not compute but sleeps in the kernel, for 100 ms, or is in a call that keeps its worker for so long,
//!    it is named: the call should have been announced, or not have been kept.
//!
//! A thread that the kernel did not let run is not stuck: it has neither used its processor nor does
//! it sleep.
//!
//! More threads than processors get nothing done. So a second extra worker is sent out only if a
//! processor is free for it, or if those that are out are stuck themselves.
//!
//! Tasks that are pinned to a stuck worker's carrier wait for it. Where they are ready, and the task
//! comes by a checkpoint, it is asked to yield after 10 ms as well (`wait::checkpoint`).

use crate::carrier::Carrier;
use crate::crossing::word::{Phase, Snapshot};
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::worker::extra::Run;
use std::time::{Duration, Instant};

/// How long a task may run without a switch while others wait.
const LIMIT: Duration = Duration::from_millis(10);
/// What a thread must have used of a processor meanwhile, to be seen as one that computes.
const USED: Duration = Duration::from_millis(1);
/// How long a task may block its worker before it is named.
const STALL: Duration = Duration::from_millis(100);

/// What was seen of one run.
struct Sight {
    run: Run,
    since: Instant,
    /// The thread's processor time at the second look.
    clock: Option<u64>,
    /// How its carrier looked last.
    word: Snapshot,
    /// It neither switched nor was kept from running.
    stuck: bool,
    /// And it does not compute.
    asleep: bool,
    /// Before this it is not asked whether it sleeps.
    ask_again: Instant,
    /// When its task was asked to yield last.
    asked: Option<Instant>,
    /// Its task came by a checkpoint while others that are pinned there were ready.
    keeps_pinned: bool,
    stall: Stall,
}

/// A stretch of a run in which the thread computes nothing, or is in one call that keeps its worker.
struct Stall {
    since: Instant,
    clock: Option<u64>,
    named: bool,
}

impl Sight {
    fn new(run: Run, now: Instant) -> Sight {
        let word = run.carrier.word.load();
        let stall = Stall { since: now, clock: None, named: false };
        Sight {
            run,
            since: now,
            clock: None,
            word,
            stuck: false,
            asleep: false,
            ask_again: now,
            asked: None,
            keeps_pinned: false,
            stall,
        }
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Is the worker in somebody else's hands, or about to be?
    fn is_others(&self, word: Snapshot) -> bool {
        match word.phase() {
            Phase::Run => false,
            // A call that may be taken, and lasts, is looked after by `calls.rs`.
            Phase::Native => !word.is_kept() && word == self.word,
            Phase::Waiting | Phase::Spare => true,
        }
    }

    /// Looks at the run once more.
    fn look(&mut self, now: Instant) {
        let carrier = self.run.carrier;
        let word = carrier.word.load();
        let is_others = self.is_others(word);
        let is_same_call = word == self.word;
        self.word = word;
        let clock = carrier.vitals.processor_time();
        self.clock = self.clock.or(clock);
        let stands_still = self.stall.clock.is_some() && used(self.stall.clock, clock) < USED / 10;
        if !(stands_still && word.phase() == Phase::Run || is_same_call && word.is_kept()) {
            self.stall = Stall { since: now, clock, named: false };
        }
        self.asleep = stands_still;
        self.stuck = !is_others
            && self.age(now) >= LIMIT
            && (self.stuck || used(self.clock, clock) >= USED || self.sleeps(now));
    }

    /// Does the thread sleep in the kernel? Asked of a thread that was kept from running less and less
    /// often: there may be many of those, and each answer takes microseconds.
    fn sleeps(&mut self, now: Instant) -> bool {
        if now < self.ask_again {
            return false;
        }
        self.ask_again = now + self.age(now);
        self.run.carrier.vitals.is_asleep()
    }
}

/// The processor time between two looks, as far as it is known.
fn used(before: Option<u64>, now: Option<u64>) -> Duration {
    let nanoseconds = before.zip(now).map_or(0, |(before, now)| now.saturating_sub(before));
    Duration::from_nanos(nanoseconds)
}

/// Is there a task on this carrier, or a foreign thread that runs managed code?
fn has_task(carrier: &Carrier) -> bool {
    // ORDERING: Relaxed, a look; the pointer is not followed.
    !carrier.seen_current().is_null()
}

/// What the monitor remembers of runs from look to look, whether or not work waits meanwhile.
pub(super) struct Runaways {
    /// For each worker, extra ones included, what it does.
    seen: Vec<Option<Sight>>,
}

impl Runaways {
    pub(super) fn new(shared: &Shared) -> Runaways {
        Runaways { seen: shared.shown.iter().map(|_| None).collect() }
    }

    /// Work waits, and no worker is idle: does what the module says.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) {
        for index in 0..self.seen.len() {
            self.look_at(shared, index, now);
            if let Some(sight) = self.seen[index].as_mut().filter(|sight| sight.stuck) {
                ask(shared, sight, now);
                name_stall(shared, sight, now);
            }
        }
        if shared.lobby.reserve() == 0 && shared.work_waits() {
            self.compensate(shared, now);
        }
    }

    /// How many workers were seen to be stuck, extra ones aside.
    pub(super) fn stuck(&self, shared: &Shared) -> usize {
        let sights = self.seen.iter().take(shared.config.workers).flatten();
        sights.filter(|sight| sight.stuck).count()
    }

    /// No work waits that others could run. True: the monitor is still needed, for tasks that are pinned
    /// to one carrier and wait for another there. `is_brisk`: the workers get on, so it is likely to be needed again: who keeps
    /// others would tell so at each of its checkpoints.
    pub(super) fn look_at_pinned(&mut self, shared: &Shared, now: Instant, is_brisk: bool) -> bool {
        let mut is_needed = false;
        for index in 0..self.seen.len() {
            let Some(carrier) = shared.shown[index].holder() else { continue };
            // ORDERING: Relaxed, it came with the kick that woke the monitor, or comes with the next.
            if !carrier.keeps_pinned.load(Ordering::Relaxed) {
                continue;
            }
            let was_known = self.seen[index].as_ref().is_some_and(|sight| sight.keeps_pinned);
            self.look_at(shared, index, now);
            let Some(sight) = &mut self.seen[index] else { continue };
            if sight.stuck {
                ask(shared, sight, now);
            }
            if sight.stuck || was_known && !sight.keeps_pinned && !is_brisk {
                // Asked, or over. The carrier says it again if it is so again.
                // ORDERING: Relaxed, as above.
                carrier.keeps_pinned.store(false, Ordering::Relaxed);
            } else {
                sight.keeps_pinned = true;
                is_needed = true;
            }
        }
        is_needed
    }

    /// Looks at one worker.
    fn look_at(&mut self, shared: &Shared, index: usize, now: Instant) {
        let seen = &mut self.seen[index];
        let run = Run::of(&shared.shown[index]).filter(|run| has_task(&run.carrier));
        match (seen.as_mut(), run) {
            (Some(sight), Some(run)) if sight.run == run => sight.look(now),
            (_, run) => *seen = run.map(|run| Sight::new(run, now)),
        }
    }

    /// Sends an extra worker out, if one is due.
    fn compensate(&self, shared: &Shared, now: Instant) {
        let stuck = || {
            let sights = self.seen.iter().enumerate();
            sights
                .filter_map(|(index, sight)| Some((index, sight.as_ref()?)))
                .filter(|it| it.1.stuck)
        };
        let out = shared.extras.out();
        let stuck_extras = stuck().filter(|(index, _)| *index >= shared.config.workers).count();
        let asleep = stuck().filter(|(_, sight)| sight.asleep).count();
        let computing =
            (shared.config.workers + out + shared.burning.count()).saturating_sub(asleep);
        if out > stuck_extras && computing >= shared.processors {
            return;
        }
        for (index, sight) in stuck() {
            let Some(worker) = shared.extras.take(&sight.run, index) else { continue };
            // Before its thread can be seen, of which this is the reason.
            shared.metrics.add(Counter::Compensations);
            if shared.hand_on_extra(worker) {
                report(shared, sight, now);
            } else {
                shared.metrics.take_back(Counter::Compensations);
            }
            return;
        }
    }
}

/// The task has not switched for long: asks it to. Again if it has seen it, and nobody was there to run.
fn ask(shared: &Shared, sight: &mut Sight, now: Instant) {
    let carrier = sight.run.carrier;
    if sight.asked.is_some_and(|asked| asked + LIMIT > now) {
        return;
    }
    sight.asked = Some(now);
    if !carrier.request_yield() {
        return;
    }
    shared.metrics.add(Counter::YieldRequests);
    shared.tell_asked(&carrier);
    if tracing::enabled!(target: "sortie::monitor", tracing::Level::DEBUG)
        && let Some(task) = shared.tasks_on([&*carrier]).pop().flatten()
    {
        tracing::debug!(
            target: "sortie::monitor",
            task = task.id.get(),
            name = task.name.as_deref(),
            carrier = carrier.index,
            age = ?sight.age(now),
            "runaway: the task has not switched while others wait, and is asked to yield"
        );
    }
}

/// An extra worker stands in for this run.
fn report(shared: &Shared, sight: &Sight, now: Instant) {
    if tracing::enabled!(target: "sortie::monitor", tracing::Level::DEBUG)
        && let Some(task) = shared.tasks_on([&*sight.run.carrier]).pop().flatten()
    {
        tracing::debug!(
            target: "sortie::monitor",
            task = task.id.get(),
            name = task.name.as_deref(),
            age = ?sight.age(now),
            "compensation: an extra worker stands in for the task's"
        );
    }
}

/// Names the task of a worker that is blocked, once for each call.
fn name_stall(shared: &Shared, sight: &mut Sight, now: Instant) {
    let blocked = now.saturating_duration_since(sight.stall.since);
    let carrier = sight.run.carrier;
    if sight.stall.named || blocked < STALL {
        return;
    }
    let is_kept = sight.word.is_kept();
    if !is_kept && (sight.word.phase() != Phase::Run || !carrier.vitals.is_asleep()) {
        return;
    }
    sight.stall.named = true;
    let Some(task) = shared.tasks_on([&*carrier]).pop().flatten() else { return };
    // ORDERING: Relaxed, after the Acquire look at the word, and checked by a second one.
    let target = carrier.target.load(Ordering::Relaxed);
    if carrier.word.load() != sight.word || !sight.run.lasts() {
        return;
    }
    let (task, name) = (task.id.get(), task.name);
    let name = name.as_deref();
    if is_kept {
        tracing::warn!(
            target: "sortie::monitor",
            task,
            name,
            target = %shared.named(target),
            blocked = ?blocked,
            "stall: a native call that keeps its worker lasts while work waits"
        );
    } else {
        tracing::warn!(
            target: "sortie::monitor",
            task,
            name,
            blocked = ?blocked,
            "stall: managed code blocks its thread while work waits; a native call that blocks must \
             be announced"
        );
    }
}
