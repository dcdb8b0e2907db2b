//! What every arm is: something that is tried, stands in a line, and comes to something.

use super::Standing;
use crate::sync::party::Party;
use sortie_scheduler::wait::{Ends, Waiter};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// One of the things that are waited for.
pub trait Arm {
    /// Tries it. True: it came to something, which the arm keeps.
    fn attempt(&self) -> bool;

    /// Has it come to something?
    fn is_done(&self) -> bool;

    /// Might it come to something, now that it stands in line? Asked of those that stand beside offers.
    fn is_ready(&self, party: &Arc<Party>) -> bool;

    /// Goes where it will be woken.
    fn enter<'a>(
        &'a self,
        waiter: &'a Waiter,
        party: Option<&Arc<Party>>,
        number: usize,
    ) -> Standing<'a>;

    /// Does it make offers?
    fn offers(&self) -> bool {
        false
    }

    /// When its time comes.
    fn time(&self) -> Option<Instant> {
        None
    }

    /// Whose end it waits for. `None`: others may bring it to something, too.
    fn ends(&self) -> Option<Ends<'_>> {
        None
    }

    /// When it is to be looked at again in any case. Asked of one that stands in line.
    fn look_again_at(&self) -> Option<Instant> {
        None
    }
}

/// What an arm that is taken has come to.
pub trait Outcome: Arm {
    type Got;
    fn outcome(self) -> Self::Got;
}

pub(super) fn is_some<T>(cell: &Cell<Option<T>>) -> bool {
    let value = cell.take();
    let is_some = value.is_some();
    cell.set(value);
    is_some
}
