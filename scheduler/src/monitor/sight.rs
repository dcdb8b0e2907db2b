//! What is seen of a native call from one look to the next, and how its thread has spent the time between.
//!
//! A carrier's word has a number for each call, so that two looks know whether they see the same one.
//!
//! Must not: take anything.

use crate::carrier::CarrierRef;
use crate::crossing::Use;
use crate::crossing::word::Snapshot;
use crate::sync::atomic::{Ordering, fence};
use crate::worker::Shown;
use std::time::{Duration, Instant};

/// How long a call is seen before anything is concluded from it.
pub(super) const AGE: Duration = Duration::from_micros(20);

/// What was seen of the call of one carrier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) carrier: CarrierRef,
    pub(super) word: Snapshot,
    pub(super) since: Instant,
    /// The thread's processor time then.
    clock: Option<u64>,
    /// How the thread was seen to spend its time when the worker was to be taken.
    pub(super) spent: Use,
}

impl Sight {
    pub(super) fn new(carrier: CarrierRef, word: Snapshot, now: Instant) -> Sight {
        let clock = carrier.vitals.processor_time();
        Sight { carrier, word, since: now, clock, spent: Use::Unclear }
    }

    pub(super) fn is_of(&self, carrier: CarrierRef, word: Snapshot) -> bool {
        self.carrier == carrier && self.word == word
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Was it seen to wait for so long that this says something of its function?
    pub(super) fn has_blocked(&self, now: Instant) -> bool {
        self.spent == Use::Waited && self.age(now) >= AGE
    }

    /// Does the thread not compute just now? It may sleep, or be kept from a processor.
    pub(super) fn stands_still(&self) -> bool {
        self.clock.is_some() && self.carrier.vitals.processor_time() == self.clock
    }

    /// How the thread has spent its time since.
    pub(super) fn use_of_time(&self, now: Instant) -> Use {
        if let (Some(before), Some(after)) = (self.clock, self.carrier.vitals.processor_time()) {
            let used = Duration::from_nanos(after.saturating_sub(before));
            if 2 * used > self.age(now) {
                return Use::Computed;
            }
        }
        if self.carrier.vitals.is_asleep() { Use::Waited } else { Use::Unclear }
    }
}

/// The call that the worker's carrier is in, if the worker may be taken.
pub(super) fn call_of(shown: &Shown) -> Option<(CarrierRef, Snapshot)> {
    let carrier = shown.holder()?;
    let word = carrier.word.load();
    carrier.takeable(word).map(|_| (carrier, word))
}

/// What the carrier's call is a call of, if its word is the same afterwards.
pub(super) fn target_of(carrier: CarrierRef) -> usize {
    // ORDERING: Relaxed, the call may be over by now: the word tells.
    let target = carrier.target.load(Ordering::Relaxed);
    // ORDERING(crossing.word): Acquire, the target is read before the word; pairs with the store of the target before
    // the Release store of the next call's word.
    fence(Ordering::Acquire);
    target
}
