//! The list of the living: every task that ever waited, or was switched away from, and has not ended.
//!
//! A suspended task is on no queue; if whoever should wake it never does, only this list still
//! knows it. Shutdown aborts what it finds here, and a dump names it. Tasks that never ran are found on
//! queues, one that runs on its carrier: so a task that runs through never comes here, and a short
//! task pays nothing.
//!
//! Several lists, each under its lock, so that carriers do not meet.

use super::header::{Header, TaskRef};
use crate::sync::Mutex;
use crossbeam_utils::CachePadded;
use std::ptr::{self, NonNull};

const SHARDS: usize = 16;

/// A task's neighbours in its list. Touched under the list's lock only.
#[derive(Debug)]
pub(crate) struct Links {
    previous: *const Header,
    next: *const Header,
}

impl Links {
    pub(super) fn new() -> Links {
        Links { previous: ptr::null(), next: ptr::null() }
    }
}

struct First(*const Header);

// SAFETY: the pointer and all links behind it are touched under the list's lock only.
unsafe impl Send for First {}

/// See the module.
pub(crate) struct Living {
    shards: [CachePadded<Mutex<First>>; SHARDS],
}

impl Living {
    pub(crate) fn new() -> Living {
        Living { shards: std::array::from_fn(|_| CachePadded::new(Mutex::new(First(ptr::null())))) }
    }

    fn shard(&self, task: &Header) -> &Mutex<First> {
        &self.shards[task.id.0 as usize % SHARDS]
    }

    /// Adds a task that waits or was switched away from, once. By its owner.
    #[inline]
    pub(crate) fn add(&self, task: &Header) {
        if !task.linked.replace(true) {
            self.link(task);
        }
    }

    #[cold]
    fn link(&self, task: &Header) {
        let mut first = self.shard(task).lock();
        // SAFETY: under the lock.
        unsafe { change(task, |links| links.next = first.0) };
        // SAFETY: under the lock; the first is in the list, or null.
        unsafe { change(first.0, |links| links.previous = task) };
        first.0 = task;
    }

    /// Removes a task that has ended. By its owner.
    pub(crate) fn remove(&self, task: &Header) {
        if !task.linked.replace(false) {
            return;
        }
        let mut first = self.shard(task).lock();
        // SAFETY: under the lock.
        let links = unsafe { task.links.get().replace(Links::new()) };
        if links.previous.is_null() {
            first.0 = links.next;
        }
        // SAFETY: under the lock; neighbours are in the list, or null.
        unsafe { change(links.previous, |neighbour| neighbour.next = links.next) };
        // SAFETY: as above.
        unsafe { change(links.next, |neighbour| neighbour.previous = links.previous) };
    }

    /// A reference to every task in the list.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let first = shard.lock();
            let mut at = first.0;
            while let Some(task) = NonNull::new(at.cast_mut()) {
                // SAFETY: a task in the list has not ended, so the scheduler's reference is out:
                // it cannot be freed while the lock keeps it from being removed.
                let borrowed = std::mem::ManuallyDrop::new(unsafe { TaskRef::from_raw(task) });
                tasks.push(TaskRef::clone(&borrowed));
                // SAFETY: under the lock.
                at = unsafe { &*borrowed.links.get() }.next;
            }
        }
        tasks
    }
}

/// Changes the links of a task, if there is one.
///
/// # Safety
/// The caller holds the lock of the task's list, and the task is null, in the list, or its own.
unsafe fn change(task: *const Header, change: impl FnOnce(&mut Links)) {
    // SAFETY: a task in the list has not ended; by contract.
    if let Some(task) = unsafe { task.as_ref() } {
        // SAFETY: links are touched under the lock only.
        change(unsafe { &mut *task.links.get() });
    }
}

impl std::fmt::Debug for Living {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
