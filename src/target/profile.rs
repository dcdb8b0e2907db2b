//! Profiles: what the process knows of each native function.
//!
//! One for each address, whoever calls there, in whatever runtime; and one for each [`Target`](super::Target)
//! that has no address. `profile/table.rs` finds them; what they are called is in `profile/names.rs`.
//!
//! INVARIANT(profile.memory): a profile is never freed, so that its address may travel as a word through the
//! scheduler, and be looked at late: then it may serve another target, and an observation may be counted for
//! the wrong one. One for an address serves that address for ever; one without is used again after
//! [`Profile::give_back`].
//!
//! INVARIANT(profile.decision): `decision` and the settings are written under the lock of the policies only
//! (`policies.rs`), from the class that was learned when the lock was held. Who changes the class writes them
//! again, so the last writer has seen the last class.
//!
//! Lock order: policies, then the table, then a profile's names. No foreign code runs under them.

mod names;
mod table;

use names::Names;
pub(super) use table::{
    follow_limits, forget, in_range, make_all_stale, make_stale, make_stale_in,
};

use super::bulkhead::{Bulkhead, Place};
use super::class::{Change, Class, Kind, Learned, Verdict};
use super::decision::{Action, Decision, SPECIAL};
use super::policies::{self, Key};
use super::policy::{Callbacks, FpEnv, Hook, Policy};
use crate::transition::trace;
use parking_lot::Mutex;
use sortie_scheduler::Observed;
use sortie_scheduler::crossing::MORE_THAN_A_STACK;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// What the process knows of one native function.
#[repr(C, align(64))]
pub(crate) struct Profile {
    /// A [`Decision`], or 0: what was decided is stale.
    decision: AtomicU32,
    /// How many bytes of the task's own stack must be left for a call to run there; more than there can be
    /// if it is to run on the carrier's.
    stack_wanted: AtomicUsize,
    /// 0: no limit.
    max_concurrent: AtomicU32,
    /// One call in so many is announced; 0: all, or none.
    sampled: AtomicU32,
    restores_fp: AtomicBool,
    /// Callbacks may suspend the task, and the policy asks for nothing else.
    suspends_only: AtomicBool,
    /// [`Callbacks`].
    callbacks: AtomicU8,
    learned: Learned,
    bulkhead: Bulkhead,
    /// 0: it has none, or is shared.
    address: usize,
    names: Mutex<Names>,
}

/// Has the process a working barrier for the asymmetric protocol? If the answer changes, the scheduler
/// calls [`policies::invalidate`].
fn is_asymmetric() -> bool {
    // Also before the first runtime is built.
    sortie_scheduler::crossing::fence::register()
}

impl Profile {
    const fn new(address: usize, names: Names) -> Profile {
        Profile {
            decision: AtomicU32::new(0),
            stack_wanted: AtomicUsize::new(MORE_THAN_A_STACK),
            max_concurrent: AtomicU32::new(0),
            sampled: AtomicU32::new(0),
            restores_fp: AtomicBool::new(false),
            suspends_only: AtomicBool::new(false),
            callbacks: AtomicU8::new(Callbacks::Block as u8),
            learned: Learned::new(),
            bulkhead: Bulkhead::new(),
            address,
            names: Mutex::new(names),
        }
    }

    /// The function's address; 0 if it has none, and for the shared profile.
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// What policies know it by.
    pub(super) fn key(&self) -> Key {
        match self.address {
            0 => Key::Unaddressed(std::ptr::from_ref(self).addr()),
            address => Key::Address(address),
        }
    }

    /// Is a call asymmetric (comparing, if `COMPARE`), and nothing else to look at? Then how much of the
    /// task's own stack must be left for it to run there; more than there can be if it is to run on the
    /// carrier's.
    #[inline(always)]
    pub(crate) fn fast<const COMPARE: bool>(&self) -> Option<usize> {
        let wanted = if COMPARE { Action::Compare } else { Action::Asymmetric } as u32;
        // ORDERING(profile.decision): Acquire, as in `decide`.
        let word = self.decision.load(Ordering::Acquire);
        // ORDERING: Relaxed, after the Acquire; each value is some policy's.
        (word == wanted).then(|| self.stack_wanted.load(Ordering::Relaxed))
    }

    /// Is a call asymmetric, and nothing to look at but that its callbacks, which may suspend the task, are of this kind?
    #[inline]
    pub(crate) fn is_fast_but_for(&self, callbacks: Callbacks) -> bool {
        const WANTED: u32 = Action::Asymmetric as u32 | SPECIAL;
        // ORDERING(profile.decision): Acquire, as in `decide`.
        let word = self.decision.load(Ordering::Acquire);
        // ORDERING: Relaxed, as in `task_stack`.
        word == WANTED
            && self.suspends_only.load(Ordering::Relaxed)
            && self.callbacks() == callbacks
    }

    /// What a task leaves with: this profile, as a word that travels through the scheduler.
    #[inline(always)]
    pub(crate) fn word(&'static self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// The profile of a word; `None` of 0.
    ///
    /// # Safety
    /// The word is 0, or one of [`Profile::word`].
    pub(crate) unsafe fn of_word(word: usize) -> Option<&'static Profile> {
        // SAFETY: by contract; a profile is never freed (profile.memory).
        unsafe { std::ptr::with_exposed_provenance::<Profile>(word).as_ref() }
    }

    /// Learns from what the monitor saw of a call.
    pub(crate) fn observed(&self, how: Observed) {
        let (age, kind) = match how {
            Observed::Blocked(age) => (age, Kind::Blocked),
            Observed::Burned(age) => (age, Kind::Burned),
        };
        self.observe(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX), kind, 1);
    }

    /// Waits for a place among those who may call at once, if there is a limit.
    pub(crate) fn enter(&'static self) -> Option<Place> {
        self.max_concurrent().map(|limit| Place::take(&self.bulkhead, limit, || self.limit_now()))
    }

    /// Is this one of the places that [`Profile::enter`] gives?
    pub(crate) fn is_place(&self, place: &Place) -> bool {
        place.is_of(&self.bulkhead)
    }

    /// The policies have changed: who waits for a place by a limit that was goes by the one that is. Keeps `errno`.
    fn follow_limit(&self) {
        if self.bulkhead.is_used() {
            let errno = sortie_scheduler::crossing::Errno::save();
            self.bulkhead.follow(|| self.limit_now());
            errno.restore();
        }
    }

    /// As [`Profile::max_concurrent`], asked of the policies.
    fn limit_now(&self) -> Option<NonZeroU32> {
        self.policy().max_concurrent.and_then(NonZeroU32::new)
    }

    /// Is a call asymmetric, and nothing else to look at but traces?
    #[cfg(test)]
    pub(crate) fn is_fast(&self) -> bool {
        // ORDERING: Relaxed, a fast word stands for itself.
        Decision::current(self.decision.load(Ordering::Relaxed)).is_some_and(Decision::is_fast)
    }

    /// What is decided for a call. May lock if it has to be decided anew; keeps `errno`.
    #[inline]
    pub(crate) fn decide(&self) -> Decision {
        // ORDERING(profile.decision): Acquire, pairs with the Release in `put`: the settings are there.
        let word = self.decision.load(Ordering::Acquire);
        match Decision::current(word) {
            Some(decision) => decision,
            None => self.settle(),
        }
    }

    /// Are calls refused? For who makes no transition, and may be in a child of `fork`, whose locks may be held for
    /// good: what was not decided before is not asked there.
    pub(crate) fn is_denied(&self) -> bool {
        // ORDERING(profile.decision): Acquire, as in `decide`.
        let word = self.decision.load(Ordering::Acquire);
        let decision = Decision::current(word)
            .or_else(|| (!sortie_scheduler::is_forked_child()).then(|| self.settle()));
        decision.is_some_and(Decision::is_denied)
    }

    #[cold]
    #[inline(never)]
    fn settle(&self) -> Decision {
        let errno = sortie_scheduler::crossing::Errno::save();
        let decision = policies::settle(self, is_asymmetric());
        errno.restore();
        decision
    }

    /// How much stack a call needs that runs on the task's own; `None`: it runs on the carrier's.
    #[inline]
    pub(crate) fn task_stack(&self) -> Option<NonZeroU32> {
        // ORDERING: Relaxed, each value is some policy's; see `decide`.
        u32::try_from(self.stack_wanted.load(Ordering::Relaxed)).ok().and_then(NonZeroU32::new)
    }

    /// How many calls may be out at once; `None`: any number.
    #[inline]
    pub(crate) fn max_concurrent(&self) -> Option<NonZeroU32> {
        // ORDERING: Relaxed, as in `task_stack`.
        NonZeroU32::new(self.max_concurrent.load(Ordering::Relaxed))
    }

    /// One call in so many is announced, as a sample; `None`: all are, or none.
    pub(crate) fn sampled(&self) -> Option<NonZeroU32> {
        // ORDERING: Relaxed, as in `task_stack`.
        NonZeroU32::new(self.sampled.load(Ordering::Relaxed))
    }

    /// What happens to the floating-point environment.
    #[inline]
    pub(crate) fn fp_env(&self) -> FpEnv {
        // ORDERING: Relaxed, as in `task_stack`.
        if self.restores_fp.load(Ordering::Relaxed) { FpEnv::Restore } else { FpEnv::Inherit }
    }

    /// What a wait means in a callback.
    #[inline]
    pub(crate) fn callbacks(&self) -> Callbacks {
        // ORDERING: Relaxed, as in `task_stack`.
        match self.callbacks.load(Ordering::Relaxed) {
            0 => Callbacks::Block,
            1 => Callbacks::Suspend,
            _ => Callbacks::Migrate,
        }
    }

    /// Learns from one call, or from what was seen of one that still runs. May emit an event; keeps `errno`.
    #[inline]
    pub(crate) fn observe(&self, ns: u64, kind: Kind, stands_for: u8) {
        if let Some(change) = self.learned.observe(ns, kind, stands_for) {
            self.changed(change);
        }
    }

    #[cold]
    #[inline(never)]
    fn changed(&self, change: Change) {
        let decision = self.settle();
        let Change { from, to, why } = change;
        if to.class == from.class && from.untried {
            // No other class, only no wager on it any more.
            return;
        }
        trace::tell(|| {
            tracing::debug!(
                target: "sortie::target",
                function = %self,
                from = %from.class,
                to = %to.class,
                burning = to.burning,
                ?decision,
                why,
                "learned class changed"
            );
        });
    }

    /// The class that is learned, whatever is pinned.
    pub(crate) fn learned_class(&self) -> Class {
        self.learned.class()
    }

    /// The class that decides: the pinned one, or what is learned.
    pub(crate) fn class(&self) -> Class {
        self.policy().pinned_class().unwrap_or_else(|| self.learned_class())
    }

    /// Long by using the processor rather than by blocking.
    #[cfg(test)]
    pub(crate) fn is_burning(&self) -> bool {
        self.learned.verdict().burning
    }

    /// The policy that is in force.
    pub(crate) fn policy(&self) -> Policy {
        policies::policy_of(self.key())
    }

    /// What cancels its calls.
    pub(crate) fn cancel_hook(&self) -> Option<policies::CancelHook> {
        policies::cancel_hook(self.key())
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.learned.verdict()
    }

    /// Writes what was decided. Under the lock of the policies (profile.decision).
    pub(super) fn put(&self, policy: &Policy, decision: Decision) {
        // ORDERING: Relaxed, the Release below publishes them.
        let wanted = policy.task_stack.map_or(MORE_THAN_A_STACK, |bytes| bytes as usize);
        // ORDERING: Relaxed, as above.
        self.stack_wanted.store(wanted, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.max_concurrent.store(policy.max_concurrent.unwrap_or(0), Ordering::Relaxed);
        let sampled = if let Hook::Sampled(n) = policy.hook() { n } else { 0 };
        // ORDERING: Relaxed, as above.
        self.sampled.store(sampled, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.restores_fp.store(policy.fp_env == FpEnv::Restore, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.callbacks.store(policy.callbacks as u8, Ordering::Relaxed);
        let suspends_only = policy.callbacks != Callbacks::Block
            && policy.max_concurrent.is_none()
            && policy.fp_env != FpEnv::Restore;
        // ORDERING: Relaxed, as above.
        self.suspends_only.store(suspends_only, Ordering::Relaxed);
        // ORDERING(profile.decision): Release, pairs with the Acquire in `decide`.
        self.decision.store(decision.word(), Ordering::Release);
    }

    /// Makes the decision stale. Under the lock of the policies.
    fn make_stale(&self) {
        // ORDERING(profile.decision): Release, as in `put`.
        self.decision.store(0, Ordering::Release);
    }

    /// Forgets what was learned. Under the lock of the policies.
    pub(super) fn reset(&self) {
        self.learned.reset();
        self.make_stale();
    }
}

#[cfg(test)]
mod tests;
