//! Waits that any of several ends of tasks may end: for the next of a set, or for the first of several joins.
//!
//! Such a wait is dead only when nobody of all those can come to its end. So it is noted only where they are known:
//! what may be ended by others, too (a channel, an event, a time), has no note.

use super::blocked::{Ender, Enders, blocked_by_enders};
use super::owner::Owner;
use crate::task::{JoinHandle, TaskSet};

/// What an embedder's wait for any of several waits for: one of them.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a>(Kind<'a>);

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Never,
    Of(Owner),
    NextOf(&'a TaskSet),
}

impl Ends<'_> {
    /// What never comes.
    #[must_use]
    pub fn never() -> Self {
        Ends(Kind::Never)
    }
}

impl<T> JoinHandle<T> {
    /// The task's end.
    #[doc(hidden)]
    #[must_use]
    pub fn ends(&self) -> Ends<'static> {
        Ends(Kind::Of(Owner::of_task(self.task())))
    }
}

impl TaskSet {
    /// The next end of a task of an ordered set, which nobody enters meanwhile.
    #[doc(hidden)]
    #[must_use]
    pub fn next_ends(&self) -> Ends<'_> {
        self.expect_next();
        Ends(Kind::NextOf(self))
    }
}

struct Any<'a>(&'a [Ends<'a>]);

impl Enders for Any<'_> {
    fn ender(&self, _: Owner) -> Ender {
        let mut all = Vec::new();
        for ends in self.0 {
            match ends.0 {
                Kind::Never => {}
                Kind::Of(task) => all.push(task),
                Kind::NextOf(set) => match set.owners_unless_one_has_ended() {
                    Some(members) => all.extend(members),
                    None => return Ender::Nobody,
                },
            }
        }
        // Where nobody can come the wait is nobody's: it has no end but an abort, and is on no circle.
        if all.is_empty() { Ender::Nobody } else { Ender::AnyOf(all) }
    }
}

/// Runs `wait`, which any of these may end, and nothing else without a time limit, and notes that meanwhile, as
/// [`blocked_on`](super::blocked_on).
#[track_caller]
pub fn blocked_on_any<R>(what: &'static str, ends: &[Ends<'_>], wait: impl FnOnce() -> R) -> R {
    blocked_by_enders(what, &Any(ends), wait)
}
