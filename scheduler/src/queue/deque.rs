//! A worker's ready tasks in a row: its owner puts and takes at the back, thieves take at the front.
//!
//! The row has two parts. In front of the *limit* everybody takes by compare-and-exchange of one word, in which front and
//! limit stand side by side; behind it only the owner does, by plain stores. The owner gives the public part more when
//! its own has become long, and takes some back when its own is empty. A thief that finds nothing public moves the
//! limit itself, asks all processors for a fence, and looks again how far the owner has come: so nothing is hidden behind
//! an owner that computes, and an owner that pops pays for no fence. That costs the thief microseconds, and the next ones
//! nothing, since the limit stays where it is.
//!
//! An owner pops in two steps: it says how long the row is from here on, then it looks at the limit. The thief takes the
//! same two steps the other way round, with the heavy fence in between, so that one of them sees the other:
//!
//! - The owner took a task behind a limit that it had seen before the thief moved that. Then its new length was there
//!   before the fence, and the thief leaves that task out.
//! - Else it sees the thief's limit, and takes its task by an exchange which lowers that; the thief's own exchange then
//!   fails, and it looks again.
//!
//! A lower limit is safe at all times: the owner takes more by exchange than it has to as long as it knows the old one.
//!
//! Thieves keep each other out by a lock, which the owner takes only to make the row longer or shorter. Who holds it
//! moves the front, and has read what it took before it lets go; so a place is not written again before it was read.

use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::fence::{heavy, light};
use crate::sync::{Arc, CachePadded, Mutex};
use crate::task::{Header, TaskRef};
use std::ptr::{self, NonNull};

/// For how many tasks there is room at least. A power of two.
pub(super) const ROOM: u32 = 64;

/// For how many tasks there is room at most: places wrap around, and which is behind which is told by half of their numbers.
const MOST_ROOM: u32 = 1 << 30;

/// How many tasks the owner keeps to itself when it makes others public.
pub(super) const OWN: u32 = 8;

/// How many tasks a thief takes at most.
const BATCH: usize = 32;

/// Places that are used again and again.
type Row = Box<[AtomicPtr<Header>]>;

/// The owner's side. Tasks that are left at the end are to be stolen, or leak.
#[derive(Debug)]
pub(crate) struct Deque {
    pub(super) shared: Arc<CachePadded<Shared>>,
    /// What `Shared::row` has.
    places: NonNull<AtomicPtr<Header>>,
    pub(super) mask: u32,
    /// A push to this place looks at the limit and at the room first.
    pub(super) look_at: u32,
    /// Nobody reads a place in front of this one any more, as far as the owner knows.
    pub(super) read: u32,
    /// [`OWN`], and less in models.
    own: u32,
}

// SAFETY: the places are those of the row, which stands while `shared` does and `&mut self` does not replace it; they are
// atomics, which may be touched by any thread.
unsafe impl Send for Deque {}

/// The side that everybody sees.
#[derive(Debug, Clone)]
pub(crate) struct Thief(Arc<CachePadded<Shared>>);

#[derive(Debug)]
pub(super) struct Shared {
    /// A [`Front`].
    pub(super) front: AtomicU64,
    /// The place behind the newest task. Written by the owner.
    pub(super) back: AtomicU32,
    /// Replaced by the owner, read by who holds the lock.
    row: Mutex<Row>,
}

/// Where the row begins, and where its public part ends. Places are counted on and on, and wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Front {
    pub(super) first: u32,
    pub(super) limit: u32,
}

impl Front {
    fn unpack(word: u64) -> Front {
        Front { first: (word >> 32) as u32, limit: word as u32 }
    }

    pub(super) fn pack(self) -> u64 {
        u64::from(self.first) << 32 | u64::from(self.limit)
    }

    fn public(self) -> u32 {
        self.limit.wrapping_sub(self.first)
    }
}

/// How far `place` is behind `from`; less than nothing: it is in front of it.
#[inline]
fn behind(place: u32, from: u32) -> i32 {
    place.wrapping_sub(from) as i32
}

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
    #[inline]
    pub(crate) fn push(&mut self, task: TaskRef) {
        // ORDERING: Relaxed, only the owner writes it.
        let back = self.shared.back.load(Ordering::Relaxed);
        if back == self.look_at {
            self.look(back);
        }
        // ORDERING(deque.back): Relaxed, published by the store below, or by an exchange of the limit behind it.
        self.place(back).store(task.into_raw().as_ptr(), Ordering::Relaxed);
        // ORDERING(deque.back): Release, pairs with the Acquire in `Shared::open`.
        self.shared.back.store(back.wrapping_add(1), Ordering::Release);
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

    /// Makes tasks public, or room, before a push to `back`.
    #[cold]
    #[inline(never)]
    fn look(&mut self, back: u32) {
        if back.wrapping_sub(self.read) > self.mask {
            self.make_room(back);
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
    }

    /// The next push to look is the one that has too many of its own, or no room. `back` is the place of the next push.
    fn look_later(&mut self, front: Front, back: u32) {
        let of_its_own = behind(front.limit.wrapping_add(2 * self.own), back).max(0) as u32;
        let room = self.read.wrapping_add(self.mask).wrapping_add(1).wrapping_sub(back);
        self.look_at = back.wrapping_add(of_its_own.min(room));
    }

    /// Sees to it that the place at `back` is free.
    fn make_room(&mut self, back: u32) {
        let shared = self.shared.clone();
        let mut row = shared.row.lock();
        // ORDERING: Relaxed, the lock orders the reads of who has moved it.
        self.read = Front::unpack(shared.front.load(Ordering::Relaxed)).first;
        let used = back.wrapping_sub(self.read);
        if used > self.mask.div_ceil(2) {
            self.replace(&mut row, doubled(self.mask + 1), back);
        }
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

impl Thief {
    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Takes the oldest task, whether or not it is the only one.
    pub(crate) fn steal(&self) -> Option<TaskRef> {
        let mut taken = [ptr::null_mut(); 1];
        self.0.steal(&mut taken, 0);
        // SAFETY: the front went past it, so the reference is this thread's.
        NonNull::new(taken[0]).map(|task| unsafe { TaskRef::from_raw(task) })
    }

    /// Takes half of the tasks, the oldest ones, but not too many, and none of the `spared` newest: one to run, the others
    /// into `to`.
    pub(crate) fn steal_into(&self, to: &mut Deque, spared: u32) -> Option<TaskRef> {
        let mut taken = [ptr::null_mut(); BATCH];
        let count = self.0.steal(&mut taken, spared);
        let mut taken = taken[..count].iter().map(|task| {
            // SAFETY: none of those that were taken is null.
            let task = unsafe { NonNull::new_unchecked(*task) };
            // SAFETY: the front went past it, so the reference is this thread's.
            unsafe { TaskRef::from_raw(task) }
        });
        let first = taken.next();
        taken.for_each(|task| to.push(task));
        first
    }
}

impl Shared {
    #[inline]
    fn len(&self) -> usize {
        // ORDERING: Relaxed, a look. Where it must not miss a push, the caller runs a fence between its own publication
        // and this look (idle.counters).
        let front = Front::unpack(self.front.load(Ordering::Relaxed));
        // ORDERING: Relaxed, as above. In front of the first while the owner looks in vain.
        behind(self.back.load(Ordering::Relaxed), front.first).max(0) as usize
    }

    fn exchange(&self, from: Front, to: Front) -> Result<(), Front> {
        // ORDERING(deque.front): Release for tasks that become public, Acquire for those that are; a failure is looked at
        // again by another exchange.
        self.front
            .compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
            .map_err(Front::unpack)
    }

    /// Takes half of the tasks, the oldest ones, as far as there is room for them in `taken`, but for the `spared` newest.
    /// How many: none if there are none.
    fn steal(&self, taken: &mut [*mut Header], spared: u32) -> usize {
        if self.len() <= spared as usize {
            return 0;
        }
        let row = self.row.lock();
        loop {
            // ORDERING: Relaxed, a guess that the exchanges check.
            let front = Front::unpack(self.front.load(Ordering::Relaxed));
            // ORDERING: Relaxed, as above: `open` looks again.
            let back = self.back.load(Ordering::Relaxed).wrapping_sub(spared);
            let Some(some) = u32::try_from(behind(back, front.first)).ok().filter(|some| *some > 0)
            else {
                return 0;
            };
            let most = some.div_ceil(2).min(taken.len() as u32);
            let known = if front.public() > 0 { None } else { Some(self.open(front, back)) };
            let (first, count) = self.advance(most, known);
            for (number, task) in (0..count).zip(taken.iter_mut()) {
                let place = first.wrapping_add(number);
                // ORDERING: Relaxed, behind the exchange that has taken it (deque.front), or the look at the back.
                *task = row[index(&row, place)].load(Ordering::Relaxed);
            }
            if count > 0 {
                return count as usize;
            }
        }
    }

    /// Makes the tasks up to `back` public in place of their owner, who may be about to take some of them. Says up to
    /// where they are certainly there. By who holds the lock.
    #[cold]
    fn open(&self, front: Front, back: u32) -> u32 {
        if self.exchange(front, Front { limit: back, ..front }).is_err() || !heavy() {
            return front.first;
        }
        // ORDERING(deque.limit): behind the heavy fence; pairs with the two steps of `Deque::pop`. Acquire, for the tasks in
        // front of it (deque.back).
        self.back.load(Ordering::Acquire)
    }

    /// Moves the front past as many public tasks, at most, none of them behind `known`: where from, and how many. By who
    /// holds the lock.
    fn advance(&self, most: u32, known: Option<u32>) -> (u32, u32) {
        // ORDERING: Relaxed, a guess that the exchange checks.
        let mut front = Front::unpack(self.front.load(Ordering::Relaxed));
        loop {
            let limit =
                known.filter(|known| behind(*known, front.limit) < 0).unwrap_or(front.limit);
            // The owner may be about to look in vain.
            let public = behind(limit, front.first).max(0) as u32;
            let count = public.min(most);
            let ahead = Front {
                first: front.first.wrapping_add(count),
                limit: front.first.wrapping_add(public),
            };
            if front == ahead {
                return (front.first, 0);
            }
            match self.exchange(front, ahead) {
                Ok(()) => return (front.first, count),
                Err(now) => front = now,
            }
        }
    }
}

pub(super) fn doubled(room: u32) -> u32 {
    assert!(room < MOST_ROOM, "a worker has a thousand million tasks in its queue, and no room for more");
    2 * room
}

fn places(room: u32) -> Row {
    (0..room).map(|_| AtomicPtr::new(ptr::null_mut())).collect()
}

fn start_of(row: &Row) -> NonNull<AtomicPtr<Header>> {
    NonNull::from(&row[..]).cast()
}

fn index(row: &Row, place: u32) -> usize {
    place as usize & (row.len() - 1)
}
