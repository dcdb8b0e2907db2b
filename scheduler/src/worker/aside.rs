//! A task that waits, and was switched away just now: its suspension is put off, because the next one here is likely to wake it.
//!
//! Two tasks on one carrier that talk to each other wake each other, turn by turn: each time the one is suspended by an
//! exchange of its state word, and woken by another, which nobody else has looked at in between. So the last one that was
//! switched away is kept *aside* in a cell of its carrier, with its reference, and its state word says `ACTIVE`. If a task on
//! this thread notifies it, it is taken from there and queued, and no exchange is made. Else it is suspended after all, a
//! little later.
//!
//! | it is kept aside, and | then |
//! |---|---|
//! | a task on this thread notifies it in its seat | [`take`]: it is queued |
//! | whoever else wakes it, or asks it to unwind | its word says `WOKEN`, and its suspension comes to nothing: it is queued there |
//! | another is switched away | that one takes its place, and it is suspended |
//! | somebody on this thread is to know who is ready | it is suspended |
//!
//! - INVARIANT(aside.own): it is pinned to this carrier, so nobody could run it meanwhile: its thread is busy with another
//!   task. It sits in a list's seat ([`crate::wait::seat`]), which finds it without a lock or a count: nobody else has
//!   anything to spare by this.
//! - INVARIANT(aside.soon): whoever wakes it elsewhere tells nobody. So it is [suspended](Carrier::suspend_aside) wherever a
//!   task in the ring would be found: before a pick that looks further, or finds nobody who was woken here; before a turn is
//!   passed to one that yielded; before anybody on this thread asks whether others are ready; and before the thread stops for
//!   something else than a native call. What is left are picks of those that were woken here, fifteen in a row at most, and
//!   turns that are lent.
//!
//! Must not: be touched by another thread.

use super::current;
use crate::carrier::Carrier;
use crate::task::state::Suspend;
use crate::task::{Header, TaskRef};
use std::ptr::NonNull;

impl Carrier {
    /// Suspends a task that was switched away, now or, if it [may be kept](may_be_kept) aside, a little later. In the loop, or
    /// by one that may be kept, has a worker, and is switched away next.
    #[inline]
    pub(super) fn suspend(&self, task: TaskRef) {
        let is_kept = may_be_kept(&task) && self.word.is_run();
        let raw = task.into_raw();
        let due = if is_kept { self.aside.replace(Some(raw)) } else { Some(raw) };
        if let Some(task) = due {
            self.suspend_now(task);
        }
    }

    /// Suspends the task that is kept aside. On this carrier's thread.
    #[inline]
    pub(crate) fn suspend_aside(&self) {
        if let Some(task) = self.aside.take() {
            self.suspend_now(task);
        }
    }

    /// Is a task kept aside? On this carrier's thread.
    #[inline]
    pub(super) fn keeps_aside(&self) -> bool {
        self.aside.get().is_some()
    }

    #[inline(never)]
    fn suspend_now(&self, task: NonNull<Header>) {
        // While the task is suspended its scheduler's reference belongs to nobody; the winner of a wake takes it over.
        // SAFETY: the reference was not given up before the task is suspended.
        match unsafe { task.as_ref() }.state.transition_to_suspended() {
            // After this line the task may be gone.
            Suspend::Suspended => {}
            // SAFETY: nobody else took the reference over.
            Suspend::Woken => self.shared().submit(unsafe { TaskRef::from_raw(task) }),
        }
    }
}

/// May the task be kept aside on the carrier that it runs on? See INVARIANT(aside.own).
#[inline]
pub(super) fn may_be_kept(task: &Header) -> bool {
    task.sits() && !task.migrating
}

/// The task, with its scheduler's reference, if it is kept aside on this thread, and may be queued there.
#[inline]
pub(crate) fn take(task: &Header) -> Option<(&'static Carrier, TaskRef)> {
    // SAFETY: the arena outlives this thread's stay in its runtime; the caller does not switch.
    let carrier = unsafe { current::carrier().as_ref() }?;
    if carrier.aside.get() != Some(NonNull::from(task)) || !carrier.word.is_run() {
        return None;
    }
    let raw = carrier.aside.take()?;
    // SAFETY: the reference was kept with it, and is kept there no more.
    Some((carrier, unsafe { TaskRef::from_raw(raw) }))
}

#[cfg(test)]
mod tests;
