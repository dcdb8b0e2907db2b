//! Ready tasks of other priorities than the ordinary one: a queue for each class, beside those of everybody else.
//!
//! [`Ranks`] is the runtime's, for tasks that may run anywhere; [`Lanes`] a carrier's, for those pinned to it. A
//! runtime whose tasks all have the same priority pays a look at a flag that nobody writes.

use super::Injector;
use crate::ebb::give_room;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::task::TaskRef;
use crate::task::priority::Class;
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ranks {
    /// There is, or was, a task of another priority.
    open: AtomicBool,
    classes: [Injector; Class::COUNT],
}

impl Ranks {
    pub(crate) fn new() -> Ranks {
        Ranks { open: AtomicBool::new(false), classes: std::array::from_fn(|_| Injector::new()) }
    }

    /// From here on there may be such tasks. Before any is queued.
    pub(crate) fn open(&self) {
        // ORDERING: Relaxed, as in `is_open`.
        if !self.open.load(Ordering::Relaxed) {
            // ORDERING(ranks.open): Relaxed, before the task is pushed anywhere: who sees it queued, or runs
            // the idle protocol's fence behind its pusher's, sees this.
            self.open.store(true, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        // ORDERING(ranks.open): Relaxed, ordered as the looks at the queues themselves, see `open`.
        self.open.load(Ordering::Relaxed)
    }

    /// Puts a task, if it is of another priority; else gives it back.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) -> Result<(), TaskRef> {
        if task.is_ranked() { self.push_ranked(task) } else { Err(task) }
    }

    #[cold]
    #[inline(never)]
    fn push_ranked(&self, task: TaskRef) -> Result<(), TaskRef> {
        // None after all: nothing is lent to this one, or the priority has changed just now.
        let Some(class) = task.class() else { return Err(task) };
        self.classes[class as usize].push(task);
        Ok(())
    }

    pub(crate) fn pop(&self, class: Class) -> Option<TaskRef> {
        self.classes[class as usize].pop()
    }

    /// Whatever there is, the first class first.
    pub(crate) fn pop_any(&self) -> Option<TaskRef> {
        if !self.is_open() {
            return None;
        }
        Class::ALL.into_iter().find_map(|class| self.pop(class))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_open() || self.classes.iter().all(Injector::is_empty)
    }

    pub(crate) fn len(&self) -> usize {
        self.classes.iter().map(Injector::len).sum()
    }
}

/// See the module. Touched by its carrier's thread only.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    tasks: usize,
    classes: [VecDeque<TaskRef>; Class::COUNT],
}

impl Lanes {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks == 0
    }

    /// The carrier is about to sleep.
    pub(super) fn rest(&mut self) {
        self.classes.iter_mut().for_each(give_room);
    }

    pub(crate) fn push(&mut self, class: Class, task: TaskRef) {
        self.tasks += 1;
        self.classes[class as usize].push_back(task);
    }

    pub(crate) fn pop(&mut self, class: Class) -> Option<TaskRef> {
        let task = self.classes[class as usize].pop_front()?;
        self.tasks -= 1;
        Some(task)
    }
}
