//! Sets of tasks: who spawns many knows them, waits for them (`set/waits.rs`, `set/watch.rs`), and aborts them together.
//!
//! A task may be a member of two: of its *owner's* (a scope, a join set), and of a *group*. It enters both before
//! it is queued, and leaves them as the last thing of its end, when its output is stored or dropped and its
//! joiner is told. One lock a set, held for a few steps.
//!
//! - INVARIANT(set.live): `live` has exactly the tasks that have entered and not left, each at its `place`. A
//!   member has not ended, so the scheduler's reference is out, and its header is there.
//! - INVARIANT(set.waiting): a waiter looks and registers under one hold of the lock, or looks again after it has registered;
//!   and who changes what it looks for takes all registered wakers in the same hold: no wake is lost. Wakes may come for
//!   nothing.
//!
//! Must not: wake, abort or drop a reference under the lock. All three may run code of others.

#[cfg(test)]
mod tests;
mod waits;
mod watch;

pub use waits::Next;
pub use watch::NextWatch;
pub(super) use watch::Watch;

use super::header::Header;
use super::join_error::Refusal;
use super::membership::{Membership, OUTSIDE};
use super::reference::TaskRef;
use super::waker::Waker;
use super::{Id, abort, state::Wake};
use crate::sync::{Arc, Mutex};
use crate::wait::{self, Owner};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tasks whose ends somebody waits for together.
///
/// ```
/// use sortie_scheduler::{Config, Spawn, TaskSet};
/// use std::sync::Arc;
///
/// let scheduler = Config::new().start()?;
/// let set = Arc::new(TaskSet::new());
/// for key in 0..10 {
///     drop(scheduler.spawn_with(Spawn::new().owner(set.clone(), key), sortie_scheduler::yield_now));
/// }
/// assert_eq!(set.wait_until_empty(None), Ok(true));
/// assert!(set.is_empty());
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
pub struct TaskSet {
    limit: usize,
    ordered: bool,
    members: Mutex<Members>,
}

// What changes under its lock runs no code of others.
impl std::panic::UnwindSafe for TaskSet {}
impl std::panic::RefUnwindSafe for TaskSet {}

struct Member(*const Header);

// SAFETY: followed under the set's lock only, where the header is there by INVARIANT(set.live).
unsafe impl Send for Member {}

/// What the lock is for.
struct Members {
    live: Vec<Member>,
    /// The keys of those that have ended and were not asked for, in an ordered set.
    ended: VecDeque<u32>,
    /// One of them was taken since a wait for the next was noted: that is about to end.
    is_taken: bool,
    /// Panics, less those that were forgiven.
    panics: isize,
    /// Who enters is aborted.
    aborts_later: bool,
    waiting: Vec<(Ticket, Waker)>,
    next: Ticket,
}

type Ticket = u64;

impl Default for TaskSet {
    fn default() -> TaskSet {
        TaskSet::new()
    }
}

impl TaskSet {
    /// An empty set.
    #[must_use]
    pub const fn new() -> TaskSet {
        TaskSet {
            limit: usize::MAX,
            ordered: false,
            members: Mutex::new(Members {
                live: Vec::new(),
                ended: VecDeque::new(),
                is_taken: false,
                panics: 0,
                aborts_later: false,
                waiting: Vec::new(),
                next: 0,
            }),
        }
    }

    /// Keeps the order in which tasks end, for [`TaskSet::wait_for_next`].
    #[must_use]
    pub fn ordered(self) -> TaskSet {
        TaskSet { ordered: true, ..self }
    }

    /// Refuses tasks beyond so many.
    #[must_use]
    pub fn limited(self, limit: usize) -> TaskSet {
        TaskSet { limit, ..self }
    }

    /// How many tasks have not ended.
    pub fn len(&self) -> usize {
        self.members.lock().live.len()
    }

    /// True if all tasks have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks that have not ended, by number.
    pub fn members(&self) -> Vec<(Id, Option<Arc<str>>)> {
        let mut members: Vec<_> =
            self.references().iter().map(|task| (task.id, task.name().cloned())).collect();
        members.sort_by_key(|(id, _)| *id);
        members
    }

    /// A reference to every member.
    pub(crate) fn references(&self) -> Vec<TaskRef> {
        let members = self.members.lock();
        members.live.iter().map(|member| wait::reference(member.header())).collect()
    }

    /// A reference to every member of an ordered set, or none if one has ended and was not asked for.
    pub(crate) fn all_unless_one_has_ended(&self) -> Vec<TaskRef> {
        let members = self.members.lock();
        let live = members.live.iter().filter(|_| members.ended.is_empty());
        live.map(|member| wait::reference(member.header())).collect()
    }

    /// A wait for the next of an ordered set is about to be noted.
    pub(crate) fn expect_next(&self) {
        self.members.lock().is_taken = false;
    }

    /// The members of an ordered set, unless one has ended since then, or before and was not asked for.
    pub(crate) fn owners_unless_one_has_ended(&self) -> Option<Vec<Owner>> {
        let members = self.members.lock();
        let owners = || members.live.iter().map(|member| Owner::of_task(member.header())).collect();
        (members.ended.is_empty() && !members.is_taken).then(owners)
    }

    /// Aborts the tasks that have not ended. Does not wait for them. Keeps `errno`.
    pub fn abort_all(&self) {
        for task in self.references() {
            // A tracing subscriber that panics for one has said so, and must not spare the others.
            let _ = catch_unwind(AssertUnwindSafe(|| abort::ask_or_report(&task, false)));
        }
    }

    /// Who enters from here on is aborted at once. False: so it was before.
    pub(super) fn begin_to_abort(&self) -> bool {
        !std::mem::replace(&mut self.members.lock().aborts_later, true)
    }

    /// How many tasks have panicked, but for those that were forgiven.
    pub fn panics(&self) -> usize {
        self.members.lock().panics.try_into().unwrap_or(0)
    }

    /// Somebody has been told of a panic, and sees to it.
    pub fn forgive_panic(&self) {
        // Below 0 for a moment: a task can be joined before it has left its set.
        self.members.lock().panics -= 1;
    }

    /// Takes a task in. By who has made it.
    pub(super) fn enter(&self, task: &TaskRef, membership: &Membership) -> Result<(), Refusal> {
        let mut members = self.members.lock();
        if members.live.len() >= self.limit {
            return Err(Refusal::Full);
        }
        membership.place.set(members.live.len() as u32);
        members.live.push(Member(task.as_raw().as_ptr()));
        if self.ordered {
            // So that an end need not allocate.
            let live = members.live.len();
            members.ended.reserve(live);
        }
        if members.aborts_later {
            let owed = task.state.transition_to_aborting();
            debug_assert_eq!(owed, Wake::Nothing, "a new task waits for nothing");
        }
        Ok(())
    }

    /// Lets a member go, and tells who waits for that. After this, what its owner lent to it may be gone.
    pub(super) fn leave(&self, membership: &Membership, panicked: bool) {
        let mut members = self.members.lock();
        let place = membership.place.replace(OUTSIDE) as usize;
        members.live.swap_remove(place);
        if let Some(moved) = members.live.get(place) {
            moved.header().membership(self).place.set(place as u32);
        }
        members.panics += isize::from(panicked);
        if self.ordered {
            members.ended.push_back(membership.key);
        }
        let told = self.ordered || members.live.is_empty();
        let wakers = if told { std::mem::take(&mut members.waiting) } else { Vec::new() };
        drop(members);
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

impl std::fmt::Debug for TaskSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskSet").field("live", &self.len()).finish_non_exhaustive()
    }
}

impl Member {
    /// For the owner of the set's lock.
    fn header(&self) -> &Header {
        // SAFETY: INVARIANT(set.live).
        unsafe { &*self.0 }
    }
}
