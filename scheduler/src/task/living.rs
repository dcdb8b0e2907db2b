//! The list of the living: every task that ever waited, or was switched away from, and has not ended.
//!
//! A suspended task is on no queue; if whoever should wake it never does, only this list still
//! knows it. Shutdown aborts what it finds here, and a dump names it. Tasks that never ran are found on
//! queues, one that runs on its carrier: so a task that runs through never comes here, and a short
//! task pays nothing.
//!
//! A list is rows of places, and a task knows its own: who leaves touches no other task, which would
//! have left the caches long since, and who wakes a task can ask for its place ahead. A row stays where it is when more are added: nobody waits until a million
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
pub(crate) struct LivingPlace(Cell<Option<NonNull<Place>>>);

impl LivingPlace {
    pub(super) fn new() -> LivingPlace {
        LivingPlace(Cell::new(None))
    }

    /// Fetches the place into the cache, for one who will leave the list.
    #[inline]
    pub(super) fn prefetch(&self) {
        if let Some(place) = self.0.get() {
            crate::fetch::line(place.as_ptr().cast_const().cast());
        }
    }
}

/// A place in a list: the task in it, if it is not free. Touched under the list's lock only.
#[derive(Debug)]
pub(crate) struct Place(Cell<Option<NonNull<Header>>>);

/// INVARIANT(living.places): what is in `free`, and what [`List::enter`] has given, is in `rows`.
#[derive(Default)]
struct List {
    /// Each is full. They stay where they are as long as one place is taken.
    rows: Vec<Vec<Place>>,
    free: Vec<NonNull<Place>>,
}

impl List {
    /// Gives a task a place.
    fn enter(&mut self, task: NonNull<Header>) -> NonNull<Place> {
        let place = self.free.pop().unwrap_or_else(|| self.grow());
        // SAFETY: the list's own (INVARIANT(living.places)).
        unsafe { place.as_ref() }.0.set(Some(task));
        place
    }

    /// Makes a row of places, and takes the first.
    #[cold]
    fn grow(&mut self) -> NonNull<Place> {
        let row: Vec<_> = (0..ROW).map(|_| Place(Cell::new(None))).collect();
        self.free.extend(row.iter().rev().map(NonNull::from));
        self.rows.push(row);
        self.free.pop().expect("a row has places")
    }

    /// Frees a place.
    ///
    /// # Safety
    /// It came from [`List::enter`] of this list, and is freed once.
    unsafe fn leave(&mut self, place: NonNull<Place>) {
        // SAFETY: the list's own, by contract (INVARIANT(living.places)).
        unsafe { place.as_ref() }.0.set(None);
        self.free.push(place);
        if self.free.len() == self.rows.len() * ROW && self.rows.len() > 1 {
            *self = List::default();
        }
    }

    fn tasks(&self) -> impl Iterator<Item = NonNull<Header>> {
        self.rows.iter().flatten().filter_map(|place| place.0.get())
    }
}

// SAFETY: the pointers are to places of the list's own, and to headers, which may be shared; see `Living::all`.
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
        let place = self.shard(task).lock().enter(NonNull::from(task));
        task.living_place.0.set(Some(place));
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
        let place = task.living_place.0.get().expect("who is in the list has a place");
        // SAFETY: from `enter`, of the same shard, and the mark that said so is gone.
        unsafe { self.shard(task).lock().leave(place) };
    }

    /// A reference to every task in the list.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let list = shard.lock();
            for task in list.tasks() {
                // SAFETY: a task in the list has not ended, so the scheduler's reference is out:
                // it cannot be freed while the lock keeps it from being removed.
                let borrowed = std::mem::ManuallyDrop::new(unsafe { TaskRef::from_raw(task) });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;
    use crate::worker::lend::leave_warm_fibers;
    use crate::{Config, spawn_here, wait};
    use std::collections::HashSet;

    #[test]
    fn each_has_a_place_of_its_own_and_an_empty_list_no_rows() {
        const MANY: usize = 5 * ROW + 1;
        let task = |n: usize| NonNull::<Header>::dangling().map_addr(|it| it.saturating_add(n));
        let mut list = List::default();
        let mut places: Vec<_> = (0..MANY).map(|n| list.enter(task(n))).collect();
        // SAFETY: each is freed once.
        places.drain(..ROW).for_each(|place| unsafe { list.leave(place) });
        places.extend((0..ROW).map(|n| list.enter(task(n))));
        assert_eq!(list.rows.len(), 6, "free places are taken first");
        let all: HashSet<_> = list.tasks().collect();
        assert_eq!(all, (0..MANY).map(task).collect());
        // SAFETY: as above.
        places.drain(1..).for_each(|place| unsafe { list.leave(place) });
        assert_eq!(list.tasks().count(), 1);
        // SAFETY: as above.
        unsafe { list.leave(places[0]) };
        assert_eq!((list.rows.len(), list.free.len()), (0, 0));
    }

    /// In the child of a `fork` the lists may be locked for good.
    #[test]
    fn a_child_ends_with_a_task_that_was_lent_its_turn_and_asks_no_list() {
        let scheduler = Config::new().workers(1).start().expect("threads for a runtime");
        leave_warm_fibers(&scheduler);
        let lends = scheduler.spawn(|| {
            let forks = || {
                let shared = Arc::clone(&wait::task().expect("its own").shared);
                let locked: Vec<_> = shared.living.shards.iter().map(|it| it.lock()).collect();
                // SAFETY: the child does nothing but end.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    // SAFETY: has no conditions.
                    unsafe { libc::alarm(5) };
                    std::mem::forget(locked);
                }
                child
            };
            spawn_here(forks).ok().expect("in a task").join().expect("it just ends")
        });
        let (child, mut status) = (lends.join().expect("it just ends"), 0);
        // SAFETY: the place is borrowed for the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "it hung, if this is 0xe");
    }
}
