//! Sleeps: waits that only their time ends.

use super::{Waiter, deadline, managed};
use crate::task::abort;
use std::time::{Duration, Instant};

/// Waits until `duration` has passed.
pub(crate) fn sleep(duration: Duration) {
    sleep_until(deadline(duration));
}

/// Waits until this time has come.
pub(crate) fn sleep_until(until: Instant) {
    let waiter = Waiter::new("a sleep");
    while !is_skipped() && waiter.pause_until(until) {}
}

/// Does the current task clean up without its sleeps?
#[inline(never)]
fn is_skipped() -> bool {
    managed().is_some_and(|(_, task)| abort::skips_pauses(task))
}
