//! Counted references to a task, and what a wake through one owes.

use super::header::Header;
use super::state::Wake;
use crate::sync::atomic::{Ordering, fence};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

/// A counted reference to a task.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a reference gives access to `Sync` parts, and to the owner's fields only by the rules.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

// A task that others look at is never seen half changed: its state is a word.
impl std::panic::UnwindSafe for TaskRef {}
impl std::panic::RefUnwindSafe for TaskRef {}

impl TaskRef {
    /// Takes over one of the counted references to the header.
    ///
    /// # Safety
    /// The caller gives up a reference that it owns.
    #[inline]
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> TaskRef {
        TaskRef(header)
    }

    /// The pointer, with the reference that goes with it.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    pub(crate) fn as_raw(&self) -> NonNull<Header> {
        self.0
    }

    /// Gives the loop's reference to a task up that [`Header::is_private`] and is done.
    #[inline]
    pub(crate) fn give_up_private(self) {
        // ORDERING: Relaxed, the other reference is in the hand of this very thread.
        self.refs.store(1, Ordering::Relaxed);
        std::mem::forget(self);
    }

    /// Gives a handle's reference up to a task that is done, and the scheduler's if that was left to it.
    #[inline]
    pub(super) fn give_up_done(self) {
        let task = ManuallyDrop::new(self);
        let count = if task.state.load().is_left() { 2 } else { 1 };
        // SAFETY: the handle's own, and the one that was left to it; not used again.
        unsafe { task.release(count) };
    }

    /// Gives up so many references.
    ///
    /// # Safety
    /// They are the caller's, who does not use them again.
    #[inline]
    unsafe fn release(&self, count: u32) {
        // ORDERING(task.refs): Acquire, pairs with the Release of each earlier drop. Who finds no references but its own has
        // them all, and nobody is left to make another.
        if self.refs.load(Ordering::Acquire) == count || self.release_shared(count) {
            // SAFETY: these were the last references.
            unsafe { (self.vtable.free)(self.0) };
        }
    }

    /// Takes so many from the references that others share. True: nobody has one any more.
    #[inline(never)]
    fn release_shared(&self, count: u32) -> bool {
        // ORDERING(task.refs): Release, pairs with the Acquire in `release` and below: what was done through
        // any reference comes before the end.
        let are_last = self.refs.fetch_sub(count, Ordering::Release) == count;
        if are_last {
            // ORDERING(task.refs): Acquire, pairs with the Release of each earlier drop.
            fence(Ordering::Acquire);
        }
        are_last
    }

    /// Wakes the task: it goes on, or will find at its next suspension that it need not.
    pub(crate) fn wake(&self) {
        self.settle(self.state.transition_to_woken());
    }

    /// As [`TaskRef::wake`], by the timer of this number, but for what is owed.
    pub(super) fn begin_ring(&self, timer: u64) -> Wake {
        // ORDERING: Relaxed, published by the wake that follows (task.state); who does not see it asks the clock.
        self.rung.store(timer, Ordering::Relaxed);
        self.state.transition_to_woken()
    }

    /// Does what a won wake owes.
    #[inline]
    pub(crate) fn settle(&self, owed: Wake) {
        match owed {
            Wake::Submit => {
                // SAFETY: the winner of the wake owns the scheduler's reference, which the task
                // kept while it was suspended.
                let task = unsafe { TaskRef::from_raw(self.0) };
                // `self` keeps the header, and through it the runtime, until the queue is told.
                self.shared.submit(task);
                tracing::trace!(target: "sortie::task", task = self.id.0, "wake");
            }
            Wake::Unpark => {
                if let Some(home) = self.home() {
                    home.parker.unpark();
                }
                tracing::trace!(target: "sortie::task", task = self.id.0, "wake in place");
            }
            Wake::Nothing => {}
        }
    }
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> TaskRef {
        // ORDERING: Relaxed, a new reference is made from one that keeps the header alive.
        let before = self.refs.fetch_add(1, Ordering::Relaxed);
        assert!(before < u32::MAX / 2, "more than 2^31 references to one task");
        TaskRef(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a counted reference, which ends here.
        unsafe { self.release(1) };
    }
}

impl Deref for TaskRef {
    type Target = Header;
    #[inline]
    fn deref(&self) -> &Header {
        // SAFETY: the counted reference keeps the header.
        unsafe { self.0.as_ref() }
    }
}

impl std::fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("state", &self.state)
            .finish()
    }
}
