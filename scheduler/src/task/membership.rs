//! A task's side of the sets that it is a member of.

use super::header::Header;
use super::join_error::Refusal;
use super::reference::TaskRef;
use super::set::TaskSet;
use crate::sync::Arc;
use std::cell::Cell;
use std::ptr;

/// Which set it is: compared, and never followed. Odd, and so the number of no [`Owner`](crate::wait::Owner).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SetMark(usize);

impl SetMark {
    pub(crate) fn get(self) -> usize {
        self.0
    }

    /// The mark that this number is, if it is one.
    pub(crate) fn of(number: usize) -> Option<SetMark> {
        (number % 2 == 1).then_some(SetMark(number))
    }
}

impl TaskSet {
    /// No other set has it while this one is there.
    pub(crate) fn mark(&self) -> SetMark {
        SetMark(ptr::from_ref(self).addr() | 1)
    }
}

/// A task's part of one set.
#[derive(Debug)]
pub(super) struct Membership {
    set: Option<Arc<TaskSet>>,
    pub(super) key: u32,
    /// Its index among the live. Under the set's lock.
    pub(super) place: Cell<u32>,
}

/// The place of a task that is not in its set: not yet, no longer, or because it was refused.
pub(super) const OUTSIDE: u32 = u32::MAX;

impl Membership {
    const fn new(set: Option<Arc<TaskSet>>, key: u32) -> Membership {
        Membership { set, key, place: Cell::new(OUTSIDE) }
    }

    #[inline]
    fn leave(&self, panicked: bool) {
        if let Some(set) = &self.set
            && self.place.get() != OUTSIDE
        {
            set.leave(self, panicked);
        }
    }
}

impl Header {
    /// Its part of `set`, of which it is a member.
    pub(super) fn membership(&self, set: &TaskSet) -> &Membership {
        self.sets().expect("a member of a set has sets").of(set)
    }
}

/// The sets that a task is a member of.
#[derive(Debug)]
pub(crate) struct Sets {
    owner: Membership,
    group: Membership,
}

impl Sets {
    pub(crate) const fn new() -> Sets {
        Sets { owner: Membership::new(None, 0), group: Membership::new(None, 0) }
    }

    pub(crate) fn set_owner(&mut self, owner: Arc<TaskSet>, key: u32) {
        self.owner = Membership::new(Some(owner), key);
    }

    pub(crate) fn set_group(&mut self, group: Arc<TaskSet>) {
        self.group = Membership::new(Some(group), 0);
    }

    /// The sets that the task is a member of, or was until its end.
    pub(crate) fn marks(&self) -> impl Iterator<Item = SetMark> {
        [&self.owner, &self.group].into_iter().filter_map(|one| Some(one.set.as_ref()?.mark()))
    }

    /// Is the task a member of no set?
    #[inline]
    pub(crate) fn are_none(&self) -> bool {
        self.owner.set.is_none() && self.group.set.is_none()
    }

    /// The part of `set`, which is one of the two.
    fn of(&self, set: &TaskSet) -> &Membership {
        let is_owner = self.owner.set.as_deref().is_some_and(|owner| ptr::eq(owner, set));
        if is_owner { &self.owner } else { &self.group }
    }

    /// A new task enters its sets, or all that let it.
    pub(crate) fn enter(&self, task: &TaskRef) -> Result<(), Refusal> {
        let both = [&self.owner, &self.group].into_iter();
        both.filter_map(|membership| Some((membership, membership.set.as_deref()?)))
            .try_for_each(|(membership, set)| set.enter(task, membership))
    }

    /// A task has ended. It may be freed once its owner's set is left, but for the caller's reference.
    #[inline]
    pub(crate) fn leave(&self, panicked: bool) {
        self.group.leave(panicked);
        self.owner.leave(panicked);
    }
}

impl Default for Sets {
    fn default() -> Sets {
        Sets::new()
    }
}

impl Clone for Sets {
    /// For another task, which is not in them yet.
    fn clone(&self) -> Sets {
        let copy = |one: &Membership| Membership::new(one.set.clone(), one.key);
        Sets { owner: copy(&self.owner), group: copy(&self.group) }
    }
}
