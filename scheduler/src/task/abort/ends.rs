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

/// What a task was asked for that makes it unwind. Another request, as a rude abort after one that is held back, is another
/// value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    abort: bool,
    rude: bool,
    raise: bool,
    closing: bool,
}

impl Asked {
    /// What this task was asked for so far. A look.
    pub(crate) fn of(task: &Header) -> Asked {
        let word = task.state.load();
        Asked {
            abort: word.is_abort_requested(),
            rude: word.is_rude(),
            raise: word.is_raised(),
            closing: task.shared.is_closing(),
        }
    }

    /// What of that is held back here: nothing, if something is due. By the task.
    pub(crate) fn held_back(task: &Header) -> Asked {
        // Before the look at what is due: what comes after it is not held back.
        let asked = Asked::of(task);
        if is_due(task) { Asked::default() } else { asked }
    }
}

/// Was a task that waits asked to unwind, and has not looked at that since? By anybody. A look.
pub(crate) fn has_not_looked(task: &Header) -> bool {
    let word = task.state.load();
    // Who asks wakes it in the same step; the end of the runtime does not.
    task.shared.is_closing() || word.is_active() && word.is_asked_to_unwind()
}

/// [`has_not_looked`], at anything but this, which it found held back.
pub(crate) fn has_not_looked_since(task: &Header, seen: Asked) -> bool {
    Asked::of(task) != seen && has_not_looked(task)
}
