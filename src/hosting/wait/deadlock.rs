//! Deadlocks of hosted tasks, and how they are resolved: one of the hosted waits ends with `HOST_E_DEADLOCK`.
//!
//! Who begins an endless wait looks whether it closes a circle: a hosted task for whatever object, and anybody who waits
//! for a lock of the crate's, or a task's end, while a hosted task waits without a limit ([`look_when_blocked`]). From a
//! waiter lead ways to those in whose hands the end of its wait is. Of a wait of the crate's, and of a hosted one for a critical
//! section or a task's end, that is one, by the crate's notes. Of locks that the VM has made over the host's events only the VM
//! knows the owners, and it is asked for them; a reader-writer lock may have several, and each is in the way of a wait for it.
//!
//! The looks are made with nothing locked, and a circle counts that was seen three times alike: all its waits
//! then lasted from the first look to the last, and who waits lets nothing go. Those that the crate notes only, none of them hosted,
//! are no circle of ours: [`Runtime::deadlocks`](crate::Runtime::deadlocks) finds them.
//!
//! Of the hosted waits that the VM lets be ended the victim is one for an event before others, then that of the task with the
//! lowest level, then the youngest. If there is none the circle is told of, once.

use super::End;
use super::endless;
use super::list::{Entry, Object};
use crate::hosting::host::HostShared;
use crate::task::Priority;
use sortie_scheduler::wait::{Owner, blocked_by};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A wait on a way.
enum Wait {
    Hosted(Arc<HostShared>, Entry),
    /// One of the crate's, by its number.
    Other(u64),
}

impl Wait {
    fn is_alike(&self, other: &Wait) -> bool {
        match (self, other) {
            (Wait::Hosted(_, one), Wait::Hosted(_, other)) => one.number == other.number,
            (Wait::Other(one), Wait::Other(other)) => one == other,
            _ => false,
        }
    }

    fn hosted(&self) -> Option<(&Arc<HostShared>, &Entry)> {
        match self {
            Wait::Hosted(host, entry) => Some((host, entry)),
            Wait::Other(_) => None,
        }
    }
}

/// Somebody begins a wait that the crate notes: does it close a circle with hosted ones?
pub(in crate::hosting) fn look_when_blocked(waiter: Owner) {
    /// Who looks. A VM that waits while it is asked for an owner looks no more.
    static LOOKING: Mutex<Vec<Owner>> = Mutex::new(Vec::new());

    struct Looks(Owner);
    impl Drop for Looks {
        fn drop(&mut self) {
            let mut looking = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
            looking.retain(|one| *one != self.0);
        }
    }

    if endless::is_none() {
        return;
    }
    let mut looking = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
    if looking.contains(&waiter) {
        return;
    }
    looking.push(waiter);
    drop(looking);
    let _looks = Looks(waiter);
    look(waiter);
}

/// Looks whether this one's wait closes a circle, and ends one of the hosted waits then.
pub(super) fn look(waiter: Owner) {
    let Some(first) = circle(waiter) else { return };
    for _ in 0..2 {
        let is_alike = |again: Vec<Wait>| {
            again.len() == first.len()
                && again.iter().zip(&first).all(|(one, other)| one.is_alike(other))
        };
        if !circle(waiter).is_some_and(is_alike) {
            return;
        }
    }
    resolve(&first);
}

/// The waits of a circle that this one's wait is on, from that one on, if one of them is hosted.
fn circle(first: Owner) -> Option<Vec<Wait>> {
    let mut seen = HashSet::from([first]);
    let (wait, owners) = wait_of(first)?;
    let mut path = vec![wait];
    let mut open = vec![owners];
    while let Some(owners) = open.last_mut() {
        let Some(owner) = owners.pop() else {
            open.pop();
            path.pop();
            continue;
        };
        if owner == first {
            return path.iter().any(|wait| wait.hosted().is_some()).then_some(path);
        }
        if !seen.insert(owner) {
            continue;
        }
        if let Some((wait, owners)) = wait_of(owner) {
            open.push(owners);
            path.push(wait);
        }
    }
    None
}

/// The endless wait of this one, and those in whose hands its end is.
fn wait_of(waiter: Owner) -> Option<(Wait, Vec<Owner>)> {
    if let Some(hosted) = endless::of(waiter) {
        let (host, entry) = hosted?;
        let owners = owners(&host, &entry, waiter);
        return Some((Wait::Hosted(host, entry), owners));
    }
    let (number, owner) = blocked_by(waiter)?;
    Some((Wait::Other(number), vec![owner]))
}

/// In whose hands the end of such a wait is.
fn owners(host: &HostShared, entry: &Entry, waiter: Owner) -> Vec<Owner> {
    match entry.object {
        Object::Nothing | Object::Unowned { .. } => Vec::new(),
        Object::Task(task) if task == entry.task.id() => vec![waiter],
        // As the crate has noted it.
        Object::Task(_) | Object::Crst { .. } => {
            blocked_by(waiter).map(|(_, owner)| owner).into_iter().collect()
        }
        Object::Monitor { cookie, .. } => {
            let owner =
                host.clr_sync().and_then(|sync| sync.get_monitor_owner(cookie).ok().flatten());
            owner.into_iter().filter_map(|task| task.shared().owner()).collect()
        }
        Object::RwLock { cookie, .. } => {
            let owners = host.clr_sync().map(|sync| sync.owners(cookie));
            owners.into_iter().flatten().filter_map(|task| task.shared().owner()).collect()
        }
    }
}

/// The lower, the sooner a wait is ended.
fn rank(wait: &Entry) -> (bool, Priority, Reverse<u64>) {
    let is_for_event = matches!(wait.object, Object::Monitor { .. } | Object::RwLock { .. });
    (!is_for_event, wait.task.shared().attributes.priority(), Reverse(wait.number))
}

/// Ends one of the hosted waits, if those of its host are all still there and nobody has ended one.
fn resolve(circle: &[Wait]) {
    let hosted = || circle.iter().filter_map(Wait::hosted);
    let breakable = hosted().filter(|(_, wait)| wait.is_breakable);
    let victim = breakable.min_by_key(|(_, wait)| rank(wait));
    let Some((host, _)) = victim.or_else(|| hosted().next()) else { return };
    let mut state = host.waits.lock();
    let lasts = |wait: &Entry| {
        state.of(wait.task.id()).is_some_and(|now| now.number == wait.number && !now.is_ended())
    };
    if !hosted().filter(|(of, _)| Arc::ptr_eq(of, host)).all(|(_, wait)| lasts(wait)) {
        return;
    }
    if let Some((_, victim)) = victim {
        let nudge = state.end(victim.task.id(), End::Deadlock);
        drop(state);
        if let Some(nudge) = nudge {
            nudge.nudge();
        }
        return;
    }
    let mut numbers: Vec<u64> = hosted().map(|(_, wait)| wait.number).collect();
    numbers.sort_unstable();
    if numbers == state.last_reported {
        return;
    }
    state.last_reported = numbers;
    state.reported += 1;
    drop(state);
    let tasks: Vec<u64> = hosted().map(|(_, wait)| wait.task.id()).collect();
    tracing::error!(
        target: "sortie::task",
        ?tasks,
        others = circle.len() - tasks.len(),
        "deadlock of hosted tasks: each waits for what the next has, and none of the hosted waits may be ended"
    );
}
