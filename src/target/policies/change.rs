//! What the user says of functions, ranges and all others, and what targets were declared with.

use super::entry::{Entry, Exact, Origin};
use super::{CancelHook, Key, POLICIES};
use crate::target::policy::Policy;
use crate::target::profile;
use std::ops::Range;

/// What a target was declared with. The last one counts.
pub(in crate::target) fn declare(key: Key, policy: Policy) {
    change_exact(key, |exact| Entry::put(&mut exact.declared, policy));
}

/// What the user asks for; what was asked for before.
pub(crate) fn set_exact(key: Key, policy: Option<Policy>) -> Option<Policy> {
    let entry = policy.map(Entry::new);
    change_exact(key, |exact| exact.ask(entry)).map(|it| it.in_force())
}

/// What the user asked for.
pub(crate) fn exact(key: Key) -> Option<Policy> {
    POLICIES.read().exact.get(&key)?.set.map(|entry| entry.in_force())
}

fn change_exact<R>(key: Key, change: impl FnOnce(&mut Exact) -> R) -> R {
    let mut policies = POLICIES.write();
    let before = policies.exact.get(&key).copied().unwrap_or_default();
    let mut exact = before;
    let answer = change(&mut exact);
    if exact == Exact::default() {
        policies.exact.remove(&key);
    } else {
        policies.exact.insert(key, exact);
    }
    if exact != before {
        policies.note_unhooked();
        profile::make_stale(key);
        drop(policies);
        profile::follow_limits(&Origin::Set(key));
    }
    answer
}

/// What the user asks for at these addresses; what was asked for at exactly these before.
pub(crate) fn set_range(range: &Range<usize>, policy: Option<Policy>) -> Option<Policy> {
    let mut policies = POLICIES.write();
    let place = policies.ranges.iter().position(|(its, _)| its == range);
    let before = place.map(|place| policies.ranges.remove(place).1);
    if let Some(policy) = policy {
        policies.ranges.push((range.clone(), Entry::new(policy)));
    }
    if policy.is_some() || before.is_some() {
        policies.note_unhooked();
        profile::make_stale_in(range);
        drop(policies);
        profile::follow_limits(&Origin::Range(range.clone()));
    }
    before.map(|entry| entry.in_force())
}

/// What was asked for at exactly these addresses.
pub(crate) fn range(range: &Range<usize>) -> Option<Policy> {
    let policies = POLICIES.read();
    policies.ranges.iter().find(|(its, _)| its == range).map(|(_, entry)| entry.in_force())
}

/// What the user asks for where nothing else is said; what was asked for before.
pub(crate) fn set_default(policy: Option<Policy>) -> Option<Policy> {
    let mut policies = POLICIES.write();
    let entry = policy.map(Entry::new);
    let before = std::mem::replace(&mut policies.default, entry);
    if before != entry {
        policies.note_unhooked();
        profile::make_all_stale();
        drop(policies);
        profile::follow_limits(&Origin::Default);
    }
    before.map(|entry| entry.in_force())
}

/// What was asked for where nothing else is said.
pub(crate) fn default() -> Option<Policy> {
    POLICIES.read().default.map(|entry| entry.in_force())
}

/// Sets the cancel hook of one function; the one before.
pub(crate) fn set_cancel_hook(key: Key, hook: Option<CancelHook>) -> Option<CancelHook> {
    let mut policies = POLICIES.write();
    let changes = hook.is_some() != policies.cancel.contains_key(&key);
    let before = match hook {
        Some(hook) => policies.cancel.insert(key, hook),
        None => policies.cancel.remove(&key),
    };
    if changes {
        profile::make_stale(key);
    }
    before
}
