//! The deadlock that a test has made, and what was told of it.

use crate::busy::Busy;
use crate::{events, until};
use sortie::{Deadlock, JoinHandle, Runtime};
use std::fmt::Debug;
use std::time::Duration;

/// The only deadlock of a runtime, once it is there.
///
/// # Panics
/// If there are several, or after [`PATIENCE`](crate::PATIENCE) none.
#[must_use]
#[track_caller]
pub fn the_only(runtime: &Runtime) -> Deadlock {
    let mut found = Vec::new();
    until("there is a deadlock", || {
        found = runtime.deadlocks();
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What was told of deadlocks since [`events::record`].
#[must_use]
pub fn told() -> Vec<String> {
    let is_deadlock = |seen: &events::Seen| {
        seen.target == "sortie::task" && seen.text.contains("deadlock: each of these")
    };
    events::seen().into_iter().filter(is_deadlock).map(|seen| seen.text).collect()
}

/// A deadlock is told once, in words with these among them; who began it is aborted, which ends it.
///
/// # Panics
/// If it is told otherwise, or its owner does not end as aborted.
#[track_caller]
pub fn is_told_once<T: Debug>(owner: JoinHandle<T>, words: &str) {
    until("it is told", || !told().is_empty());
    owner.abort();
    assert!(owner.join().unwrap_err().is_aborted());
    let told = told();
    assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
}

/// Looks at a busy runtime many times.
///
/// # Panics
/// If it has a deadlock.
#[track_caller]
pub fn are_none(runtime: &Runtime) {
    for _ in 0..60 {
        let found = runtime.deadlocks();
        assert!(found.is_empty(), "{}", found[0]);
    }
}

/// Keeps a runtime from rest, so that nobody finds a deadlock because nothing runs.
#[must_use]
pub fn no_rest(runtime: &Runtime) -> Busy {
    Busy::start_with(runtime, 1, || sortie::sleep(Duration::from_millis(1)))
}
