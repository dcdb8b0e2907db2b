//! A policy as somebody has set it, and whether what it promises was seen broken.

use super::super::policy::Policy;
use super::Key;
use std::ops::Range;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    policy: Policy,
    /// What the policy promises was seen broken, which was told of.
    is_broken: bool,
}

/// What is said of exactly one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exact {
    /// By the user, at run time.
    pub(super) set: Option<Entry>,
    /// By its target's declaration.
    pub(super) declared: Option<Entry>,
    /// As `set`, until the function had an address: for calls that began before. Ends when something is set.
    carried_away: Option<Entry>,
}

impl Exact {
    /// What the user asks for.
    pub(super) fn asked(&self) -> Option<&Entry> {
        self.set.as_ref().or(self.carried_away.as_ref())
    }

    pub(super) fn asked_mut(&mut self) -> Option<&mut Entry> {
        self.set.as_mut().or(self.carried_away.as_mut())
    }

    /// What the user asks for, and what was there before.
    pub(super) fn ask(&mut self, entry: Option<Entry>) -> Option<Entry> {
        self.carried_away = None;
        std::mem::replace(&mut self.set, entry)
    }

    /// The function has an address, to which what is set goes.
    pub(super) fn carry_away(&mut self) -> Option<Entry> {
        let set = self.set.take();
        self.carried_away = set.or(self.carried_away);
        set
    }
}

/// Whose policy it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// Set for exactly this function.
    Set(Key),
    /// Of the function's target, by declaration.
    Declared(Key),
    /// Set for the functions at these addresses.
    Range(Range<usize>),
    /// Set for all of which nothing else is said.
    Default,
}

impl Entry {
    pub(super) fn new(policy: Policy) -> Entry {
        Entry { policy, is_broken: false }
    }

    /// Declared once more: by the same policy that is no other promise, and what was seen of it is still known.
    pub(super) fn put(place: &mut Option<Entry>, policy: Policy) {
        if place.is_none_or(|entry| entry.policy != policy) {
            *place = Some(Entry::new(policy));
        }
    }

    /// The function is known by another key now: what was seen of a declaration holds for the same there.
    pub(super) fn carry_over(place: &mut Option<Entry>, before: Option<Entry>) {
        if let (Some(entry), Some(before)) = (place, before)
            && entry.policy == before.policy
        {
            entry.is_broken |= before.is_broken;
        }
    }

    /// What holds for calls.
    pub(super) fn in_force(&self) -> Policy {
        if self.is_broken { self.policy.mended() } else { self.policy }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// What the policy promises is seen broken. `None`: it promises nothing, or that is known. Else the policy.
    pub(super) fn break_promise(&mut self) -> Option<Policy> {
        let is_news = !self.policy.hook().is_always() && !self.is_broken;
        self.is_broken |= is_news;
        is_news.then_some(self.policy)
    }
}
