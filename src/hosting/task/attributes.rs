//! What a host keeps with a task beside its state: how soon it gets its turn, its locales, and what it was promised of
//! stack.
//!
//! A task's own level is the one that was asked for. Once, after a switch at which the VM has said that it waits for
//! the task, the task is queued by the highest level in its place ([`Attributes::hurry`]).

use crate::hosting::Lcid;
use crate::task::{AbortHandle, Priority};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::hosting) struct Attributes {
    rank: Mutex<Rank>,
    locale: AtomicU32,
    ui_locale: AtomicU32,
    stack_guarantee: AtomicU32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rank {
    own: Priority,
    is_hurried: bool,
}

impl Rank {
    fn in_force(self) -> Priority {
        if self.is_hurried { Priority::TimeCritical } else { self.own }
    }
}

/// Which of a task's two locales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hosting) enum Locale {
    /// Of dates, numbers, and order.
    Culture,
    /// Of texts.
    UserInterface,
}

impl Attributes {
    fn rank(&self) -> MutexGuard<'_, Rank> {
        self.rank.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The level that was asked for.
    pub(in crate::hosting) fn priority(&self) -> Priority {
        self.rank().own
    }

    /// Another level from here on, and from the task's next turn on.
    pub(super) fn set_priority(&self, priority: Priority, task: Option<&AbortHandle>) {
        self.change(task, |rank| rank.own = priority);
    }

    /// The task can be told of its level now.
    pub(super) fn apply_priority(&self, task: &AbortHandle) {
        self.change(Some(task), |_| ());
    }

    /// The task's next turn comes by the highest level.
    pub(super) fn hurry(&self, task: Option<&AbortHandle>) {
        self.change(task, |rank| rank.is_hurried = true);
    }

    /// A turn has come. True: it was that one.
    pub(super) fn calm(&self, task: Option<&AbortHandle>) -> bool {
        let was_hurried = self.rank().is_hurried;
        if was_hurried {
            self.change(task, |rank| rank.is_hurried = false);
        }
        was_hurried
    }

    /// Under the lock, so that of two changes the later one is in force.
    fn change(&self, task: Option<&AbortHandle>, f: impl FnOnce(&mut Rank)) {
        let mut rank = self.rank();
        f(&mut rank);
        if let Some(task) = task {
            task.set_priority(rank.in_force());
        }
    }

    fn locale_word(&self, which: Locale) -> &AtomicU32 {
        match which {
            Locale::Culture => &self.locale,
            Locale::UserInterface => &self.ui_locale,
        }
    }

    pub(in crate::hosting) fn locale(&self, which: Locale) -> Lcid {
        // ORDERING: Relaxed, a number that stands for itself.
        self.locale_word(which).load(Ordering::Relaxed)
    }

    pub(in crate::hosting) fn set_locale(&self, which: Locale, locale: Lcid) {
        // ORDERING: Relaxed, as above.
        self.locale_word(which).store(locale, Ordering::Relaxed);
    }

    pub(super) fn stack_guarantee(&self) -> u32 {
        // ORDERING: Relaxed, as above.
        self.stack_guarantee.load(Ordering::Relaxed)
    }

    /// So many bytes, or more that were promised before.
    pub(super) fn raise_stack_guarantee(&self, bytes: u32) {
        // ORDERING: Relaxed, as above.
        self.stack_guarantee.fetch_max(bytes, Ordering::Relaxed);
    }

    /// The runtime's half was reset: as in a new task, but for the level, which is the host's.
    pub(in crate::hosting) fn reset(&self) {
        self.set_locale(Locale::Culture, 0);
        self.set_locale(Locale::UserInterface, 0);
        // ORDERING: Relaxed, as above.
        self.stack_guarantee.store(0, Ordering::Relaxed);
    }
}
