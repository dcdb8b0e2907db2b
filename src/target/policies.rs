//! The registry of policies: which one is in force for which native function; and of cancel hooks.
//!
//! The first match counts: what the user set for exactly this function; what its [`Target`](super::Target)
//! was declared with; a range of addresses, the one that was set last; the default. Policies are not merged.
//! `policies/entry.rs` has one such word of the user's, and what has become of it; `policies/list.rs` all of them, for
//! reports.
//!
//! Every change makes the decisions that rested on it stale, under the one lock here (`decision.rs`); then those who wait
//! by a limit that it has changed are let in, without the lock (`bulkhead.rs`).
//! The user's side is `native/policy.rs`. No tracing event and no foreign code under the lock.

mod entry;
mod list;

pub(crate) use entry::Origin;
pub(crate) use list::{Listed, list};

use self::entry::{Entry, Exact};
use super::decision::Decision;
use super::gone;
use super::policy::{Hook, Policy};
use super::profile::{self, Profile};
use parking_lot::RwLock;
use sortie_scheduler::Cancelled;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What one function is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// Its address.
    Address(usize),
    /// The address of its profile: it has no other.
    Unaddressed(usize),
}

/// What cancels calls of a function.
pub(crate) type CancelHook = Arc<dyn Fn(&Cancelled) + Send + Sync>;

struct Policies {
    exact: BTreeMap<Key, Exact>,
    /// What is taken out is dropped without the lock: it is foreign code.
    cancel: BTreeMap<Key, CancelHook>,
    /// The last one that matches counts.
    ranges: Vec<(Range<usize>, Entry)>,
    default: Option<Entry>,
}

static POLICIES: RwLock<Policies> = RwLock::new(Policies {
    exact: BTreeMap::new(),
    cancel: BTreeMap::new(),
    ranges: Vec::new(),
    default: None,
});

/// Is there any policy by which not all calls are announced? Written under the lock.
static ANY_UNHOOKED: AtomicBool = AtomicBool::new(false);

/// Does anybody want to see each transition? Written under the lock. It may be so until it is known.
static TRACED: AtomicBool = AtomicBool::new(true);

impl Policies {
    fn find(&self, key: Key) -> Policy {
        self.entry(key).map_or(Policy::new(), |(_, entry)| entry.in_force())
    }

    /// Whose word counts for a function; `None`: nobody has said anything.
    fn entry(&self, key: Key) -> Option<(Origin, &Entry)> {
        let exact = self.exact.get(&key);
        let set = exact.and_then(Exact::asked);
        let declared = exact.and_then(|exact| exact.declared.as_ref());
        set.map(|entry| (Origin::Set(key), entry))
            .or_else(|| declared.map(|entry| (Origin::Declared(key), entry)))
            .or_else(|| self.in_ranges(key))
            .or_else(|| self.default.as_ref().map(|entry| (Origin::Default, entry)))
    }

    fn in_ranges(&self, key: Key) -> Option<(Origin, &Entry)> {
        let Key::Address(address) = key else { return None };
        let (range, entry) = self.ranges.iter().rev().find(|(its, _)| its.contains(&address))?;
        Some((Origin::Range(range.clone()), entry))
    }

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

    fn entry_mut(&mut self, origin: &Origin) -> Option<&mut Entry> {
        match origin {
            Origin::Set(key) => self.exact.get_mut(key)?.asked_mut(),
            Origin::Declared(key) => self.exact.get_mut(key)?.declared.as_mut(),
            Origin::Range(range) => {
                self.ranges.iter_mut().find(|(its, _)| its == range).map(|(_, entry)| entry)
            }
            Origin::Default => self.default.as_mut(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (Origin, &Entry)> {
        let exact = self.exact.iter().flat_map(|(key, exact)| {
            let set = exact.set.iter().map(|entry| (Origin::Set(*key), entry));
            set.chain(exact.declared.iter().map(|entry| (Origin::Declared(*key), entry)))
        });
        let ranges = self.ranges.iter().rev();
        let ranges = ranges.map(|(range, entry)| (Origin::Range(range.clone()), entry));
        exact.chain(ranges).chain(self.default.iter().map(|entry| (Origin::Default, entry)))
    }

    /// After every change of a policy.
    fn note_unhooked(&self) {
        let any = self.entries().any(|(_, entry)| !entry.in_force().hook().is_always());
        // ORDERING: Relaxed, who learned of the change from its maker sees this; for others there is no
        // order.
        ANY_UNHOOKED.store(any, Ordering::Relaxed);
    }
}

/// Decides for one function, and writes the decision down.
pub(super) fn settle(profile: &Profile, asymmetric: bool) -> Decision {
    // Exclusive: decisions are written in the order of the locks.
    let policies = POLICIES.write();
    let policy = policies.find(profile.key());
    let mut decision = Decision::new(&policy, profile.verdict(), asymmetric);
    if policies.cancel.contains_key(&profile.key()) {
        decision = decision.cancellable();
    }
    // ORDERING: Relaxed, written under the lock.
    if TRACED.load(Ordering::Relaxed) {
        decision = decision.traced();
    }
    profile.put(&policy, decision);
    decision
}

/// Makes all decisions stale, after something changed that they rest on.
pub(crate) fn invalidate() {
    let policies = POLICIES.write();
    profile::make_all_stale();
    drop(policies);
}

/// From now on each transition is traced, or no longer.
pub(crate) fn set_traced(yes: bool) {
    let policies = POLICIES.write();
    // ORDERING: Relaxed, as in `settle`.
    if TRACED.swap(yes, Ordering::Relaxed) != yes {
        profile::make_all_stale();
    }
    drop(policies);
}

/// Is each transition traced, as far as this thread knows?
#[inline(always)]
pub(crate) fn is_traced() -> bool {
    // ORDERING: Relaxed, a look: a trace may begin or end a little late.
    TRACED.load(Ordering::Relaxed)
}

/// The policy in force.
pub(crate) fn policy_of(key: Key) -> Policy {
    POLICIES.read().find(key)
}

/// Does anybody say anything of this address that is not said of all?
pub(super) fn concern(address: usize) -> bool {
    let policies = POLICIES.read();
    let key = Key::Address(address);
    let is_special = |(origin, entry): (_, &Entry)| {
        origin != Origin::Default && entry.in_force() != Policy::new()
    };
    policies.entry(key).is_some_and(is_special) || policies.cancel.contains_key(&key)
}

/// The cancel hook of one function.
pub(crate) fn cancel_hook(key: Key) -> Option<CancelHook> {
    POLICIES.read().cancel.get(&key).cloned()
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

/// Which calls of this address are announced?
pub(crate) fn hook(address: usize) -> Hook {
    // ORDERING: Relaxed, as in `note_unhooked`.
    if ANY_UNHOOKED.load(Ordering::Relaxed) {
        policy_of(Key::Address(address)).hook()
    } else {
        Hook::Always
    }
}

/// What was promised of this function is seen broken: the policy that says so is mended, as it asks for. `None`: no
/// policy in force says so, or it is known of that policy already. Else the policy as it was set, and whose it is.
pub(super) fn break_promise(key: Key) -> Option<(Policy, Origin)> {
    let mut policies = POLICIES.write();
    let (origin, _) = policies.entry(key)?;
    let policy = policies.entry_mut(&origin)?.break_promise()?;
    if policy.mended() != policy {
        policies.note_unhooked();
        match &origin {
            Origin::Set(key) | Origin::Declared(key) => profile::make_stale(*key),
            Origin::Range(range) => profile::make_stale_in(range),
            Origin::Default => profile::make_all_stale(),
        }
    }
    Some((policy, origin))
}

/// What a target was declared with. The last one counts.
pub(super) fn declare(key: Key, policy: Policy) {
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

/// A function that had no address has one now: what the user asked for goes with it, unless something was asked for the
/// address. In one step: no call finds it in neither place; and a call that began before and looks only now still finds
/// it in the old one.
pub(super) fn carry_over(from: Key, to: Key) {
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
pub(super) fn remove_all(profile: &Profile) {
    let mut policies = POLICIES.write();
    policies.exact.remove(&profile.key());
    let hook = policies.cancel.remove(&profile.key());
    policies.note_unhooked();
    profile.reset();
    drop(policies);
    drop(hook);
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
