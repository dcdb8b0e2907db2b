//! The owner's side: a row that grows and shrinks, of which it makes a part public.

use super::{Deque, Front, OWN, ROOM, Row, Shared, Thief, behind, index, places, start_of};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::fence::light;
use crate::sync::{Arc, CachePadded, Mutex};
use crate::task::{Header, TaskRef};
use std::ptr::NonNull;

/// For how many tasks there is room at most: places wrap around, and which is behind which is told by half of their numbers.
const MOST_ROOM: u32 = 1 << 30;

impl Deque {
    pub(crate) fn new() -> Deque {
        Deque::with(ROOM, OWN)
    }

    /// With room for so many (a power of two), of which the owner keeps `own` to itself.
    pub(crate) fn with(room: u32, own: u32) -> Deque {
        let row = places(room);
        let places = start_of(&row);
        let shared =
            Shared { front: AtomicU64::new(0), back: AtomicU32::new(0), row: Mutex::new(row) };
        let look_at = room.min(2 * own);
        let shared = Arc::new(CachePadded::new(shared));
        Deque { shared, places, mask: room - 1, look_at, read: 0, own }
    }

    pub(crate) fn thief(&self) -> Thief {
        Thief(self.shared.clone())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.len() == 0
    }

    /// Puts a task at the back.
    ///
    /// # Errors
    /// The task: there is no room, and none can be made as long as a thief is taking some.
    #[inline]
    #[must_use = "who gets its task back must put it elsewhere"]
    pub(crate) fn push(&mut self, task: TaskRef) -> Result<(), TaskRef> {
        // ORDERING: Relaxed, only the owner writes it.
        let back = self.shared.back.load(Ordering::Relaxed);
        if back == self.look_at && !self.look(back) {
            return Err(task);
        }
        // ORDERING(deque.back): Relaxed, published by the store below, or by an exchange of the limit behind it.
        self.place(back).store(task.into_raw().as_ptr(), Ordering::Relaxed);
        // ORDERING(deque.back): Release, pairs with the Acquire in `Shared::open`.
        self.shared.back.store(back.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// Takes the task at the back.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        // ORDERING: Relaxed, only the owner writes it.
        let last = self.shared.back.load(Ordering::Relaxed).wrapping_sub(1);
        // ORDERING(deque.limit): before the light fence and the look at the limit. Release, for a thief that reads this
        // one in place of a push's.
        self.shared.back.store(last, Ordering::Release);
        light();
        // ORDERING(deque.limit): Relaxed, behind the fence; pairs with the exchange in `Shared::open`.
        let front = Front::unpack(self.shared.front.load(Ordering::Relaxed));
        if behind(last, front.limit) >= 0 {
            // SAFETY: the place is behind the limit, so the task in it is the owner's.
            return Some(unsafe { self.take(last) });
        }
        self.pop_public(last, front)
    }

    /// Takes the task at the back, if it is this one.
    #[inline]
    pub(crate) fn pop_if(&mut self, task: &TaskRef) -> Option<TaskRef> {
        // ORDERING: Relaxed, only the owner writes it.
        let last = self.shared.back.load(Ordering::Relaxed).wrapping_sub(1);
        // ORDERING: Relaxed, the owner has put it there. If it has been taken, `pop` finds nothing.
        let newest = self.place(last).load(Ordering::Relaxed);
        if newest == task.as_raw().as_ptr() { self.pop() } else { None }
    }

    /// Takes the task before the one at the back, and that one is seen there all the while. None, too, if a thief is
    /// taking some.
    #[cold]
    pub(crate) fn pop_second(&mut self) -> Option<TaskRef> {
        let row = self.shared.row.try_lock()?;
        // ORDERING: Relaxed, only the owner writes it.
        let back = self.shared.back.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as in `pop_front`.
        let front = Front::unpack(self.shared.front.load(Ordering::Relaxed));
        if behind(back, front.first) < 2 {
            return None;
        }
        let (last, second) = (back.wrapping_sub(1), back.wrapping_sub(2));
        if behind(second, front.limit) < 0 {
            // ORDERING(deque.limit): Release, as in `pop_front`.
            self.shared.front.store(Front { limit: second, ..front }.pack(), Ordering::Release);
        }
        let (second, newest) = (&row[index(&row, second)], &row[index(&row, last)]);
        // ORDERING: Relaxed, the owner has put both there, and the lock keeps thieves out.
        let (task, newest) = (second.load(Ordering::Relaxed), newest.load(Ordering::Relaxed));
        // ORDERING: Relaxed, as above.
        second.store(newest, Ordering::Relaxed);
        // ORDERING(deque.back): Release, as in `push`.
        self.shared.back.store(last, Ordering::Release);
        drop(row);
        // SAFETY: the owner has put a reference there, and it is there no longer.
        NonNull::new(task).map(|task| unsafe { TaskRef::from_raw(task) })
    }

    /// The task at `last` is in front of the limit, or there is none.
    #[cold]
    #[inline(never)]
    fn pop_public(&mut self, last: u32, mut front: Front) -> Option<TaskRef> {
        while behind(last, front.limit) < 0 {
            if behind(last, front.first) < 0 {
                // ORDERING(deque.back): Release, as in `pop`.
                self.shared.back.store(last.wrapping_add(1), Ordering::Release);
                return None;
            }
            // Half of the others stay public: a thief may be about to take some.
            let back = (last.wrapping_sub(front.first) / 2).min(self.own);
            let lower = Front { limit: last.wrapping_sub(back), ..front };
            match self.shared.exchange(front, lower) {
                Ok(()) => front = lower,
                Err(now) => front = now,
            }
        }
        // SAFETY: the place is behind the limit, so the task in it is the owner's.
        let task = unsafe { self.take(last) };
        self.lessen(front, last);
        self.look_later(front, last);
        Some(task)
    }

    /// Takes the task at the front. None, too, if a thief is taking some.
    pub(crate) fn pop_front(&mut self) -> Option<TaskRef> {
        let row = self.shared.row.try_lock()?;
        // ORDERING: Relaxed, only the owner writes it.
        let back = self.shared.back.load(Ordering::Relaxed);
        // ORDERING: Relaxed, what lies there the owner has put there.
        let front = Front::unpack(self.shared.front.load(Ordering::Relaxed));
        if behind(back, front.first) <= 0 {
            return None;
        }
        let first = front.first.wrapping_add(1);
        let limit = if front.public() == 0 { first } else { front.limit };
        // ORDERING(deque.limit): Release, an exchange of the owner's like those in `Shared::exchange`. Only who has the
        // lock, and the owner, write it.
        self.shared.front.store(Front { first, limit }.pack(), Ordering::Release);
        // ORDERING: Relaxed, the owner has put it there.
        let task = row[index(&row, front.first)].load(Ordering::Relaxed);
        drop(row);
        // SAFETY: the front went past it, so the reference is this thread's.
        NonNull::new(task).map(|task| unsafe { TaskRef::from_raw(task) })
    }

    /// Makes tasks public, or room, before a push to `back`. False: there is no room.
    #[cold]
    #[inline(never)]
    fn look(&mut self, back: u32) -> bool {
        if back.wrapping_sub(self.read) > self.mask && !self.make_room(back) {
            return false;
        }
        // ORDERING: Relaxed, a guess that the exchange checks.
        let mut front = Front::unpack(self.shared.front.load(Ordering::Relaxed));
        while behind(back, front.limit) >= 2 * self.own as i32 {
            let higher = Front { limit: back.wrapping_sub(self.own), ..front };
            match self.shared.exchange(front, higher) {
                Ok(()) => front = higher,
                Err(now) => front = now,
            }
        }
        self.look_later(front, back);
        true
    }

    /// The next push to look is the one that has too many of its own, or no room. `back` is the place of the next push.
    fn look_later(&mut self, front: Front, back: u32) {
        let of_its_own = behind(front.limit.wrapping_add(2 * self.own), back).max(0) as u32;
        let room = self.read.wrapping_add(self.mask).wrapping_add(1).wrapping_sub(back);
        self.look_at = back.wrapping_add(of_its_own.min(room));
    }

    /// Sees to it that the place at `back` is free. False: a thief has the lock. It may have been driven off its processor, and
    /// who waited for it would be as well.
    fn make_room(&mut self, back: u32) -> bool {
        let shared = self.shared.clone();
        let Some(mut row) = shared.row.try_lock() else { return false };
        // ORDERING: Relaxed, the lock orders the reads of who has moved it.
        self.read = Front::unpack(shared.front.load(Ordering::Relaxed)).first;
        let used = back.wrapping_sub(self.read);
        if used > self.mask.div_ceil(2) {
            self.replace(&mut row, Deque::doubled(self.mask + 1), back);
        }
        true
    }

    pub(crate) fn doubled(room: u32) -> u32 {
        assert!(room < MOST_ROOM, "a worker's queue has no room for more tasks");
        2 * room
    }

    /// Gives room back that a peak has left.
    fn lessen(&mut self, front: Front, back: u32) {
        let room = self.mask + 1;
        if room <= ROOM || back.wrapping_sub(front.first) >= room / 4 {
            return;
        }
        let shared = self.shared.clone();
        if let Some(mut row) = shared.row.try_lock() {
            // ORDERING: Relaxed, as in `make_room`.
            self.read = Front::unpack(shared.front.load(Ordering::Relaxed)).first;
            self.replace(&mut row, room / 2, back);
        }
    }

    /// Another row, of `room` places, for the tasks from `read` up to `back`.
    fn replace(&mut self, row: &mut Row, room: u32, back: u32) {
        let fresh = places(room);
        let mut place = self.read;
        while place != back {
            // ORDERING: Relaxed, the owner has put it there, and the lock orders it for thieves.
            let task = row[index(row, place)].load(Ordering::Relaxed);
            // ORDERING: Relaxed, as above.
            fresh[index(&fresh, place)].store(task, Ordering::Relaxed);
            place = place.wrapping_add(1);
        }
        self.mask = room - 1;
        *row = fresh;
        self.places = start_of(row);
    }

    #[inline]
    fn place(&self, place: u32) -> &AtomicPtr<Header> {
        // SAFETY: the row has a place for each index up to the mask.
        let place = unsafe { self.places.add((place & self.mask) as usize) };
        // SAFETY: the row stands while the owner does not replace it, which takes `&mut self`.
        unsafe { place.as_ref() }
    }

    /// # Safety
    /// A task lies there, and is the owner's alone from here on.
    #[inline]
    unsafe fn take(&self, place: u32) -> TaskRef {
        // ORDERING: Relaxed, the owner has put it there.
        let task = self.place(place).load(Ordering::Relaxed);
        // SAFETY: the owner has put a task there.
        let task = unsafe { NonNull::new_unchecked(task) };
        // SAFETY: by contract the reference that lies there is the owner's.
        unsafe { TaskRef::from_raw(task) }
    }
}
