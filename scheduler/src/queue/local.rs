//! The queues that travel with a worker.
//!
//! Newest first: a task that was just made ready has its data warm, and a tree of tasks that is
//! walked depth-first keeps few of them alive at once. Two tasks that wake each other would starve the
//! others, so who has just come has a budget; whoever waits longest is served by the worker's fair pick.

use super::deque::{Deque, Thief};
use super::settle;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::task::{Header, TaskRef};
use crossbeam_deque::{Stealer, Worker as Line};
use std::ptr;

/// How many times in a row a task goes next that was queued since the last one went.
const FRESH_BUDGET: u8 = 3;

/// How many more tasks another's ring must have than an eighth above one's own, before any are taken from it. A few
/// tasks are better off where they are, beside those that they talk to.
const LEVEL_SLACK: usize = 48;

/// How many of them are taken at once, at most.
const LEVEL_MOST: usize = 32;

/// The owner's side.
#[derive(Debug)]
pub(crate) struct Local {
    remote: Arc<Remote>,
    deque: Deque,
    ring: Line<TaskRef>,
    fresh_streak: u8,
}

/// The side that everybody sees.
#[derive(Debug)]
pub(crate) struct Remote {
    /// The task that was queued last, if none was taken by the owner since: a look, for those who leave it to its owner.
    /// Written by the owner.
    fresh: AtomicPtr<Header>,
    /// How many were, to tell them apart: a task may lie where another lay. Written by the owner.
    pushed: AtomicU32,
    deque: Thief,
    ring: Stealer<TaskRef>,
}

/// The newest task of a worker, as it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Newest {
    task: *mut Header,
    /// Of those that were the newest.
    number: u32,
}

impl Newest {
    pub(crate) const NONE: Newest = Newest { task: ptr::null_mut(), number: 0 };

    /// Null: there is none. It may have run.
    pub(crate) fn task(self) -> *const Header {
        self.task
    }

    pub(crate) fn is_none(self) -> bool {
        self.task.is_null()
    }
}

impl Local {
    pub(crate) fn new() -> Local {
        let deque = Deque::new();
        let ring = Line::new_fifo();
        let remote = Arc::new(Remote {
            fresh: AtomicPtr::new(ptr::null_mut()),
            pushed: AtomicU32::new(0),
            deque: deque.thief(),
            ring: ring.stealer(),
        });
        Local { remote, deque, ring, fresh_streak: 0 }
    }

    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }

    /// Queues a task to run next.
    #[inline]
    pub(crate) fn push(&mut self, task: TaskRef) {
        // ORDERING: Relaxed, a hint for those who look for the newest; nobody else writes.
        let number = self.remote.pushed.load(Ordering::Relaxed).wrapping_add(1);
        // ORDERING: Relaxed, as above.
        self.remote.pushed.store(number, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.remote.fresh.store(task.as_raw().as_ptr(), Ordering::Relaxed);
        if let Err(task) = self.deque.push(task) {
            self.take_fresh();
            self.push_last(task);
        }
    }

    /// Was the newest task queued since the last one went? It is not from here on.
    #[inline]
    fn take_fresh(&mut self) -> bool {
        let is_fresh = !self.remote.fresh().is_null();
        if is_fresh {
            // ORDERING: Relaxed, a hint.
            self.remote.fresh.store(ptr::null_mut(), Ordering::Relaxed);
        }
        is_fresh
    }

    /// Queues a task that was taken from another's deque.
    fn keep(&mut self, task: TaskRef) {
        if let Err(task) = self.deque.push(task) {
            self.push_last(task);
        }
    }

    /// Queues a task behind all others.
    pub(crate) fn push_last(&self, task: TaskRef) {
        self.ring.push(task);
    }

    /// Queues a task behind all others, and takes the first of those that yielded; it may be this one itself. If there is
    /// one, that was a `SeqCst` exchange behind the push.
    #[inline]
    pub(crate) fn push_last_and_pop(&self, task: TaskRef) -> Option<TaskRef> {
        self.ring.push(task);
        self.ring.pop()
    }

    /// The newest task.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        if self.deque.is_empty() {
            self.fresh_streak = 0;
            return None;
        }
        if self.remote.fresh().is_null() {
            self.fresh_streak = 0;
        } else if self.fresh_streak < FRESH_BUDGET {
            self.fresh_streak += 1;
        } else {
            self.fresh_streak = 0;
            if let Some(second) = self.deque.pop_second() {
                return Some(second);
            }
        }
        self.take_fresh();
        self.deque.pop()
    }

    /// The newest task, if it was queued since the last one went.
    #[inline]
    pub(crate) fn pop_fresh(&mut self) -> Option<TaskRef> {
        let may = self.fresh_streak < FRESH_BUDGET && self.take_fresh();
        self.fresh_streak = if may { self.fresh_streak + 1 } else { 0 };
        if may { self.deque.pop() } else { None }
    }

    /// Are there tasks that yielded?
    pub(crate) fn has_yielded(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Takes this task, if it is the newest.
    #[inline]
    pub(crate) fn claim(&mut self, task: &TaskRef) -> Option<TaskRef> {
        let task = self.deque.pop_if(task)?;
        self.take_fresh();
        Some(task)
    }

    /// The oldest of the tasks that yielded.
    #[inline]
    pub(crate) fn pop_yielded(&mut self) -> Option<TaskRef> {
        if self.ring.is_empty() { None } else { self.ring.pop() }
    }

    /// One of the tasks that yielded on another worker, if it has many more of them, and others to go behind one's
    /// own: tasks in a shorter ring have more turns.
    pub(crate) fn level_with(&self, other: &Remote) -> Option<TaskRef> {
        let own = self.ring.len();
        let enough = own + own / 8 + LEVEL_SLACK;
        let others = other.ring.len();
        // A look at a ring that turns counts what was put into it meanwhile: two are not both late.
        if others <= enough || other.ring.len() <= enough {
            return None;
        }
        let some = ((others - own) / 2).min(LEVEL_MOST);
        settle(|| other.ring.steal_batch_with_limit_and_pop(&self.ring, some))
    }

    /// One of the oldest tasks of another worker's deque, and others to go into one's own, if there are none in that.
    pub(crate) fn relieve(&mut self, other: &Remote) -> Option<TaskRef> {
        if !self.deque.is_empty() || other.deque.is_empty() {
            return None;
        }
        other.deque.steal_many(other.spared(), |task| self.keep(task))
    }

    /// The oldest task of the deque.
    pub(crate) fn pop_oldest(&mut self) -> Option<TaskRef> {
        self.deque.pop_front()
    }

    /// Is there nothing at all?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.deque.is_empty() && self.ring.is_empty()
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.remote.len()
    }

    /// Is there nothing but tasks that yielded?
    #[inline]
    pub(crate) fn has_only_yielded(&self) -> bool {
        self.deque.is_empty() && !self.ring.is_empty()
    }

    /// Takes half of another worker's oldest tasks, one of them to run. Not its newest: see [`Remote::take_newest`].
    pub(crate) fn steal_from(&mut self, other: &Remote) -> Option<TaskRef> {
        other
            .deque
            .steal_many(other.spared(), |task| self.keep(task))
            .or_else(|| settle(|| other.ring.steal_batch_and_pop(&self.ring)))
    }
}

impl Remote {
    /// Is there nothing at all?
    pub(crate) fn is_empty(&self) -> bool {
        self.deque.is_empty() && self.ring.is_empty()
    }

    /// Takes any task: at the end, when nobody serves the queues any more.
    pub(crate) fn take_any(&self) -> Option<TaskRef> {
        self.deque.steal().or_else(|| settle(|| self.ring.steal()))
    }

    pub(crate) fn len(&self) -> usize {
        self.deque.len() + self.ring.len()
    }

    /// The task that was queued last, if none was taken by the owner since. It may have been stolen.
    #[inline]
    fn fresh(&self) -> *mut Header {
        // ORDERING: Relaxed, a hint.
        self.fresh.load(Ordering::Relaxed)
    }

    /// How many of the newest tasks thieves leave alone.
    fn spared(&self) -> u32 {
        u32::from(!self.fresh().is_null())
    }

    /// Which task is the newest, if thieves leave it alone. A look.
    pub(crate) fn newest(&self) -> Newest {
        if self.deque.is_empty() {
            return Newest::NONE;
        }
        // ORDERING: Relaxed, a hint.
        Newest { number: self.pushed.load(Ordering::Relaxed), task: self.fresh() }
    }

    /// Takes the newest task, if it is this one still, and alone.
    pub(crate) fn take_newest(&self, newest: Newest) -> Option<TaskRef> {
        if newest.is_none() || self.newest() != newest { None } else { self.deque.steal() }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        while let Some(task) = self.take_any() {
            drop(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::queue::deque::ROOM;
    use crate::task::TaskRef;
    use std::num::NonZero;
    use std::ptr::NonNull;

    /// A number in place of an address, which nobody follows.
    fn task(number: usize) -> TaskRef {
        let address = NonZero::<usize>::MIN.saturating_add(number);
        // SAFETY: it is made a number again, and nobody looks behind it.
        unsafe { TaskRef::from_raw(NonNull::without_provenance(address)) }
    }

    #[test]
    fn what_finds_no_room_while_a_thief_takes_some_goes_behind_the_others() {
        const MANY: usize = 3 * ROOM as usize;
        let mut local = Local::new();
        let shared = local.deque.shared.clone();
        let taking = shared.row.lock();
        for number in 0..MANY {
            local.push(task(number));
            assert_eq!(local.len(), number + 1, "it is seen by others");
        }
        drop(taking);
        let mut all = Vec::new();
        while let Some(task) = local.pop().or_else(|| local.pop_yielded()) {
            all.push(task.into_raw().addr().get() - 1);
        }
        all.sort_unstable();
        assert_eq!(all, (0..MANY).collect::<Vec<_>>());
    }
}
