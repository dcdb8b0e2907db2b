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
//!
//! The monitor looks, and who comes back and finds no worker (`passing.rs`), one at a time: what one has seen the other
//! need not see anew.
//!
//! Must not: tell anybody of anything, for who looks has a lock. What is taken is told of, and handed on, behind it.

use crate::carrier::CarrierRef;
use crate::config::Observed;
use crate::crossing::word::{Phase, Snapshot};
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::worker::{Shown, Worker};
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

/// At how many calls one who comes back looks at most: each costs some microseconds.
const GLIMPSES: usize = 4;

/// How a thread has spent its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Computed,
    Waited,
    /// It could run, and was not let, or nothing is known of it.
    Unclear,
}

/// What was seen of the call of one carrier.
#[derive(Clone, Copy, Debug)]
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

    fn is_of(&self, carrier: CarrierRef, word: Snapshot) -> bool {
        self.carrier == carrier && self.word == word
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

/// What is remembered of calls from look to look, by whoever looks.
#[derive(Debug)]
pub(crate) struct Calls {
    /// For each worker, the call that its carrier is in.
    seen: Vec<Option<Sight>>,
    /// The worker that is looked at first by who comes back.
    first: usize,
    /// Kept between looks for its memory.
    candidates: Vec<(CarrierRef, Snapshot)>,
}

/// A worker that was taken from behind a call.
#[must_use = "the worker must be handed on"]
pub(super) struct Taken {
    pub(super) worker: Box<Worker>,
    sight: Sight,
    target: usize,
}

impl Calls {
    pub(crate) fn new(workers: usize) -> Calls {
        Calls { seen: vec![None; workers], first: 0, candidates: Vec::new() }
    }

    /// No work waits: what is seen now is no first sight of a call that stands in the way.
    pub(super) fn forget(&mut self) {
        self.seen.fill(None);
    }

    /// Looks at the calls of all workers' carriers, and takes workers. True: there are such calls.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) -> (bool, Vec<Taken>) {
        let mut natives = false;
        self.candidates.clear();
        for (shown, seen) in shared.shown.iter().zip(&mut self.seen) {
            let Some((carrier, word)) = call_of(shown) else {
                *seen = None;
                continue;
            };
            natives = true;
            match seen {
                Some(sight) if sight.is_of(carrier, word) => {
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
        (natives, self.take(shared))
    }

    /// Looks at the calls of some workers' carriers, for one who needs a worker and would have to sleep for it. So a
    /// call that nobody has seen before need not be old, if its thread sleeps.
    pub(super) fn look_in_passing(&mut self, shared: &Shared, now: Instant) -> Option<Taken> {
        self.candidates.clear();
        let workers = self.seen.len();
        let mut glimpses = 0;
        for index in (self.first..workers).chain(0..self.first) {
            let Some((carrier, word)) = call_of(&shared.shown[index]) else {
                self.seen[index] = None;
                continue;
            };
            let sight = match &mut self.seen[index] {
                Some(sight) if sight.is_of(carrier, word) => sight,
                seen => seen.insert(Sight::new(carrier, word, now)),
            };
            sight.spent = sight.use_of_time(now);
            glimpses += 1;
            if may_take(shared, sight, now) {
                self.candidates.push((carrier, word));
            }
            if !self.candidates.is_empty() || glimpses == GLIMPSES {
                self.first = (index + 1) % workers;
                break;
            }
        }
        self.take(shared).pop()
    }

    /// Takes the workers of the candidates, as far as they have not come back.
    fn take(&self, shared: &Shared) -> Vec<Taken> {
        let candidates = &self.candidates;
        if candidates.is_empty() {
            return Vec::new();
        }
        let is_candidate = |sight: &&Sight| candidates.contains(&(sight.carrier, sight.word));
        let sights = self.seen.iter().flatten().filter(is_candidate);
        let sights: Vec<_> = sights.map(|sight| (*sight, target_of(sight.carrier))).collect();
        for (sight, _) in &sights {
            let since = sight.since.saturating_duration_since(shared.start).as_nanos() as u64;
            // ORDERING: Relaxed, published by the exchange that takes the worker.
            sight.carrier.seen_since.store(since, Ordering::Relaxed);
        }
        let mut workers = Vec::new();
        shared.retaking.take(candidates, |carrier, worker| workers.push((carrier, worker)));
        let mut taken = Vec::new();
        for (sight, target) in sights {
            match workers.iter().position(|(carrier, _)| *carrier == sight.carrier) {
                Some(at) => taken.push(Taken { worker: workers.swap_remove(at).1, sight, target }),
                // It came back first, or there is no fence to ask it by.
                None => shared.burning.end(&sight.carrier),
            }
        }
        taken
    }
}

impl Taken {
    /// The embedder is told what was seen of the call. Before somebody has the worker: whoever is woken for it may take
    /// this thread's processor.
    pub(super) fn tell(&self, shared: &Shared, now: Instant) {
        let age = self.sight.age(now);
        match self.sight.spent {
            Use::Computed => shared.observed(self.target, Observed::Burned(age)),
            Use::Waited if age >= AGE => shared.observed(self.target, Observed::Blocked(age)),
            // A moment's sleep says nothing of the function.
            Use::Waited | Use::Unclear => {}
        }
    }

    /// Counts the retake, and gives the worker out by `hand_on`.
    pub(super) fn hand_on<R>(self, shared: &Shared, hand_on: impl FnOnce(Box<Worker>) -> R) -> R {
        let Taken { mut worker, sight, target } = self;
        worker.hand_off();
        shared.metrics.add(Counter::Retakes);
        let answer = hand_on(worker);
        tracing::debug!(
            target: "sortie::monitor",
            carrier = sight.carrier.index,
            target = %shared.named(target),
            "retake"
        );
        answer
    }
}

/// The call whose worker was handed over on no evidence.
#[derive(Default)]
pub(super) struct Unproven(Option<Sight>);

impl Unproven {
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Looks at the call, and frees its place once it was seen to wait.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) {
        let Some(carrier) = shared.unproven.carrier() else {
            self.0 = None;
            return;
        };
        let word = carrier.word.load();
        if word.phase() != Phase::Native {
            // It is about to leave.
            return;
        }
        match &self.0 {
            Some(sight) if sight.is_of(carrier, word) => {
                if sight.age(now) >= AGE && sight.use_of_time(now) == Use::Waited {
                    let target = target_of(carrier);
                    if carrier.word.load() == word && shared.unproven.end(&carrier) {
                        shared.observed(target, Observed::Blocked(sight.age(now)));
                    }
                }
            }
            _ => self.0 = Some(Sight::new(carrier, word, now)),
        }
    }
}

/// The call that the worker's carrier is in, if the worker may be taken.
pub(super) fn call_of(shown: &Shown) -> Option<(CarrierRef, Snapshot)> {
    let carrier = shown.holder()?;
    let word = carrier.word.load();
    carrier.takeable(word).map(|_| (carrier, word))
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
