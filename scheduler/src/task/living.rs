//! The list of the living: every task that ever waited, or was switched away from, and has not ended.
//!
//! A suspended task is on no queue; if whoever should wake it never does, only this list still
//! knows it. Shutdown aborts what it finds here, and a dump names it. Tasks that never ran are found on
//! queues, one that runs on its carrier: so a task that runs through never comes here, and a short
//! task pays nothing.
//!
//! A list is rows of places, and a task knows its own: who leaves touches no other task, which would
//! have left the caches long since. A row stays where it is when more are added: nobody waits until a million
//! places are copied, and what a list has outgrown takes no memory.
//!
//! Several lists, each under its lock, so that carriers do not meet.

use super::header::{Header, Marks};
use super::reference::TaskRef;
use crate::sync::Mutex;
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::ptr::NonNull;

const SHARDS: usize = 16;

/// So many places are a row. An empty list keeps one row.
const ROW: usize = 64;

/// A task's place in its list. Touched by the task's owner only.
#[derive(Debug)]
pub(crate) struct LivingPlace(Cell<u32>);

impl LivingPlace {
    pub(super) fn new() -> LivingPlace {
        LivingPlace(Cell::new(0))
    }
}

#[derive(Default)]
struct List {
    /// Each but the last is full. `None`: the place is free.
    rows: Vec<Vec<Option<NonNull<Header>>>>,
    free: Vec<u32>,
}

impl List {
    /// A place that was nobody's yet.
    fn add(&mut self) -> u32 {
        if self.rows.last().is_none_or(|row| row.len() == ROW) {
            self.rows.push(Vec::with_capacity(ROW));
        }
        let place = self.places();
        self.rows.last_mut().expect("added above, or not full").push(None);
        u32::try_from(place).expect("fewer than 2^36 tasks at once")
    }

    /// How many there are.
    fn places(&self) -> usize {
        self.rows.last().map_or(0, |last| (self.rows.len() - 1) * ROW + last.len())
    }

    fn place(&mut self, place: u32) -> &mut Option<NonNull<Header>> {
        &mut self.rows[place as usize / ROW][place as usize % ROW]
    }
}

// SAFETY: the pointers are to headers, which may be shared; see `Living::all`.
unsafe impl Send for List {}

/// See the module.
#[derive(Default)]
pub(crate) struct Living {
    shards: [CachePadded<Mutex<List>>; SHARDS],
}

impl Living {
    pub(crate) fn new() -> Living {
        Living::default()
    }

    fn shard(&self, task: &Header) -> &Mutex<List> {
        &self.shards[task.id.0 as usize % SHARDS]
    }

    /// Adds a task that waits or was switched away from, once. By its owner.
    #[inline]
    pub(crate) fn add(&self, task: &Header) {
        if !task.marks.set(Marks::LINKED, true) {
            self.enter(task);
        }
    }

    #[cold]
    fn enter(&self, task: &Header) {
        let mut list = self.shard(task).lock();
        let place = list.free.pop().unwrap_or_else(|| list.add());
        *list.place(place) = Some(NonNull::from(task));
        task.living_place.0.set(place);
    }

    /// Removes a task that has ended. By its owner.
    #[inline]
    pub(crate) fn remove(&self, task: &Header) {
        if task.marks.set(Marks::LINKED, false) {
            self.leave(task);
        }
    }

    #[inline(never)]
    fn leave(&self, task: &Header) {
        let mut list = self.shard(task).lock();
        let place = task.living_place.0.get();
        *list.place(place) = None;
        list.free.push(place);
        if list.free.len() == list.places() && list.rows.len() > 1 {
            *list = List::default();
        }
    }

    /// A reference to every task in the list.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let list = shard.lock();
            for task in list.rows.iter().flatten().flatten() {
                // SAFETY: a task in the list has not ended, so the scheduler's reference is out:
                // it cannot be freed while the lock keeps it from being removed.
                let borrowed = std::mem::ManuallyDrop::new(unsafe { TaskRef::from_raw(*task) });
                tasks.push(TaskRef::clone(&borrowed));
            }
        }
        tasks
    }
}

impl std::fmt::Debug for Living {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
