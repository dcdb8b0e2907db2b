//! Thread affinity: a task is *tied* to its carrier, and goes on there only, however often it is
//! suspended.
//!
//! A task that is pinned by its spawn is tied for life. One that may migrate is tied while it has a bracket
//! open ([`begin`], [`end`]), or a callback above native frames that may not change their thread
//! ([`crate::crossing::below`]). The ties are counted together, and the last one that goes frees the task.
//!
//! INVARIANT(affinity.home): while a task has ties, its home is the carrier that it was on at the first of
//! them, and it is counted there as pinned. It is on that carrier whenever its code runs, so the same thread
//! writes both from the first tie to the last.

use crate::carrier::Carrier;
use crate::sync::atomic::Ordering;
use crate::task::Header;
use crate::wait;
use crate::worker::current;
use std::cell::Cell;
use std::ptr;

/// Opens a bracket of the current task: until the matching [`end`] it stays on this thread. Of a thread
/// that runs no task it is counted, and changes nothing. In managed code and in native code; does not block.
///
/// # Panics
/// With 2^32 - 1 brackets open.
pub fn begin() {
    match wait::kept_task() {
        Some((carrier, task)) => {
            count(&task.brackets, 1);
            tie(carrier, task);
        }
        None => {
            current::with_thread_brackets(|brackets| count(brackets, 1));
        }
    }
}

/// Closes a bracket. False: none is open, and nothing was done. Does not block.
pub fn end() -> bool {
    match wait::kept_task() {
        Some((carrier, task)) => {
            let is_open = count(&task.brackets, -1);
            if is_open {
                untie(carrier, task);
            }
            is_open
        }
        None => current::with_thread_brackets(|brackets| count(brackets, -1)),
    }
}

/// How many brackets the current task has open, or this thread, if it runs none.
pub fn depth() -> u32 {
    match wait::kept_task() {
        Some((_, task)) => task.brackets.get(),
        None => current::with_thread_brackets(Cell::get),
    }
}

/// From here to its end the current task waits in place: it keeps its carrier, and its worker goes to others
/// meanwhile. So no other task runs on this thread as long as it lives. In managed code and in native code; does
/// not block. False: no task runs here.
pub fn keep_carrier() -> bool {
    let Some((_, task)) = wait::kept_task() else { return false };
    // Taken back with the task, by `below::forget`.
    wait::keep_unswitched(task);
    true
}

/// False if it would fall below 0.
fn count(brackets: &Cell<u32>, more: i32) -> bool {
    let next = brackets.get().checked_add_signed(more);
    assert!(next.is_some() || more < 0, "2^32 - 1 brackets of thread affinity are open");
    if let Some(next) = next {
        brackets.set(next);
    }
    next.is_some()
}

/// One more tie. By the task's own code, on `carrier`.
#[inline(always)]
pub(crate) fn tie(carrier: &Carrier, task: &Header) {
    // ORDERING: Relaxed, the owner writes; published by the state word (task.state), or a queue.
    let ties = task.ties.load(Ordering::Relaxed);
    if ties == 0 && task.migrating {
        come_home(carrier, task);
    }
    // ORDERING: Relaxed, as above.
    task.ties.store(ties + 1, Ordering::Relaxed);
}

/// The first tie of a task that may migrate.
#[inline(never)]
fn come_home(carrier: &Carrier, task: &Header) {
    carrier.set_pinned(carrier.pinned() + 1);
    // ORDERING: Relaxed, as in `tie`.
    task.home.store(ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
}

/// One less. By the task's own code, on the same carrier.
#[inline(always)]
pub(crate) fn untie(carrier: &Carrier, task: &Header) {
    // ORDERING: Relaxed, as in `tie`.
    let ties = task.ties.load(Ordering::Relaxed).saturating_sub(1);
    // ORDERING: Relaxed, as above.
    task.ties.store(ties, Ordering::Relaxed);
    if ties == 0 && task.migrating {
        leave_home(carrier, task);
    }
}

/// The last tie of a task that may migrate is gone.
#[inline(never)]
fn leave_home(carrier: &Carrier, task: &Header) {
    carrier.set_pinned(carrier.pinned() - 1);
    // ORDERING: Relaxed, as in `tie`.
    task.home.store(ptr::null_mut(), Ordering::Relaxed);
}

/// Does anything tie the task to its carrier? By the task.
#[inline]
pub(crate) fn has_ties(task: &Header) -> bool {
    // ORDERING: Relaxed, the owner reads what an owner wrote before it.
    task.brackets.get() > 0 || task.ties.load(Ordering::Relaxed) > 0
}

/// The task ends: it has no ties any more.
pub(crate) fn forget(carrier: &Carrier, task: &Header) {
    let open = task.brackets.take();
    if open > 0 {
        tracing::warn!(
            target: "sortie::task",
            task = task.id.get(),
            open,
            "a task has ended with brackets of thread affinity open"
        );
    }
    // ORDERING: Relaxed, the owner reads what an owner wrote before it.
    while task.ties.load(Ordering::Relaxed) > 0 {
        untie(carrier, task);
    }
}
