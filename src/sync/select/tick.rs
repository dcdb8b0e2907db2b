//! The arm `tick`.

use super::Standing;
use super::arm::{Arm, Outcome};
use crate::sync::party::Party;
use crate::time::Interval;
use sortie_scheduler::wait::Waiter;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

/// The next tick of an interval.
pub struct Tick<'a> {
    interval: RefCell<&'a mut Interval>,
    outcome: Cell<Option<Instant>>,
}

/// The arm `tick`.
pub fn tick(interval: &mut Interval) -> Tick<'_> {
    Tick { interval: RefCell::new(interval), outcome: Cell::new(None) }
}

impl Outcome for Tick<'_> {
    type Got = Instant;
    fn outcome(self) -> Instant {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl Arm for Tick<'_> {
    fn attempt(&self) -> bool {
        self.outcome.set(self.interval.borrow_mut().try_tick());
        self.is_done()
    }

    fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.interval.borrow().next_tick() <= Instant::now()
    }

    fn enter<'a>(&'a self, _: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        Standing::Nowhere
    }

    fn time(&self) -> Option<Instant> {
        Some(self.interval.borrow().next_tick())
    }
}
