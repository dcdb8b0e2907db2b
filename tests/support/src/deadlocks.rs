//! The deadlock that a test has made, and what was told of it.

use crate::busy::Busy;
use crate::{events, until};
use sortie::{Deadlock, Runtime};
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

/// Keeps a runtime from rest, so that nobody finds a deadlock because nothing runs.
#[must_use]
pub fn no_rest(runtime: &Runtime) -> Busy {
    Busy::start_with(runtime, 1, || sortie::sleep(Duration::from_millis(1)))
}
