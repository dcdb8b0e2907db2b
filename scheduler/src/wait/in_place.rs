//! A wait in place: the task keeps its carrier, which gives its worker away and sleeps.
//!
//! Must not: be used where the task can be switched away, or by code that is not a task's.

use super::{is_switchable, managed};
use crate::carrier::Carrier;
use crate::crossing;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::task::state::Suspend;
use std::time::Instant;

/// Waits on the carrier until the task is woken, or its time has come.
#[cold]
pub(crate) fn block_in_place(carrier: &Carrier, task: &Header, until: Option<Instant>) {
    // Also of a task that is pinned to another: its call may have been offloaded to this one.
    // ORDERING: Relaxed, the owner reads what an owner wrote before it; what it writes is published to
    // the winner of the wake by the state word (task.state).
    let home = task.home.load(Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    task.home.store(std::ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
    carrier.suspend_aside();
    // From here on only its wakers know it, and the shutdown must.
    carrier.shared().living.add(task);
    if task.state.transition_to_blocked() == Suspend::Suspended {
        crossing::give_away(carrier);
        while task.state.load().is_blocked() && !carrier.shared().is_terminated() {
            let Some(until) = until else {
                carrier.parker.park();
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            carrier.parker.park_timeout(left);
        }
        task.state.transition_to_unblocked();
        crossing::regain_or_stop(carrier, task);
    }
    // ORDERING: Relaxed, as above.
    task.home.store(home, Ordering::Relaxed);
}

/// Would waiting for `other` here never end? True if the caller waits in place on the carrier that
/// `other` is pinned to.
pub(crate) fn would_deadlock(other: &Header) -> bool {
    // ORDERING: Relaxed, a look. This carrier's own writes, the only ones that matter, are seen.
    managed().is_some_and(|(carrier, task)| {
        !is_switchable(task)
            && other.is_pinned()
            && std::ptr::eq(other.home.load(Ordering::Relaxed), carrier)
    })
}
