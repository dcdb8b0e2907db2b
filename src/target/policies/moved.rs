//! Functions that get an address, and those that are gone with their code: what was said of them goes along.

use super::entry::{Entry, Exact, Origin};
use super::{CancelHook, Key, POLICIES, Policies};
use crate::target::gone;
use crate::target::profile::{self, Profile};
use std::ops::Range;

impl Policies {
    /// What cancels a function's calls goes with it, too. Gives what there is no use for: it is foreign code.
    fn carry_hook_over(&mut self, from: Key, to: Key) -> Option<CancelHook> {
        let hook = self.cancel.remove(&from)?;
        profile::make_stale(from);
        if self.cancel.contains_key(&to) {
            return Some(hook);
        }
        profile::make_stale(to);
        self.cancel.insert(to, hook)
    }
}

/// A function that had no address has one now: what the user asked for goes with it, unless something was asked for the
/// address. In one step: no call finds it in neither place; and a call that began before and looks only now still finds
/// it in the old one.
pub(in crate::target) fn carry_over(from: Key, to: Key) {
    let mut policies = POLICIES.write();
    let hook = policies.carry_hook_over(from, to);
    let Some(before) = policies.exact.get_mut(&from) else {
        drop(policies);
        return drop(hook);
    };
    let (set, declared) = (before.carry_away(), before.declared);
    if set.is_some() || declared.is_some_and(|entry| entry.is_broken()) {
        let exact = policies.exact.entry(to).or_default();
        exact.set = exact.set.or(set);
        Entry::carry_over(&mut exact.declared, declared);
        if *exact == Exact::default() {
            policies.exact.remove(&to);
        }
        policies.note_unhooked();
        profile::make_stale(from);
        profile::make_stale(to);
    }
    drop(policies);
    drop(hook);
    if set.is_some() {
        profile::follow_limits(&Origin::Set(to));
    }
}

/// Forgets all about one function.
pub(in crate::target) fn remove_all(profile: &Profile) {
    let mut policies = POLICIES.write();
    policies.exact.remove(&profile.key());
    let hook = policies.cancel.remove(&profile.key());
    policies.note_unhooked();
    profile.reset();
    drop(policies);
    drop(hook);
}

/// What was forgotten with some code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// Policies for functions and ranges.
    pub(crate) policies: usize,
    /// Functions of which something may have been learned.
    pub(crate) functions: usize,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, more: Forgotten) {
        self.policies += more.policies;
        self.functions += more.functions;
    }
}

/// The code at these addresses goes, or is gone: what comes there next inherits nothing. A policy for a range
/// that reaches beyond them stays.
pub(crate) fn unload(range: &Range<usize>) -> Forgotten {
    gone::close(&profile::in_range(range));
    let mut policies = POLICIES.write();
    let all = (policies.exact.len(), policies.ranges.len());
    let inside = |key: &Key| matches!(key, Key::Address(address) if range.contains(address));
    policies.exact.retain(|key, _| !inside(key));
    policies.ranges.retain(|(its, _)| its.start < range.start || its.end > range.end);
    let removed = all.0 - policies.exact.len() + all.1 - policies.ranges.len();
    let hooks: Vec<_> = policies.cancel.extract_if(.., |key, _| inside(key)).collect();
    // What is forgotten is stale by that.
    let functions = if range.is_empty() { 0 } else { profile::forget(range) };
    policies.note_unhooked();
    drop(policies);
    drop(hooks);
    Forgotten { policies: removed, functions }
}
