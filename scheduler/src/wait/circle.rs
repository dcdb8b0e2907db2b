//! Circles of joins in place: each for a task that is pinned to a carrier which the next one keeps.
//!
//! A task above native frames that keep their thread waits on its carrier, and none of the tasks that are pinned
//! there runs meanwhile. Where it joins a task that is pinned to another carrier, whose task waits in the same way,
//! and so on until the last waits for one that is pinned to the first, no join ever ends.
//!
//! INVARIANT(circle.listed): each join in place without a limit is on the list from before its wait begins until
//! after it has ended. Who enters looks at the others under the same lock, so the last of a circle finds it whole.
//!
//! While a carrier is on the list, and what it waits for is not done, it runs no task that is pinned there, so
//! such a task does not end, nor is it pinned anywhere else. What was read of it by its own carrier is seen: that
//! carrier has taken the lock since.
//!
//! Must not: drop a reference to a task under the lock.

use super::{is_switchable, managed};
use crate::carrier::CarrierRef;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering;
use crate::task::{Header, TaskRef};
use std::ptr;

/// A join in place: the carrier that it keeps, and the task that it waits for.
type Join = (CarrierRef, TaskRef);

/// Of the whole process, for a task may join one of another runtime.
static JOINS: Mutex<Vec<Join>> = Mutex::new(Vec::new());

/// The join would close a circle.
pub(crate) struct Closed;

/// A join in place that is on the list.
#[must_use = "the join is on the list for so long"]
pub(crate) struct InPlace(CarrierRef);

/// The current task is about to join `task`, without a limit. `None`: it will not wait in place.
///
/// # Errors
/// [`Closed`]: the join would never end.
pub(crate) fn enter(task: &TaskRef) -> Result<Option<InPlace>, Closed> {
    let Some((carrier, _)) = managed().filter(|(_, waiter)| !is_switchable(waiter)) else {
        return Ok(None);
    };
    let carrier = carrier.as_ref();
    let join = (carrier, task.clone());
    let mut joins = JOINS.lock();
    if closes(&joins, carrier, task) {
        drop(joins);
        return Err(Closed);
    }
    joins.push(join);
    Ok(Some(InPlace(carrier)))
}

/// From the task to the carrier that it needs, from there to the task that this carrier's waits for: does that
/// lead to `first`?
fn closes(joins: &[Join], first: CarrierRef, task: &Header) -> bool {
    let mut task = task;
    // A way that is longer has come to a circle without `first`.
    for _ in 0..=joins.len() {
        let Some(home) = needed_by(task) else { return false };
        if home == first {
            return true;
        }
        let Some((_, next)) = joins.iter().find(|(carrier, _)| *carrier == home) else {
            return false;
        };
        task = next;
    }
    false
}

/// The only carrier on which the task can come to its end.
fn needed_by(task: &Header) -> Option<CarrierRef> {
    if task.state.load().is_done() || !task.is_pinned() {
        return None;
    }
    // ORDERING: Relaxed, see the module: the lock orders it where it matters.
    let home = ptr::NonNull::new(task.home.load(Ordering::Relaxed))?;
    // SAFETY: a carrier stays in its arena as long as the runtime, which the header holds.
    Some(unsafe { home.as_ref() }.as_ref())
}

impl Drop for InPlace {
    fn drop(&mut self) {
        let mut joins = JOINS.lock();
        let at = joins.iter().position(|(carrier, _)| *carrier == self.0);
        let ended = at.map(|at| joins.swap_remove(at));
        drop(joins);
        // Not under the lock: it may be the last reference.
        drop(ended);
    }
}
