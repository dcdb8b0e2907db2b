//! The arms `after` and `at`.

use super::Standing;
use super::arm::{Arm, Outcome};
use crate::sync::party::Party;
use sortie_scheduler::wait::{Waiter, deadline};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A time.
#[derive(Clone, Copy)]
pub struct Time(Instant);

/// The arm `after`.
pub fn after(duration: Duration) -> Time {
    Time(deadline(duration))
}

/// The arm `at`.
pub fn at(time: Instant) -> Time {
    Time(time)
}

impl Outcome for Time {
    type Got = ();
    fn outcome(self) {}
}

impl Arm for Time {
    fn attempt(&self) -> bool {
        Instant::now() >= self.0
    }

    fn is_done(&self) -> bool {
        true
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.attempt()
    }

    fn enter<'a>(&'a self, _: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        Standing::Nowhere
    }

    fn time(&self) -> Option<Instant> {
        Some(self.0)
    }
}
