//! Which native calls stand in the way, and whether they wait or compute.
//!
//! A call is seen twice, 20 us apart, before anything is done about it: most are over by then. In
//! between the thread's own clock has moved or not, which is asked once more where it has.
//!
//! - It stood still, and the thread sleeps: the call *blocks*. Its worker is taken at once.
//! - It moved, or the thread could run and is not let: the call *burns*. Another thread beside it only
//!   shares its processor, so its worker is taken if a processor is free, or after 10 ms if that makes
//!   one thread more than there are processors, or after a second if it makes more.
//!
//! The embedder is told what was seen, so that the next call of the same function need not be waited
//! for; but not of a thread that was kept from a processor.

use crate::carrier::CarrierRef;
use crate::config::Observed;
use crate::crossing::word::{Phase, Snapshot};
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

/// How long a call was seen before it is taken.
const AGE: Duration = Duration::from_micros(20);
/// The same, if it was not seen to wait: its first microseconds are spent on the way there.
const AGE_AWAKE: Duration = Duration::from_micros(50);
/// After what time a call that burns is taken where no processor is free.
const BURN_LIMIT: Duration = Duration::from_millis(10);
/// The same, where more threads compute than there are processors already. Not never: they may spin
/// until a task runs that waits behind them.
const CROWDED_LIMIT: Duration = Duration::from_secs(1);

/// How a thread has spent its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Computed,
    Waited,
    /// It could run, and was not let, or nothing is known of it.
    Unclear,
}

/// What was seen of the call of one carrier.
#[derive(Clone, Copy)]
struct Sight {
    carrier: CarrierRef,
    word: Snapshot,
    since: Instant,
    /// The thread's processor time then.
    clock: Option<u64>,
    /// How the thread was seen to spend its time when the worker was to be taken.
    spent: Use,
}

impl Sight {
    fn new(carrier: CarrierRef, word: Snapshot, now: Instant) -> Sight {
        let clock = carrier.vitals.processor_time();
        Sight { carrier, word, since: now, clock, spent: Use::Unclear }
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// How the thread has spent its time since.
    fn use_of_time(&self, now: Instant) -> Use {
        if let (Some(before), Some(after)) = (self.clock, self.carrier.vitals.processor_time()) {
            let used = Duration::from_nanos(after.saturating_sub(before));
            if 2 * used > self.age(now) {
                return Use::Computed;
            }
        }
        if self.carrier.vitals.is_asleep() { Use::Waited } else { Use::Unclear }
    }
}

/// What the monitor remembers of calls from look to look.
pub(super) struct Calls {
    /// For each worker, the call that its carrier is in.
    seen: Vec<Option<Sight>>,
    /// The call whose worker was handed over on no evidence.
    unproven: Option<Sight>,
    /// Kept between looks for its memory.
    candidates: Vec<(CarrierRef, Snapshot)>,
}

impl Calls {
    pub(super) fn new(shared: &Shared) -> Calls {
        Calls { seen: vec![None; shared.shown.len()], unproven: None, candidates: Vec::new() }
    }

    /// No work waits: what is seen now is no first sight of a call that stands in the way.
    pub(super) fn forget(&mut self) {
        self.seen.fill(None);
        self.unproven = None;
    }

    /// Looks at the calls of all workers' carriers, and takes workers. True: there are such calls.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) -> bool {
        let mut natives = false;
        self.candidates.clear();
        for (shown, seen) in shared.shown.iter().zip(&mut self.seen) {
            let Some(carrier) = shown.holder() else {
                *seen = None;
                continue;
            };
            let word = carrier.word.load();
            if carrier.takeable(word).is_none() {
                *seen = None;
                continue;
            }
            natives = true;
            match seen {
                Some(sight) if sight.carrier == carrier && sight.word == word => {
                    if sight.age(now) >= AGE {
                        sight.spent = sight.use_of_time(now);
                        if may_take(shared, sight, now) {
                            self.candidates.push((carrier, word));
                        }
                    }
                }
                _ => *seen = Some(Sight::new(carrier, word, now)),
            }
        }
        if !self.candidates.is_empty() {
            self.take(shared, now);
        }
        natives
    }

    fn take(&mut self, shared: &Shared, now: Instant) {
        let candidates = &self.candidates;
        let is_candidate = |sight: &&Sight| candidates.contains(&(sight.carrier, sight.word));
        let sights = self.seen.iter().flatten().filter(is_candidate);
        let sights: Vec<_> = sights.map(|sight| (sight, target_of(sight.carrier))).collect();
        for (sight, _) in &sights {
            let since = sight.since.saturating_duration_since(shared.start).as_nanos() as u64;
            // ORDERING: Relaxed, published by the exchange that takes the worker.
            sight.carrier.seen_since.store(since, Ordering::Relaxed);
        }
        let mut taken = Vec::new();
        shared.retaking.take(candidates, |carrier, worker| taken.push((carrier, worker)));
        for (sight, target) in &sights {
            if taken.iter().any(|(carrier, _)| *carrier == sight.carrier) {
                // Before somebody has the worker: whoever is woken for it may take this thread's processor.
                observe(shared, sight, *target, now);
            } else {
                // It came back first, or there is no fence to ask it by.
                shared.burning.end(&sight.carrier);
            }
        }
        for (carrier, mut worker) in taken {
            worker.hand_off();
            shared.metrics.add(Counter::Retakes);
            shared.hand_on(worker);
            let target = sights.iter().find(|(sight, _)| sight.carrier == carrier);
            let target = target.map_or(0, |(_, target)| *target);
            tracing::debug!(
                target: "sortie::monitor",
                carrier = carrier.index,
                target = %shared.named(target),
                "retake"
            );
        }
        // Where one call blocks, others follow: the next worker is not to wait for a thread.
        if shared.lobby.spares() == 0 {
            shared.start_spare();
        }
    }

    /// Looks at the call whose worker was handed over on no evidence, and frees its place once it
    /// was seen to wait.
    pub(super) fn look_at_unproven(&mut self, shared: &Shared, now: Instant) {
        let Some(carrier) = shared.unproven.carrier() else {
            self.unproven = None;
            return;
        };
        let word = carrier.word.load();
        if word.phase() != Phase::Native {
            // It is about to leave.
            return;
        }
        match &self.unproven {
            Some(sight) if sight.carrier == carrier && sight.word == word => {
                if sight.age(now) >= AGE && sight.use_of_time(now) == Use::Waited {
                    let target = target_of(carrier);
                    if carrier.word.load() == word && shared.unproven.end(&carrier) {
                        shared.observed(target, Observed::Blocked(sight.age(now)));
                    }
                }
            }
            _ => self.unproven = Some(Sight::new(carrier, word, now)),
        }
    }
}

/// May the worker be taken, for all that was seen of the call?
fn may_take(shared: &Shared, sight: &Sight, now: Instant) -> bool {
    match sight.spent {
        Use::Waited => return true,
        Use::Unclear | Use::Computed if sight.age(now) < AGE_AWAKE => return false,
        // With more workers than processors some thread always waits for one: its worker is of more use
        // to those that run.
        Use::Unclear if shared.config.workers > shared.processors => return true,
        Use::Unclear | Use::Computed => {}
    }
    // No worker is idle, so each of them computes, or its carrier does.
    let unproven = usize::from(shared.unproven.carrier().is_some());
    let workers = shared.config.workers + shared.extras.out();
    let computing = workers + shared.burning.count() + unproven;
    let may = match computing.cmp(&shared.processors) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => sight.age(now) >= BURN_LIMIT,
        std::cmp::Ordering::Greater => sight.age(now) >= CROWDED_LIMIT,
    };
    if may {
        shared.burning.begin(&sight.carrier);
    }
    may
}

/// What the carrier's call is a call of, if its word is the same afterwards.
fn target_of(carrier: CarrierRef) -> usize {
    // ORDERING: Relaxed, the call may be over by now: the word tells.
    let target = carrier.target.load(Ordering::Relaxed);
    // ORDERING(crossing.word): Acquire, the target is read before the word; pairs with the store of the target before
    // the Release store of the next call's word.
    fence(Ordering::Acquire);
    target
}

/// The worker was taken: the embedder is told what was seen of the call.
fn observe(shared: &Shared, sight: &Sight, target: usize, now: Instant) {
    match sight.spent {
        Use::Computed => shared.observed(target, Observed::Burned(sight.age(now))),
        Use::Waited => shared.observed(target, Observed::Blocked(sight.age(now))),
        Use::Unclear => {}
    }
}
