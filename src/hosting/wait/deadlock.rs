//! Deadlocks of hosted tasks, and how they are resolved: one of the waits ends with `HOST_E_DEADLOCK`.
//!
//! Who begins an endless wait looks whether it closes a circle. Of locks that the VM has made over the host's events
//! only the VM knows the owners, and it is asked for them; a reader-writer lock may have several, and each is in the way
//! of a wait for it. So the looks are made with nothing locked, and a circle counts that was seen three times alike: all
//! its waits then lasted from the first look to the last, and who waits lets nothing go.
//!
//! Of the waits that the VM lets be ended the victim is one for an event before others, then that of the task with the
//! lowest level, then the youngest. If there is none the circle is told of, once.

use super::End;
use super::list::{Entry, Object};
use crate::hosting::host::HostShared;
use crate::task::Priority;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

/// Looks whether the wait of this task, which is listed, closes a circle, and ends one of the waits then.
pub(super) fn look(host: &HostShared, task: u64) {
    let Some(circle) = circle(host, task) else { return };
    for _ in 0..2 {
        let is_alike = |again: Vec<Entry>| {
            again.len() == circle.len()
                && again.iter().zip(&circle).all(|(one, other)| one.number == other.number)
        };
        if !self::circle(host, task).is_some_and(is_alike) {
            return;
        }
    }
    resolve(host, &circle);
}

/// The waits of a circle that this task's wait is on, from that one on.
fn circle(host: &HostShared, task: u64) -> Option<Vec<Entry>> {
    let mut seen = HashSet::from([task]);
    let mut path = vec![of(host, task)?];
    let mut open = vec![owners(host, &path[0].object)];
    while let Some(owners) = open.last_mut() {
        let Some(owner) = owners.pop() else {
            open.pop();
            path.pop();
            continue;
        };
        if owner == task {
            return Some(path);
        }
        if !seen.insert(owner) {
            continue;
        }
        if let Some(wait) = of(host, owner) {
            open.push(self::owners(host, &wait.object));
            path.push(wait);
        }
    }
    None
}

/// The endless wait of a task.
fn of(host: &HostShared, task: u64) -> Option<Entry> {
    host.waits.lock().of(task).filter(|entry| entry.is_endless && !entry.is_ended()).cloned()
}

/// The tasks in whose hands the end of such a wait is.
fn owners(host: &HostShared, object: &Object) -> Vec<u64> {
    match *object {
        Object::Nothing | Object::Unowned { .. } => Vec::new(),
        Object::Task(task) => vec![task],
        Object::Crst { ref owner, .. } => {
            // ORDERING: Relaxed, a look; it is made three times.
            let owner = owner.load(Ordering::Relaxed);
            if owner == 0 { Vec::new() } else { vec![owner] }
        }
        Object::Monitor { cookie, .. } => {
            let owner =
                host.clr_sync().and_then(|sync| sync.get_monitor_owner(cookie).ok().flatten());
            owner.into_iter().map(|task| task.id()).collect()
        }
        Object::RwLock { cookie, .. } => {
            let owners = host.clr_sync().map(|sync| sync.owners(cookie));
            owners.into_iter().flatten().map(|task| task.id()).collect()
        }
    }
}

/// The lower, the sooner a wait is ended.
fn rank(wait: &Entry) -> (bool, Priority, Reverse<u64>) {
    let is_for_event = matches!(wait.object, Object::Monitor { .. } | Object::RwLock { .. });
    (!is_for_event, wait.task.shared().attributes.priority(), Reverse(wait.number))
}

/// Ends one of the waits, if they are all still there and nobody has ended one.
fn resolve(host: &HostShared, circle: &[Entry]) {
    let mut state = host.waits.lock();
    let lasts = |wait: &Entry| {
        state.of(wait.task.id()).is_some_and(|now| now.number == wait.number && !now.is_ended())
    };
    if !circle.iter().all(lasts) {
        return;
    }
    if let Some(victim) =
        circle.iter().filter(|wait| wait.is_breakable).min_by_key(|wait| rank(wait))
    {
        let nudge = state.end(victim.task.id(), End::Deadlock);
        drop(state);
        if let Some(nudge) = nudge {
            nudge.nudge();
        }
        return;
    }
    let mut numbers: Vec<u64> = circle.iter().map(|wait| wait.number).collect();
    numbers.sort_unstable();
    if numbers == state.last_reported {
        return;
    }
    state.last_reported = numbers;
    state.reported += 1;
    drop(state);
    let tasks: Vec<u64> = circle.iter().map(|wait| wait.task.id()).collect();
    tracing::error!(
        target: "sortie::task",
        ?tasks,
        "deadlock of hosted tasks: each waits for what the next has, and none of the waits may be ended"
    );
}
