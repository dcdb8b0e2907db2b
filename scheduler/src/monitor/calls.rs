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
//! Two looks are not needed where the first comes at any moment of a call, of a function that was seen to block just before, and
//! the thread's clock stands still between two questions.
//!
//! The embedder is told what was seen, so that the next call of the same function need not be waited
//! for; but not of a thread that was kept from a processor, and nothing of a call that was seen once.
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

/// For how long the monitor need not tell again that a function blocks: who was told hands its calls over, or is not to.
const TOLD: Duration = Duration::from_millis(50);
/// Of how many functions that is remembered.
const TOLD_OF: usize = 8;

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
    /// The functions of which it was told last that they block, and when.
    told: [Option<(usize, Instant)>; TOLD_OF],
}

/// What calls a look has met whose workers it has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    None,
    /// Some that are awake: each is met by chance, and so mostly over soon, or was seen for long.
    Met,
    /// One of which another look soon would tell more.
    Undecided,
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
        Calls { seen: vec![None; workers], first: 0, candidates: Vec::new(), told: [None; TOLD_OF] }
    }

    /// No work waits: what is seen now is no first sight of a call that stands in the way.
    pub(super) fn forget(&mut self) {
        self.seen.fill(None);
    }

    /// Looks at the calls of all workers' carriers, and takes workers. `by_chance`: nobody has asked for this look, so a call
    /// that it meets has begun at any time. If it was told of its function not long ago that it blocks, and the thread stands
    /// still, nothing is left to be seen.
    pub(super) fn look(
        &mut self,
        shared: &Shared,
        now: Instant,
        by_chance: bool,
    ) -> (Found, Vec<Taken>) {
        let mut found = Found::None;
        self.candidates.clear();
        for (shown, seen) in shared.shown.iter().zip(&mut self.seen) {
            let Some((carrier, word)) = call_of(shown) else {
                *seen = None;
                continue;
            };
            let is_new = !matches!(seen, Some(sight) if sight.is_of(carrier, word));
            if is_new {
                *seen = None;
            }
            let sight = seen.get_or_insert_with(|| Sight::new(carrier, word, now));
            let age = sight.age(now);
            let is_old_enough = if is_new { by_chance } else { age >= AGE };
            let is_known = is_new && is_told(&self.told, target_of(carrier), now);
            if is_old_enough {
                let waits = is_known && sight.stands_still();
                sight.spent = if waits { Use::Waited } else { sight.use_of_time(now) };
            }
            if is_old_enough && (is_known || !is_new) && may_take(shared, sight, now) {
                self.candidates.push((carrier, word));
                continue;
            }
            found = found.max(match sight.spent {
                Use::Waited => Found::Undecided,
                Use::Computed | Use::Unclear if !is_old_enough => Found::Undecided,
                Use::Computed | Use::Unclear if is_new || age >= AGE_AWAKE => Found::Met,
                Use::Computed | Use::Unclear => Found::Undecided,
            });
        }
        (found, self.take(shared, now))
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
        self.take(shared, now).pop()
    }

    /// Takes the workers of the candidates, as far as they have not come back.
    fn take(&mut self, shared: &Shared, now: Instant) -> Vec<Taken> {
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
                Some(at) => {
                    if sight.has_blocked(now) {
                        note(&mut self.told, target, now);
                    }
                    taken.push(Taken { worker: workers.swap_remove(at).1, sight, target });
                }
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
            Use::Waited if self.sight.has_blocked(now) => {
                shared.observed(self.target, Observed::Blocked(age));
            }
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

/// Was it told not long ago that this function blocks?
fn is_told(told: &[Option<(usize, Instant)>], target: usize, now: Instant) -> bool {
    let mut told = told.iter().flatten();
    told.any(|(its, at)| *its == target && now.saturating_duration_since(*at) < TOLD)
}

/// It is told now: in place of what was told of it before, or else of what was told first.
fn note(told: &mut [Option<(usize, Instant)>], target: usize, now: Instant) {
    let place = told.iter_mut().min_by_key(|told| match told {
        Some((its, _)) if *its == target => (0, None),
        None => (1, None),
        Some((_, at)) => (2, Some(*at)),
    });
    if let Some(place) = place {
        *place = Some((target, now));
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
