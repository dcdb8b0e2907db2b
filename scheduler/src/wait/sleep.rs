//! Sleeps: waits that only their time ends.

use super::{Waiter, deadline, managed};
use crate::task::abort;
use std::time::{Duration, Instant};

/// Waits until `duration` has passed.
pub(crate) fn sleep(duration: Duration) {
    sleep_for(deadline(duration), duration);
}

/// Waits until this time has come.
pub(crate) fn sleep_until(until: Instant) {
    sleep_for(until, until.saturating_duration_since(Instant::now()));
}

/// Waits until this time, to which so much is left.
fn sleep_for(until: Instant, left: Duration) {
    // SAFETY: it stays in this frame.
    let waiter = unsafe { Waiter::new("a sleep") };
    let mut left = left;
    while !is_skipped() && waiter.pause_left(until, left) {
        left = until.saturating_duration_since(Instant::now());
    }
}

/// Does the current task clean up without its sleeps?
#[inline(never)]
fn is_skipped() -> bool {
    managed().is_some_and(|(_, task)| abort::skips_pauses(task))
}
