//! Ready tasks for one carrier, put by anybody.
//!
//! A stack of headers linked through `next`, which the carrier takes whole and turns round.

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::task::{Header, TaskRef};
use std::collections::VecDeque;
use std::ptr::{self, NonNull};

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox {
    newest: AtomicPtr<Header>,
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        Mailbox { newest: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, a look. Where it must not miss a push, the caller runs a fence between
        // its own publication and this look (carrier.summons).
        self.newest.load(Ordering::Relaxed).is_null()
    }

    /// Puts a task.
    pub(crate) fn push(&self, task: TaskRef) {
        let task = task.into_raw();
        // ORDERING: Relaxed, a guess that the exchange checks.
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the task's reference is ours until the exchange gives it to the mailbox.
            unsafe { task.as_ref() }.next.set(newest);
            // ORDERING(queue.mailbox): Release, pairs with the Acquire swap in `take_all`.
            match self.newest.compare_exchange_weak(
                newest,
                task.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(changed) => newest = changed,
            }
        }
    }

    /// Moves all tasks to the end of `to`, oldest first. By the carrier.
    pub(crate) fn take_all(&self, to: &mut VecDeque<TaskRef>) {
        // ORDERING(queue.mailbox): Acquire, pairs with the Release exchange in `push`; the pushes
        // before the newest are in its release sequence.
        let mut at: *const Header = self.newest.swap(ptr::null_mut(), Ordering::Acquire);
        let end = to.len();
        while let Some(task) = NonNull::new(at.cast_mut()) {
            // SAFETY: the swap took the list, and with it one reference to each task in it.
            let task = unsafe { TaskRef::from_raw(task) };
            at = task.next.replace(ptr::null());
            to.push_back(task);
        }
        to.make_contiguous()[end..].reverse();
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.take_all(&mut VecDeque::new());
    }
}
