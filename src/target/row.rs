//! What one carrier knows of the calls of one native function.
//!
//! Calls are counted, every one. How long they take is known of some: each call of a target that is
//! timed, else one in 64 on average, of targets that are called very often one in 256 or 1024, at
//! random, so that no rhythm of the program's hides from it.
//! A timed call stands for those since the one before (its *weight*); one that lost its worker was
//! seen by the monitor, and stands for itself.
//!
//! `page.rs`: where a call finds the row; `timing.rs`: how a call is timed, and what is learned of it.
//!
//! INVARIANT(ledger.writer): a row is written by the thread of its carrier only, but for [`Row::clear`], while nobody
//! can call the function. A carrier's structure may serve one thread after another; the arena orders them.

use super::Profile;
use super::class::Kind;
use super::histogram::Histogram;
use super::page::Page;
use sortie_scheduler::crossing::{Back, Seen, Use};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Row {
    pub(super) profile: &'static Profile,
    pub(super) calls: AtomicU64,
    /// The call by this number is timed.
    due: AtomicU64,
    /// Calls that times were written down for, their own or another's.
    accounted: AtomicU64,
    pub(super) times: Histogram,
    pub(super) timed: AtomicU64,
    pub(super) total_ns: AtomicU64,
    pub(super) longest_ns: AtomicU64,
    pub(super) blocked: AtomicU64,
    pub(super) burned: AtomicU64,
    pub(super) retakes: AtomicU64,
    pub(super) hand_offs: AtomicU64,
    pub(super) offloads: AtomicU64,
    pub(super) callbacks: AtomicU64,
    pub(super) misclassified: AtomicU64,
}

impl Row {
    pub(super) fn new(profile: &'static Profile) -> Row {
        let zero = || AtomicU64::new(0);
        Row {
            profile,
            calls: zero(),
            due: AtomicU64::new(1),
            accounted: zero(),
            times: Histogram::default(),
            timed: zero(),
            total_ns: zero(),
            longest_ns: zero(),
            blocked: zero(),
            burned: zero(),
            retakes: zero(),
            hand_offs: zero(),
            offloads: zero(),
            callbacks: zero(),
            misclassified: zero(),
        }
    }

    /// Begins anew, for another function of the same profile, whose first call is timed. Nobody calls the one that was;
    /// who calls the next has learned of it from somebody who knows that this is done.
    pub(super) fn clear(&self) {
        let words = [&self.calls, &self.accounted, &self.timed, &self.total_ns, &self.longest_ns];
        let more = [&self.blocked, &self.burned, &self.retakes, &self.hand_offs, &self.offloads];
        let rest = [&self.callbacks, &self.misclassified];
        // ORDERING: Relaxed, as in `add`.
        let clear = |word: &AtomicU64| word.store(0, Ordering::Relaxed);
        words.into_iter().chain(more).chain(rest).for_each(clear);
        self.times.clear();
        // ORDERING: Relaxed, as in `add`.
        self.due.store(1, Ordering::Relaxed);
    }

    /// Counts a call that is not to be timed, or by a policy that wants samples not to be announced; false, and nothing
    /// was done, if it is.
    #[inline(always)]
    pub(crate) fn count_untimed(&self) -> bool {
        let next = get(&self.calls) + 1;
        if next >= get(&self.due) {
            return false;
        }
        // ORDERING: Relaxed, as in `add`.
        self.calls.store(next, Ordering::Relaxed);
        true
    }

    #[inline(always)]
    pub(crate) fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Counts a call. True: it is due to be timed.
    pub(super) fn count(&self) -> bool {
        let next = get(&self.calls) + 1;
        // ORDERING: Relaxed, as in `add`.
        self.calls.store(next, Ordering::Relaxed);
        next >= get(&self.due)
    }

    /// Writes down how long a call took that was timed.
    pub(super) fn record(&self, took: Duration, back: Back, page: &Page) {
        let calls = get(&self.calls);
        // ORDERING: Relaxed, as in `add`.
        self.due.store(calls + page.interval(calls, self.profile.sampled()), Ordering::Relaxed);
        let since = calls.saturating_sub(get(&self.accounted)).max(1);
        let weight = match back {
            Back::Kept => u32::try_from(since).unwrap_or(u32::MAX),
            // It is no example for the others.
            _ => 1,
        };
        self.write(took, weight, back);
    }

    pub(super) fn write(&self, took: Duration, weight: u32, back: Back) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.accounted, u64::from(weight));
        add(&self.timed, 1);
        self.times.add(ns, weight);
        add(&self.total_ns, ns.saturating_mul(u64::from(weight)));
        if get(&self.longest_ns) < ns {
            // ORDERING: Relaxed, as in `add`.
            self.longest_ns.store(ns, Ordering::Relaxed);
        }
        self.count_back(back);
    }

    /// Writes a callback down, and what became of the worker on the way to it.
    pub(crate) fn record_callback(&self, back: Back) {
        self.count_callback();
        self.count_back(back);
    }

    /// Writes a callback down that found its worker.
    #[inline(always)]
    pub(crate) fn count_callback(&self) {
        // ORDERING: Relaxed, as in `add`.
        self.callbacks.store(get(&self.callbacks).wrapping_add(1), Ordering::Relaxed);
    }

    /// The function was seen to break what its policy promises.
    pub(super) fn count_misclassified(&self) {
        add(&self.misclassified, 1);
    }

    /// So many long calls spent their time so.
    pub(super) fn count_kind(&self, kind: Kind, calls: u64) {
        match kind {
            Kind::Timed => {}
            Kind::Blocked => add(&self.blocked, calls),
            Kind::Burned => add(&self.burned, calls),
        }
    }

    pub(crate) fn count_back(&self, back: Back) {
        match back {
            // An offloaded call is counted when it has ended.
            Back::Kept | Back::Offloaded => {}
            Back::HandedOver => add(&self.hand_offs, 1),
            Back::Retaken(seen) => {
                add(&self.retakes, 1);
                self.count_kind(kind_of(seen), 1);
            }
        }
    }
}

/// What whoever took a call's worker saw of the call.
pub(super) fn kind_of(seen: Seen) -> Kind {
    match seen.spent() {
        Use::Unclear => Kind::Timed,
        Use::Computed => Kind::Burned,
        Use::Waited => Kind::Blocked,
    }
}

/// By the one writer, or as a look.
#[inline(always)]
pub(super) fn get(word: &AtomicU64) -> u64 {
    // ORDERING: Relaxed, as in `add`.
    word.load(Ordering::Relaxed)
}

/// By the one writer.
#[inline]
pub(super) fn add(word: &AtomicU64, more: u64) {
    // ORDERING: Relaxed, a count stands for itself, and has one writer (ledger.writer).
    word.store(word.load(Ordering::Relaxed).saturating_add(more), Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
