//! Who waits for something of a set: it looks, and is woken when there may be more to see.
//!
//! See INVARIANT(set.waiting).

use super::{Member, Members, TaskSet, Ticket};
use crate::task::waker::Waker;
use crate::task::{Header, Id};
use crate::wait::Waiter;

/// Somebody who waits for something of a set: forgotten when it is dropped.
pub(in crate::task) struct Watch<'a> {
    set: &'a TaskSet,
    ticket: Ticket,
}

impl<'a> Watch<'a> {
    pub(in crate::task) fn new(set: &'a TaskSet) -> Watch<'a> {
        let mut members = set.members.lock();
        members.next += 1;
        Watch { set, ticket: members.next }
    }

    /// Looks for what is waited for. `None`: not yet, and the waker will be called.
    pub(super) fn look<R>(
        &self,
        look: impl FnOnce(&mut Members) -> Option<R>,
        waker: impl FnOnce() -> Waker,
    ) -> Option<R> {
        let mut members = self.set.members.lock();
        let found = look(&mut members);
        if found.is_none() && members.waiting.iter().all(|(ticket, _)| *ticket != self.ticket) {
            members.waiting.push((self.ticket, waker()));
        }
        found
    }

    /// Is nobody left? If somebody is, the waker will be called.
    pub(in crate::task) fn is_empty(&self, waker: impl FnOnce() -> Waker) -> bool {
        self.look(|members| members.live.is_empty().then_some(()), waker).is_some()
    }

    /// The first member for which this holds.
    pub(in crate::task) fn find(&self, holds: impl Fn(&Header) -> bool) -> Option<Id> {
        let members = self.set.members.lock();
        members.live.iter().map(Member::header).find(|task| holds(task)).map(|task| task.id)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut members = self.set.members.lock();
        let mine = members.waiting.iter().position(|(ticket, _)| *ticket == self.ticket);
        let waker = mine.map(|at| members.waiting.swap_remove(at));
        drop(members);
        drop(waker);
    }
}

/// The next end of a task of a set wakes a waiter while this lives. Dropping it takes that back.
pub struct NextWatch<'a>(Watch<'a>);

impl TaskSet {
    /// Lets the next end of a task wake the waiter, which is to look for one behind this.
    #[doc(hidden)]
    pub fn watch_next(&self, waiter: &Waiter) -> NextWatch<'_> {
        let watch = Watch::new(self);
        watch.look(|_| None::<()>, || waiter.waker());
        NextWatch(watch)
    }
}

impl std::fmt::Debug for NextWatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NextWatch").field(self.0.set).finish()
    }
}
