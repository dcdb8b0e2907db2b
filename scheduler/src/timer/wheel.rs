//! A hierarchical wheel: things that are due at a tick, put in and taken out in constant time.
//!
//! Each level has 64 slots, and a slot of a level spans all of the level below. A thing lies at the level of
//! the highest digit (of base 64) in which its tick differs from the wheel's own, in the slot of that digit.
//! So all of a level is due before anything of the levels above, and the first slot of the lowest level that
//! is not empty has what is due first. When the wheel comes to a slot of a higher level, it *spreads* the
//! slot over the levels below.
//!
//! Things of a slot lie side by side (`slot.rs`), for on its way down each is touched by itself, long after those around
//! it in time: neighbours that name each other would each be waited for. Where a thing lies is noted at
//! its *index*, so that it can be taken out. A slot knows the earliest tick that was put into it, so that
//! [`Wheel::next`] is exact but for what was taken out since, and then too early: who waits for it wakes
//! once in vain.
//!
//! INVARIANT(wheel.place): a thing lies in the slot that [`slot_of`] says, or in the one that is spread, and the note at
//! its index says which, and where.
//!
//! Must not: know of clocks, or of who waits.

use super::slot::{Item, Slot};

/// Slots of a level, as a power of two.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;
const LEVELS: usize = 8;

/// The last tick: what is due later is due then.
pub(super) const LAST_TICK: u64 = (1 << (DIGIT * LEVELS as u32)) - 1;

/// No index, and the slot of one that is free.
const NONE: u32 = u32::MAX;

/// An empty wheel keeps room for this many notes.
const KEPT_NOTES: usize = 1024;

/// Names one thing in the wheel; never one that was put in later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    /// How many things were put in before.
    pub(super) order: u64,
}

/// Where the thing of an index lies.
#[derive(Clone, Copy)]
struct Note {
    order: u64,
    /// Counted over all levels; [`NONE`]: the index is free.
    slot: u32,
    /// Its position there; of a free index the next free one.
    at: u32,
}

/// See the module.
pub(super) struct Wheel<T> {
    /// All that was due before this tick was taken.
    now: u64,
    slots: Box<[Slot<T>]>,
    /// For each level a bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// The slot that is being spread. It is `now`'s, so nothing is put into it any more.
    spreading: Option<usize>,
    /// By index.
    notes: Vec<Note>,
    /// The first free index.
    free: u32,
    len: usize,
    order: u64,
}

/// The slot of what is due at `tick`, which is not before `now`.
fn slot_of(tick: u64, now: u64) -> usize {
    let level = ((tick ^ now) | 1).ilog2() / DIGIT;
    level as usize * SLOTS + (tick >> (level * DIGIT)) as usize % SLOTS
}

impl<T> Wheel<T> {
    pub(super) fn new() -> Wheel<T> {
        Wheel {
            now: 0,
            slots: (0..LEVELS * SLOTS).map(|_| Slot::EMPTY).collect(),
            occupied: [0; LEVELS],
            spreading: None,
            notes: Vec::new(),
            free: NONE,
            len: 0,
            order: 0,
        }
    }

    /// How many things are in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a thing in, to be taken at `tick`, or at once if that has been.
    pub(super) fn insert(&mut self, tick: u64, thing: T) -> Key {
        let tick = tick.clamp(self.now, LAST_TICK);
        let order = self.order;
        let note = Note { order, slot: NONE, at: NONE };
        let index = self.free;
        let index = if let Some(free) = self.notes.get_mut(index as usize) {
            self.free = free.at;
            *free = note;
            index
        } else {
            let end = u32::try_from(self.notes.len()).ok().filter(|end| *end != NONE);
            self.notes.push(note);
            end.expect("fewer than 2^32 timers at once")
        };
        self.order += 1;
        self.len += 1;
        self.put(tick, index, thing);
        Key { index, order }
    }

    /// Takes a thing out, unless it was taken before.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let Note { order, slot, at } = *self.notes.get(key.index as usize)?;
        if order != key.order || slot == NONE {
            return None;
        }
        let notes = &mut self.notes;
        let moved = |index, at| notes[index as usize].at = at;
        let item = self.slots[slot as usize].remove(at, moved)?;
        self.has_left(slot as usize);
        self.forget(item.index);
        Some(item.thing)
    }

    /// The earliest tick at which something is due, or one before it: see the module.
    pub(super) fn next(&self) -> Option<u64> {
        let spreading = self.spreading.map(|slot| self.slots[slot].earliest());
        let first = self.first_slot().map(|(slot, _)| self.slots[slot].earliest());
        spreading.into_iter().chain(first).min()
    }

    /// Takes what is due at `tick`, or before, one thing after the other in the order of their ticks, and gives
    /// it to `taken`. At most `effort` positions are looked at. False: that was not enough.
    pub(super) fn take_due(
        &mut self,
        tick: u64,
        effort: usize,
        mut taken: impl FnMut(Key, T),
    ) -> bool {
        let tick = tick.min(LAST_TICK);
        let mut left = effort;
        loop {
            let (slot, is_due) = if let Some(slot) = self.spreading {
                (slot, false)
            } else if let Some((slot, start)) = self.first_slot().filter(|it| it.1 <= tick) {
                self.now = start;
                (slot, slot < SLOTS)
            } else {
                // Up to the first slot that is not empty, nothing is in the way.
                self.now = self.now.max(tick);
                return true;
            };
            let is_empty = self.slots[slot].is_empty();
            self.spreading = (!is_due && !is_empty).then_some(slot);
            if is_empty {
                continue;
            }
            if left == 0 {
                return false;
            }
            left -= 1;
            let Some(Item { tick, index, thing }) = self.slots[slot].pop() else { continue };
            self.has_left(slot);
            if is_due {
                let key = self.forget(index);
                taken(key, thing);
            } else {
                self.put(tick, index, thing);
            }
        }
    }

    /// The first slot of the lowest level that is not empty, and the tick at which it begins.
    fn first_slot(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let digit = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * DIGIT;
        let above = self.now >> (shift + DIGIT) << (shift + DIGIT);
        Some((level * SLOTS + digit, above | (digit as u64) << shift))
    }

    /// Puts a thing at the end of its slot.
    ///
    /// By parts, which are in registers then. An item in memory would be written by its parts and read in other ones, for
    /// which a processor waits until all that was written before has left it: notes, too, that have left the caches.
    #[inline(always)]
    fn put(&mut self, tick: u64, index: u32, thing: T) {
        let slot = slot_of(tick, self.now);
        self.occupied[slot / SLOTS] |= 1 << (slot % SLOTS);
        let at = self.slots[slot].push(tick, index, thing);
        let note = &mut self.notes[index as usize];
        (note.slot, note.at) = (slot as u32, at);
    }

    /// A thing has left this slot.
    fn has_left(&mut self, slot: usize) {
        if self.slots[slot].is_empty() {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    /// A thing has left the wheel: its index is free. The key that it had.
    fn forget(&mut self, index: u32) -> Key {
        let note = &mut self.notes[index as usize];
        note.slot = NONE;
        note.at = std::mem::replace(&mut self.free, index);
        let key = Key { index, order: note.order };
        self.len -= 1;
        if self.len == 0 && self.notes.len() > KEPT_NOTES {
            self.notes = Vec::with_capacity(KEPT_NOTES);
            self.free = NONE;
        }
        key
    }
}

impl<T> std::fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wheel").field("len", &self.len).field("next", &self.next()).finish()
    }
}

#[cfg(test)]
mod tests;
