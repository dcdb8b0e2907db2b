//! What a line asks of those who stand in it, and what a change of it owes them once its lock is left.
//!
//! Wakes, and drops of wakers, run code of others: a subscriber's, or the end of a task. Under the
//! lock they are put down here, and done after it.

use std::collections::VecDeque;

/// Somebody in a line.
pub(crate) trait Waiting: Clone {
    /// Ends the pause. Does not unwind.
    fn wake(&self);
    /// It may never go on and never unwind: it is handed nothing.
    fn is_lost(&self) -> bool;
    /// The only place where it runs; 0: any.
    fn home(&self) -> usize;
    /// The place where nobody else runs while it waits; 0: none.
    fn holds(&self) -> usize;
}

/// What a change owes once the lock is left.
pub(crate) struct Due<W: Waiting> {
    pub(crate) wake: Few<W>,
    pub(crate) drop: Few<W>,
}

impl<W: Waiting> Due<W> {
    pub(crate) fn new() -> Due<W> {
        Due { wake: Few::new(), drop: Few::new() }
    }

    /// Wakes and drops.
    pub(crate) fn settle(mut self) {
        while let Some(who) = self.wake.pop() {
            who.wake();
        }
    }
}

/// First in, first out. Mostly one, and then without an allocation.
pub(crate) struct Few<W> {
    first: Option<W>,
    more: VecDeque<W>,
}

impl<W> Few<W> {
    fn new() -> Few<W> {
        Few { first: None, more: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, who: W) {
        match self.first {
            None => self.first = Some(who),
            Some(_) => self.more.push_back(who),
        }
    }

    fn pop(&mut self) -> Option<W> {
        self.first.take().or_else(|| self.more.pop_front())
    }
}
