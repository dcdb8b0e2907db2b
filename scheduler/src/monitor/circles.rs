//! Deadlocks that no wait has closed: looked for when nothing runs, where the runtime is to report them.
//!
//! A wait that closes a circle says so at once (`deadlock.rs`). Not so a thread without a task, a task of a runtime that
//! reports none, and a task that becomes ready while another keeps its carrier. So the monitor of a runtime that reports
//! looks for circles when no worker has picked anything for a second. One that was told is not told again.
//!
//! Must not: wake anybody where the runtime does not report deadlocks.

use crate::deadlock;
use crate::shared::Shared;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// What the monitor remembers from look to look.
pub(super) struct Circles {
    /// Of all workers, when it was looked at.
    turns: u64,
    looks_at: Instant,
}

impl Circles {
    pub(super) fn new(now: Instant) -> Circles {
        Circles { turns: 0, looks_at: now + PERIOD }
    }

    /// Does what is due. How long the monitor may sleep at most.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) -> Option<Duration> {
        if !shared.config.report_deadlocks {
            return None;
        }
        if now >= self.looks_at {
            self.looks_at = now + PERIOD;
            let turns = shared.turns();
            if std::mem::replace(&mut self.turns, turns) == turns {
                deadlock::report_all(shared);
            }
        }
        Some(self.looks_at.saturating_duration_since(now))
    }
}
