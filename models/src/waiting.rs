//! What stands in a line in the models, or sits before it: a thread with a parker of the scheduler's.

use crate::park::Parker;
use crate::wait::due::{Sitter, Waiting};
use crate::wait::line::Ticket;
use loom::cell::UnsafeCell;
use std::sync::Arc;

/// One who stands.
#[derive(Clone)]
pub(crate) struct Somebody {
    pub(crate) parker: Arc<Parker>,
    home: usize,
    holds: usize,
}

impl Somebody {
    pub(crate) fn new() -> Somebody {
        Somebody { parker: Arc::new(Parker::new()), home: 0, holds: 0 }
    }

    /// One who holds this place while it waits.
    pub(crate) fn in_place(holds: usize) -> Somebody {
        Somebody { holds, ..Somebody::new() }
    }

    pub(crate) fn park(&self) {
        self.parker.park();
    }
}

impl Waiting for Somebody {
    fn wake(&self) {
        self.parker.unpark();
    }
    fn is_lost(&self) -> bool {
        false
    }
    fn home(&self) -> usize {
        self.home
    }
    fn holds(&self) -> usize {
        self.holds
    }
    fn level(&self) -> u8 {
        0
    }
}

/// One who can sit. Loom sees who looks at it when its owner has left.
pub(crate) struct Chair {
    pub(crate) who: Somebody,
    /// What the scheduler's is part of: a task's header, which is freed when the task ends.
    memory: UnsafeCell<Option<Ticket>>,
    is_lost: bool,
}

impl Chair {
    pub(crate) fn new(home: usize) -> Chair {
        let who = Somebody { home, ..Somebody::new() };
        Chair { who, memory: UnsafeCell::new(None), is_lost: false }
    }

    pub(crate) fn lost() -> Chair {
        Chair { is_lost: true, ..Chair::new(0) }
    }

    /// The owner is about to sit down, or has left: the memory is its own.
    pub(crate) fn own(&self) {
        self.memory.with_mut(|memory| {
            // SAFETY: loom sees whether it is the owner's alone.
            unsafe { *memory = None };
        });
    }

    fn look<R>(&self, look: impl FnOnce(Option<Ticket>) -> R) -> R {
        // SAFETY: loom sees whether nobody writes it.
        self.memory.with(|memory| look(unsafe { *memory }))
    }
}

impl Sitter for Chair {
    type Who = Somebody;
    type Owed = Arc<Parker>;

    fn begin_wake(&self) -> Arc<Parker> {
        self.look(|_| self.who.parker.clone())
    }
    fn end_wake(parker: Arc<Parker>) {
        parker.unpark();
    }
    fn is_lost(&self) -> bool {
        self.look(|_| self.is_lost)
    }
    fn home(&self) -> usize {
        self.look(|_| self.who.home)
    }
    fn stand(&self) -> Somebody {
        self.look(|_| self.who.clone())
    }
    fn move_to(&self, ticket: Ticket) {
        self.memory.with_mut(|memory| {
            // SAFETY: loom sees whether it is the holder's alone.
            unsafe { *memory = Some(ticket) };
        });
    }
    fn moved_to(&self) -> Option<Ticket> {
        self.look(|moved_to| moved_to)
    }
}
