//! The arm `join`.

use super::Standing;
use super::arm::{Arm, Outcome, is_some};
use crate::sync::party::Party;
use crate::{JoinError, JoinHandle};
use sortie_scheduler::wait::{Ends, Waiter};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// The end of a task.
pub struct Join<'a, T> {
    task: RefCell<&'a mut Option<JoinHandle<T>>>,
    outcome: Cell<Option<Result<T, JoinError>>>,
}

/// The arm `join`.
pub fn join<T>(task: &mut Option<JoinHandle<T>>) -> Join<'_, T> {
    Join { task: RefCell::new(task), outcome: Cell::new(None) }
}

impl<T> Outcome for Join<'_, T> {
    type Got = Result<T, JoinError>;
    fn outcome(self) -> Result<T, JoinError> {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<T> Arm for Join<'_, T> {
    fn attempt(&self) -> bool {
        let mut task = self.task.borrow_mut();
        let Some(task) = task.take_if(|task| task.joins_at_once()) else { return false };
        self.outcome.set(Some(task.join()));
        true
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.task.borrow().as_ref().is_some_and(JoinHandle::joins_at_once)
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        let task = self.task.borrow();
        let Some(task) = task.as_ref() else { return Standing::Nowhere };
        // SAFETY: the arm has the handle to itself, enters once a wait, and joins only what has ended.
        unsafe { task.watch_end(waiter) }.map_or(Standing::Nowhere, Standing::Joining)
    }

    fn ends(&self) -> Option<Ends<'_>> {
        Some(self.task.borrow().as_ref().map_or_else(Ends::never, JoinHandle::ends))
    }
}
