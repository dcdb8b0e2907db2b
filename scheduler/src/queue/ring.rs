//! Ready tasks that are pinned to one carrier. Touched by its thread only.
//!
//! Those that were woken by a task on the same carrier go next, the newest first: it is the parent whose last
//! child has just ended, and a tree that is walked depth-first keeps few of its tasks alive. Those that yielded, or
//! came by mail, take turns. Who picks sees to it that neither starves the other.

use super::Mailbox;
use crate::task::TaskRef;
use std::collections::VecDeque;

/// How many tasks in turn no longer fit into the first cache.
const MANY: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    woken: VecDeque<TaskRef>,
    turns: VecDeque<TaskRef>,
}

impl Ring {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.woken.is_empty()
    }

    /// Queues a task that was woken here.
    #[inline]
    pub(crate) fn push_woken(&mut self, task: TaskRef) {
        self.woken.push_back(task);
    }

    /// Queues a task behind all that take turns.
    #[inline]
    pub(crate) fn push_last(&mut self, task: TaskRef) {
        self.turns.push_back(task);
    }

    /// Takes the mail in.
    pub(crate) fn take_in(&mut self, mailbox: &Mailbox) {
        mailbox.take_all(&mut self.turns);
    }

    /// The task that was woken last.
    #[inline]
    pub(crate) fn pop_woken(&mut self) -> Option<TaskRef> {
        self.woken.pop_back()
    }

    /// The task whose turn it is, or that was woken first.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        let task = self.turns.pop_front();
        self.fetch_ahead();
        task.or_else(|| self.woken.pop_front())
    }

    /// The task that was woken first, or whose turn it is.
    pub(crate) fn pop_oldest_woken(&mut self) -> Option<TaskRef> {
        self.woken.pop_front().or_else(|| self.turns.pop_front())
    }

    /// Fetches what the next turns will touch: of the task after the next its header, of the next the rest. Not
    /// of a few tasks, which are there yet from their last turn.
    #[inline]
    fn fetch_ahead(&self) {
        if self.turns.len() < MANY {
            return;
        }
        if let Some(later) = self.turns.get(2) {
            later.prefetch();
        }
        if let Some(next) = self.turns.front() {
            next.prefetch_stack();
        }
    }
}
