//! The registry of policies: which one is in force for which native function; and of cancel hooks.
//!
//! The first match counts: what the user set for exactly this function; what its [`Target`](super::Target)
//! was declared with; a range of addresses, the one that was set last; the default. Policies are not merged.
//! Here is what counts; `policies/change.rs` has what the user says and takes back, `policies/moved.rs` functions that get an
//! address or are gone. `policies/entry.rs` is one such word of the user's, and what has become of it; `policies/list.rs` all
//! of them, for reports.
//!
//! Every change makes the decisions that rested on it stale, under the one lock here (`decision.rs`); then those who wait
//! by a limit that it has changed are let in, without the lock (`bulkhead.rs`).
//! The user's side is `native/policy.rs`. No tracing event and no foreign code under the lock.

mod change;
mod entry;
mod list;
mod moved;

pub(super) use change::declare;
pub(crate) use change::{
    default, exact, range, set_cancel_hook, set_default, set_exact, set_range,
};
pub(crate) use entry::Origin;
pub(crate) use list::{Listed, list};
pub(crate) use moved::{Forgotten, unload};
pub(super) use moved::{carry_over, remove_all};

use self::entry::{Entry, Exact};
use super::decision::Decision;
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
    let of_all = policies.default.map_or(Policy::new(), |entry| entry.in_force());
    policies.find(key) != of_all || policies.cancel.contains_key(&key)
}

/// The cancel hook of one function.
pub(crate) fn cancel_hook(key: Key) -> Option<CancelHook> {
    POLICIES.read().cancel.get(&key).cloned()
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
