//! What a line asks of those who stand in it, and a seat of those who sit; what a change owes them once the line's
//! lock is left.
//!
//! Wakes, and drops of wakers, run code of others: a subscriber's, or the end of a task. Under the
//! lock they are put down here, and done after it.

use crate::wait::line::Ticket;
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
    /// The number of its level, below [`LEVELS`](super::order::LEVELS): the higher, the sooner it has its turn. By itself.
    fn level(&self) -> u8;
}

/// Somebody who can sit, at one address. Aligned to 8 at least.
pub(crate) trait Sitter {
    /// What stands in a line for it.
    type Who: Waiting;
    /// What is left of a wake once the waiter is not held any more.
    type Owed;
    /// Ends the pause, but for what may run code of others or take long.
    fn begin_wake(&self) -> Self::Owed;
    /// The rest. The waiter may be gone. Does not unwind.
    fn end_wake(owed: Self::Owed);
    /// As [`Waiting::is_lost`].
    fn is_lost(&self) -> bool;
    /// As [`Waiting::home`].
    fn home(&self) -> usize;
    /// One that stands for it.
    fn stand(&self) -> Self::Who;
    /// It has a place in line instead. By who holds it.
    fn move_to(&self, ticket: Ticket);
    /// What [`Sitter::move_to`] said since it sat down. By its owner.
    fn moved_to(&self) -> Option<Ticket>;
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

    pub(crate) fn pop(&mut self) -> Option<W> {
        self.first.take().or_else(|| self.more.pop_front())
    }
}
