//! The arm `join_next`.

use super::Standing;
use super::arm::{Arm, Outcome, is_some};
use crate::JoinError;
use crate::sync::party::Party;
use crate::task::JoinSet;
use sortie_scheduler::TaskSet;
use sortie_scheduler::wait::{Ends, Waiter};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// The end of one of several tasks.
pub struct JoinNext<'a, T> {
    tasks: Arc<TaskSet>,
    set: RefCell<&'a mut JoinSet<T>>,
    outcome: Cell<Option<Result<T, JoinError>>>,
}

/// The arm `join_next`.
pub fn join_next<T>(set: &mut JoinSet<T>) -> JoinNext<'_, T> {
    JoinNext { tasks: set.tasks().clone(), set: RefCell::new(set), outcome: Cell::new(None) }
}

impl<T> Outcome for JoinNext<'_, T> {
    type Got = Result<T, JoinError>;
    fn outcome(self) -> Result<T, JoinError> {
        self.outcome.into_inner().expect("the arm that is taken is done")
    }
}

impl<T> Arm for JoinNext<'_, T> {
    fn attempt(&self) -> bool {
        let joined = self.set.borrow_mut().join_next_at_once();
        let is_done = joined.is_some();
        self.outcome.set(joined);
        is_done
    }

    fn is_done(&self) -> bool {
        is_some(&self.outcome)
    }

    fn is_ready(&self, _: &Arc<Party>) -> bool {
        self.tasks.has_next()
    }

    fn enter<'a>(&'a self, waiter: &'a Waiter, _: Option<&Arc<Party>>, _: usize) -> Standing<'a> {
        Standing::JoiningNext(self.tasks.watch_next(waiter))
    }

    fn ends(&self) -> Option<Ends<'_>> {
        Some(self.tasks.next_ends())
    }
}
