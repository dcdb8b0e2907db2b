//! A task as the mailbox sees it: a link that only its holder may touch, and who sees it out of turn is found.

use loom::cell::Cell;
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// See the module.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) next: Cell<*const Header>,
    pub(crate) number: usize,
}

/// The one reference to a task.
#[derive(Debug)]
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a link is touched by who holds the reference; loom looks whether that is so.
unsafe impl Send for TaskRef {}

impl TaskRef {
    pub(crate) fn new(number: usize) -> TaskRef {
        let header = Header { next: Cell::new(ptr::null()), number };
        TaskRef(NonNull::from(Box::leak(Box::new(header))))
    }

    /// # Safety
    /// The caller gives up a reference that it owns.
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> TaskRef {
        TaskRef(header)
    }

    pub(crate) fn as_raw(&self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl Deref for TaskRef {
    type Target = Header;
    fn deref(&self) -> &Header {
        // SAFETY: the reference keeps the header.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        // SAFETY: the one reference, and the header came out of a box.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
