//! The task on a carrier: which one, the embedder's word of it, and where its stack ends.
//!
//! Written by the carrier's own thread as it goes into a task's code and out of it. Others look; nothing here keeps
//! the task alive for them ([`crate::census`]).

use super::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use std::ptr;

impl Carrier {
    /// From here on the thread runs code of this task, on a stack that ends at `stack_low` if it is the
    /// task's own, else 0. On the carrier's own thread.
    #[inline]
    pub(crate) fn begin(&self, task: &Header, stack_low: usize) {
        self.set_task_word(task.embedder.get());
        self.stack_low.set(stack_low);
        // ORDERING: Relaxed, see the carrier's field rules. Of one that a lender goes on from, before the light
        // fence in `worker/finish.rs`; see `crate::census`.
        self.current.store(ptr::from_ref(task).cast_mut(), Ordering::Relaxed);
    }

    /// The thread is out of the task's code. On the carrier's own thread.
    #[inline]
    pub(crate) fn end(&self) {
        self.set_task_word(ptr::null());
        self.stack_low.set(0);
        // ORDERING: Relaxed, before the light fence in the loop's `finish`; see `crate::census`.
        self.current.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// The task on this carrier, or null in its loop. On the carrier's own thread.
    #[inline]
    pub(crate) fn current(&self) -> *const Header {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        self.current.load(Ordering::Relaxed)
    }

    /// The task on this carrier, for those who look. Followed only as the census says.
    pub(crate) fn seen_current(&self) -> *const Header {
        // ORDERING: Relaxed, see `crate::census`.
        self.current.load(Ordering::Relaxed)
    }

    /// Is there a task on this carrier? By anybody, a look.
    pub(crate) fn is_occupied(&self) -> bool {
        // ORDERING: Relaxed, a look.
        !self.foreign && !self.current.load(Ordering::Relaxed).is_null()
    }

    /// The word that the embedder keeps with the task. On the carrier's own thread.
    #[inline(always)]
    pub(crate) fn task_word(&self) -> *const () {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        self.task_word.load(Ordering::Relaxed)
    }

    /// As the task's header has it. On the carrier's own thread.
    #[inline]
    pub(crate) fn set_task_word(&self, word: *const ()) {
        // ORDERING: Relaxed, as above.
        self.task_word.store(word.cast_mut(), Ordering::Relaxed);
    }
}
