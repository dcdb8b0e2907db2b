//! How fast the workers get on.
//!
//! They do so *briskly* if as many of them as there are processors have run another task every 500 us since the last
//! look. Then calls are short, or whoever comes back sees to those that are not, and the monitor need not look so
//! often (`cadence.rs`).
//!
//! Must not: count a worker for which nobody has a processor. More of them than processors never all run.

use crate::shared::Shared;
use std::time::{Duration, Instant};

/// In which a worker that gets on briskly runs another task.
const TURN: Duration = Duration::from_micros(500);

/// What is remembered of the workers' turns from look to look.
pub(super) struct Pace {
    /// Of each worker, extra ones aside.
    turns: Vec<u64>,
    looked: Instant,
}

impl Pace {
    pub(super) fn new(shared: &Shared, now: Instant) -> Pace {
        Pace { turns: vec![0; shared.config.workers], looked: now }
    }

    /// Have the workers got on briskly since the last look?
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) -> bool {
        let passed = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let wanted = (passed.as_nanos() / TURN.as_nanos()).max(1) as u64;
        let workers = self.turns.iter_mut().zip(&shared.shown);
        let brisk = workers.filter_map(|(turns, shown)| {
            let now = shown.turn().sum();
            let before = std::mem::replace(turns, now);
            (now.wrapping_sub(before) >= wanted).then_some(())
        });
        brisk.count() >= shared.config.workers.min(shared.processors)
    }
}
