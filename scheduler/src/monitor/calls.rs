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

use super::sight::{AGE, Sight, call_of, target_of};
use crate::carrier::CarrierRef;
use crate::config::Observed;
use crate::crossing::word::Snapshot;
use crate::crossing::{Seen, Use};
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::worker::Worker;
use std::time::{Duration, Instant};

/// How long it is if the thread was not seen to wait: a call's first microseconds are spent on the way there.
const AGE_AWAKE: Duration = Duration::from_micros(50);
/// After what time a call that burns is taken where no processor is free.
const BURN_LIMIT: Duration = Duration::from_millis(10);
/// The same, where more threads compute than there are processors already. Not never: they may spin
/// until a task runs that waits behind them.
const CROWDED_LIMIT: Duration = Duration::from_secs(1);

/// At how many calls one who comes back looks at most: each costs some microseconds.
const GLIMPSES: usize = 4;

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
            let since = sight.since.saturating_duration_since(shared.start);
            let seen = Seen::new(since, sight.spent).word();
            // ORDERING: Relaxed, published by the exchange that takes the worker.
            sight.carrier.seen_since.store(seen, Ordering::Relaxed);
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
