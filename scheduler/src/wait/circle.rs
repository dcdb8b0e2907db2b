//! Circles of waits in place for ends of tasks: each for one that is pinned to a carrier which the next one keeps.
//!
//! A task above native frames that keep their thread waits on its carrier, and none of the tasks that are pinned
//! there runs meanwhile. Where it joins a task that is pinned to another carrier, whose task waits in the same way,
//! and so on until the last waits for one that is pinned to the first, no wait ever ends. A wait for any of several
//! tasks is part of that if all of them are stuck, one for the end of all if one of them is.
//!
//! INVARIANT(circle.listed): each such wait in place without a limit is on the list from before it begins until
//! after it has ended. Who enters looks at the others under the same lock, so the last of a circle finds it whole.
//!
//! While a carrier is on the list, and what it waits for is not done, it runs no task that is pinned there, so
//! such a task does not end, nor is it pinned anywhere else. What was read of it by its own carrier is seen: that
//! carrier has taken the lock since.
//!
//! Must not: drop a reference to a task under the lock; take it under the lock of a set.

use super::{is_switchable, managed};
use crate::carrier::CarrierRef;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering;
use crate::task::{Header, Id, TaskRef, TaskSet};
use std::ptr::NonNull;

/// What a wait is for.
pub(crate) enum Awaited {
    End(TaskRef),
    AnyOf(ListedSet),
    AllOf(ListedSet),
}

/// A set that is waited for.
pub(crate) struct ListedSet(NonNull<TaskSet>);

// SAFETY: a set may be shared.
unsafe impl Send for ListedSet {}

impl ListedSet {
    /// # Safety
    /// The set is there until the guard that [`enter`] gives is dropped, or for good.
    pub(crate) unsafe fn new(set: &TaskSet) -> ListedSet {
        ListedSet(NonNull::from(set))
    }

    fn set(&self) -> &TaskSet {
        // SAFETY: by the contract of `new`; on the list it is as long as the guard.
        unsafe { self.0.as_ref() }
    }
}

/// A wait in place: the carrier that it keeps, and what it waits for.
type Wait = (CarrierRef, Awaited);

/// Of the whole process, for a task may wait for one of another runtime.
static WAITS: Mutex<Vec<Wait>> = Mutex::new(Vec::new());

/// The wait would close a circle, by this task.
pub(crate) struct Closed(pub(crate) Id);

/// A wait in place that is on the list.
#[must_use = "the wait is on the list for so long"]
pub(crate) struct InPlace(CarrierRef);

/// The current task is about to wait for this, without a limit. `None`: it will not wait in place.
///
/// # Errors
/// [`Closed`]: the wait would never end.
pub(crate) fn enter(awaited: impl FnOnce() -> Awaited) -> Result<Option<InPlace>, Closed> {
    let Some((carrier, _)) = managed().filter(|(_, waiter)| !is_switchable(waiter)) else {
        return Ok(None);
    };
    let carrier = carrier.as_ref();
    let awaited = awaited();
    let mut waits = WAITS.lock();
    let mut look = Look { waits: &waits, first: carrier, seen: Vec::new(), kept: Vec::new() };
    let closing = look.stuck(&awaited);
    let kept = look.kept;
    if closing.is_none() {
        waits.push((carrier, awaited));
    }
    drop(waits);
    // Not under the lock: each may be the last reference.
    drop(kept);
    closing.map_or(Ok(Some(InPlace(carrier))), |task| Err(Closed(task)))
}

/// A look at the list.
struct Look<'a> {
    waits: &'a [Wait],
    first: CarrierRef,
    /// The carriers that were looked at: is the wait there stuck? While it is looked at it is not.
    seen: Vec<(CarrierRef, bool)>,
    kept: Vec<TaskRef>,
}

impl Look<'_> {
    /// Does this lead to `first`, and so has no end? By which task.
    fn stuck(&mut self, awaited: &Awaited) -> Option<Id> {
        match awaited {
            Awaited::End(task) => self.is_stuck(task).then_some(task.id),
            Awaited::AnyOf(set) => {
                let members = set.set().all_unless_one_has_ended();
                let all = !members.is_empty() && members.iter().all(|task| self.is_stuck(task));
                let first = all.then(|| members[0].id);
                self.kept.extend(members);
                first
            }
            Awaited::AllOf(set) => {
                let members = set.set().references();
                let one = members.iter().find(|task| self.is_stuck(task)).map(|task| task.id);
                self.kept.extend(members);
                one
            }
        }
    }

    /// From the task to the carrier that it needs, from there to what that one's waits for.
    fn is_stuck(&mut self, task: &Header) -> bool {
        let Some(home) = needed_by(task) else { return false };
        if home == self.first {
            return true;
        }
        if let Some((_, is_stuck)) = self.seen.iter().find(|(carrier, _)| *carrier == home) {
            return *is_stuck;
        }
        let waits = self.waits;
        let Some((_, awaited)) = waits.iter().find(|(carrier, _)| *carrier == home) else {
            return false;
        };
        let at = self.seen.len();
        self.seen.push((home, false));
        let is_stuck = self.stuck(awaited).is_some();
        self.seen[at].1 = is_stuck;
        is_stuck
    }
}

/// The only carrier on which the task can come to its end.
fn needed_by(task: &Header) -> Option<CarrierRef> {
    if task.state.load().is_done() || !task.is_pinned() {
        return None;
    }
    // ORDERING: Relaxed, see the module: the lock orders it where it matters.
    let home = NonNull::new(task.home.load(Ordering::Relaxed))?;
    // SAFETY: a carrier stays in its arena as long as the runtime, which the header holds.
    Some(unsafe { home.as_ref() }.as_ref())
}

impl Drop for InPlace {
    fn drop(&mut self) {
        let mut waits = WAITS.lock();
        // The last: a wait in a destructor may have begun within another.
        let at = waits.iter().rposition(|(carrier, _)| *carrier == self.0);
        let ended = at.map(|at| waits.remove(at));
        drop(waits);
        // Not under the lock: it may be the last reference.
        drop(ended);
    }
}
