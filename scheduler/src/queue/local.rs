//! The queues that travel with a worker.
//!
//! Newest first: a task that was just made ready has its data warm, and a tree of tasks that is
//! walked depth-first keeps few of them alive at once. Two tasks that wake each other by way of the
//! slot would starve the deque, so the slot has a budget; whoever waits longest is served by the
//! worker's fair pick.

use super::settle;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::task::{Header, TaskRef};
use crossbeam_deque::{Stealer, Worker as Deque};
use std::ptr::{self, NonNull};

/// How many times in a row the slot goes before the deque.
const SLOT_BUDGET: u8 = 3;

/// How many more tasks another's ring must have than an eighth above one's own, before any are taken from it. A few
/// tasks are better off where they are, beside those that they talk to.
const LEVEL_SLACK: usize = 48;

/// How many of them are taken at once, at most.
const LEVEL_MOST: usize = 32;

/// The owner's side.
#[derive(Debug)]
pub(crate) struct Local {
    remote: Arc<Remote>,
    deque: Deque<TaskRef>,
    ring: Deque<TaskRef>,
    slot_streak: u8,
}

/// The side that everybody sees.
#[derive(Debug)]
pub(crate) struct Remote {
    slot: AtomicPtr<Header>,
    /// How many were put there, to tell them apart: a task may lie where another lay. Written by the owner.
    pushed: AtomicU32,
    deque: Stealer<TaskRef>,
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
        let deque = Deque::new_lifo();
        let ring = Deque::new_fifo();
        let remote = Arc::new(Remote {
            slot: AtomicPtr::new(ptr::null_mut()),
            pushed: AtomicU32::new(0),
            deque: deque.stealer(),
            ring: ring.stealer(),
        });
        Local { remote, deque, ring, slot_streak: 0 }
    }

    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }

    /// Queues a task to run next.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        if let Some(displaced) = self.exchange(task) {
            self.push_displaced(displaced);
        }
    }

    /// Puts a task where it runs next, as the last step, and returns the one that was there, for
    /// [`Local::push_displaced`].
    #[inline]
    #[must_use = "a task that is not queued is lost"]
    pub(crate) fn exchange(&self, task: TaskRef) -> Option<TaskRef> {
        let task = task.into_raw().as_ptr();
        // ORDERING: Relaxed, a hint for those who look for the newest; nobody else writes.
        let number = self.remote.pushed.load(Ordering::Relaxed).wrapping_add(1);
        // ORDERING: Relaxed, as above.
        self.remote.pushed.store(number, Ordering::Relaxed);
        // ORDERING(queue.slot): Release for whoever takes the task, Acquire for the one that is displaced; pairs with
        // the swaps in `Remote::take_slot`. SeqCst for `Shared::after_exchange`.
        let displaced = self.remote.slot.swap(task, Ordering::SeqCst);
        // SAFETY: the slot held one reference, which the swap took out.
        NonNull::new(displaced).map(|displaced| unsafe { TaskRef::from_raw(displaced) })
    }

    /// Queues a task that another has displaced, before all but that one.
    #[inline]
    pub(crate) fn push_displaced(&self, task: TaskRef) {
        self.deque.push(task);
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
        if self.slot_streak < SLOT_BUDGET {
            if let Some(task) = self.remote.take_slot() {
                self.slot_streak += 1;
                return Some(task);
            }
            self.slot_streak = 0;
            return self.pop_deque();
        }
        self.slot_streak = 0;
        self.pop_deque().or_else(|| self.remote.take_slot())
    }

    /// The newest task, if nothing was queued before it since.
    #[inline]
    pub(crate) fn pop_slot(&mut self) -> Option<TaskRef> {
        let task = if self.slot_streak < SLOT_BUDGET { self.remote.take_slot() } else { None };
        self.slot_streak = if task.is_some() { self.slot_streak + 1 } else { 0 };
        task
    }

    /// Are there tasks that yielded?
    pub(crate) fn has_yielded(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Takes this task, if it is the newest and in the slot.
    #[inline]
    pub(crate) fn claim(&self, task: &TaskRef) -> Option<TaskRef> {
        let wanted = task.as_raw().as_ptr();
        if self.remote.in_slot() == wanted { self.remote.take_from_slot(wanted) } else { None }
    }

    #[inline]
    fn pop_deque(&self) -> Option<TaskRef> {
        if self.deque.is_empty() { None } else { self.deque.pop() }
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
    pub(crate) fn relieve(&self, other: &Remote) -> Option<TaskRef> {
        if !self.deque.is_empty() || other.deque.is_empty() {
            return None;
        }
        settle(|| other.deque.steal_batch_and_pop(&self.deque))
    }

    /// The oldest task of the deque.
    pub(crate) fn pop_oldest(&mut self) -> Option<TaskRef> {
        // To steal costs a fence and an epoch even where there is nothing.
        if self.deque.is_empty() { None } else { settle(|| self.remote.deque.steal()) }
    }

    /// Is there nothing at all?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.remote.slot_is_empty() && self.deque.is_empty() && self.ring.is_empty()
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.remote.len()
    }

    /// Is there nothing but tasks that yielded?
    #[inline]
    pub(crate) fn has_only_yielded(&self) -> bool {
        self.remote.slot_is_empty() && self.deque.is_empty() && !self.ring.is_empty()
    }

    /// Takes half of another worker's oldest tasks, one of them to run. Not its newest: see [`Remote::take_newest`].
    pub(crate) fn steal_from(&self, other: &Remote) -> Option<TaskRef> {
        settle(|| other.deque.steal_batch_and_pop(&self.deque))
            .or_else(|| settle(|| other.ring.steal_batch_and_pop(&self.ring)))
    }
}

impl Remote {
    /// Is there nothing at all?
    pub(crate) fn is_empty(&self) -> bool {
        self.slot_is_empty() && self.deque.is_empty() && self.ring.is_empty()
    }

    /// Takes any task: at the end, when nobody serves the queues any more.
    pub(crate) fn take_any(&self) -> Option<TaskRef> {
        settle(|| self.deque.steal())
            .or_else(|| settle(|| self.ring.steal()))
            .or_else(|| self.take_slot())
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(!self.slot_is_empty()) + self.deque.len() + self.ring.len()
    }

    #[inline]
    fn slot_is_empty(&self) -> bool {
        self.in_slot().is_null()
    }

    /// The task in the slot; null: none is.
    #[inline]
    fn in_slot(&self) -> *mut Header {
        // ORDERING: Relaxed, a look; the exchange in `take_slot` or `take_from_slot` decides.
        self.slot.load(Ordering::Relaxed)
    }

    /// Which task is the newest. A look.
    pub(crate) fn newest(&self) -> Newest {
        // ORDERING: Relaxed, a hint.
        Newest { number: self.pushed.load(Ordering::Relaxed), task: self.in_slot() }
    }

    /// Takes the newest task, if it is this one still.
    pub(crate) fn take_newest(&self, newest: Newest) -> Option<TaskRef> {
        self.take_from_slot(newest.task)
    }

    #[inline]
    fn take_from_slot(&self, wanted: *mut Header) -> Option<TaskRef> {
        let task = NonNull::new(wanted)?;
        let (slot, none) = (&self.slot, ptr::null_mut());
        // ORDERING(queue.slot): AcqRel, as in `take_slot`; a failure means that another has it.
        slot.compare_exchange(wanted, none, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        // SAFETY: the slot held one reference, which the exchange took out.
        Some(unsafe { TaskRef::from_raw(task) })
    }

    #[inline]
    fn take_slot(&self) -> Option<TaskRef> {
        if self.slot_is_empty() {
            return None;
        }
        // ORDERING(queue.slot): AcqRel, Acquire for the task that is taken; pairs with the swap in
        // `Local::exchange`.
        let task = NonNull::new(self.slot.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: the slot held one reference, which the swap took out.
        Some(unsafe { TaskRef::from_raw(task) })
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.take_slot());
    }
}
