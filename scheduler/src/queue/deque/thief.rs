//! The thieves' side: who takes from the front, and makes tasks public in place of an owner that computes.

use super::{Front, Shared, Thief, behind, index};
use crate::sync::atomic::Ordering;
use crate::sync::fence::heavy_to_light;
use crate::task::{Header, TaskRef};
use std::ptr::{self, NonNull};

/// How many tasks a thief takes at most.
const BATCH: usize = 32;

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
    /// go to `to`.
    pub(crate) fn steal_many(&self, spared: u32, to: impl FnMut(TaskRef)) -> Option<TaskRef> {
        let mut taken = [ptr::null_mut(); BATCH];
        let count = self.0.steal(&mut taken, spared);
        let mut taken = taken[..count].iter().map(|task| {
            // SAFETY: none of those that were taken is null.
            let task = unsafe { NonNull::new_unchecked(*task) };
            // SAFETY: the front went past it, so the reference is this thread's.
            unsafe { TaskRef::from_raw(task) }
        });
        let first = taken.next();
        taken.for_each(to);
        first
    }
}

impl Shared {
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
        if self.exchange(front, Front { limit: back, ..front }).is_err() || !heavy_to_light() {
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
