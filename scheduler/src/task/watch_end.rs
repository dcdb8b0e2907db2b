//! Being woken at the end of a task, beside other waits.

use super::TaskRef;
use super::join::{JoinHandle, register, take_back};
use crate::wait::{self, Waiter};

/// A task's end wakes a waiter while this lives. Dropping it takes that back.
pub struct EndWatch {
    task: TaskRef,
}

impl<T> JoinHandle<T> {
    /// Would a join return without a wait: because the task has ended, or because the wait would never end?
    #[doc(hidden)]
    pub fn joins_at_once(&self) -> bool {
        self.is_finished() || wait::would_deadlock(self.task())
    }

    /// Lets the task's end wake the waiter. `None`: it has ended.
    ///
    /// # Safety
    /// While the watch lives, nobody watches or joins the task, unless it has ended.
    #[doc(hidden)]
    pub unsafe fn watch_end(&self, waiter: &Waiter) -> Option<EndWatch> {
        // SAFETY: the caller's promise: there is no other joiner.
        let is_registered = unsafe { register(self.task(), waiter) };
        is_registered.then(|| EndWatch { task: self.task().clone() })
    }
}

impl Drop for EndWatch {
    fn drop(&mut self) {
        // SAFETY: registered by `watch_end`.
        unsafe { take_back(&self.task) };
    }
}

impl std::fmt::Debug for EndWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EndWatch").field(&self.task).finish()
    }
}
