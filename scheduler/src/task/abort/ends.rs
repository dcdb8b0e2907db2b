//! Which waits a request to unwind ends, for those who look for deadlocks: such a wait is in none.

use super::{Open, is_due};
use crate::task::Header;
use crate::wait;

/// Does a time limit around this code end what waits here, sooner or later? By the task.
pub(crate) fn has_limit(task: &Header) -> bool {
    let Some(rare) = task.rare().filter(|_| wait::may_unwind(task)) else { return false };
    let holds = rare.aborting.holds.get();
    let ends = |open: &Open| open.has_limit && open.holds == holds;
    rare.aborting.with_scopes(|scopes| scopes.iter().any(ends))
}

/// Was the task asked to unwind, and may not here? By the task.
pub(crate) fn is_held_back(task: &Header) -> bool {
    wait::is_abort_wanted(task) && !is_due(task)
}

/// Was a task that waits asked to unwind, and has not looked at that since? By anybody. A look.
pub(crate) fn has_not_looked(task: &Header) -> bool {
    let word = task.state.load();
    // Who asks wakes it in the same step; the end of the runtime does not.
    task.shared.is_closing() || word.is_active() && word.is_asked_to_unwind()
}
