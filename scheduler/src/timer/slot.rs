//! A slot of the wheel: things in the order in which they came.
//!
//! They lie side by side, so that who goes through a slot reads on in memory, and knows where the next ones
//! are before it has them. Each has an *index*, by which the wheel knows where it lies, and stays at its position until
//! holes are closed: what was taken from the middle leaves one. Holes are closed once they are more than
//! the things, which costs each thing that left a constant.
//!
//! Must not: know what lies in other slots.

/// Fewer positions than this are not worth closing holes.
const FEW: usize = 32;

/// An empty slot keeps room for this many.
const KEPT: usize = 16;

/// A thing in a slot.
pub(super) struct Item<T> {
    pub(super) tick: u64,
    pub(super) index: u32,
    pub(super) thing: T,
}

/// See the module.
pub(super) struct Slot<T> {
    /// `None` is a hole.
    items: Vec<Option<Item<T>>>,
    /// So many of the first are holes.
    first: usize,
    len: usize,
    /// Nothing that was put in since the slot was empty is due before.
    earliest: u64,
}

impl<T> Slot<T> {
    pub(super) const EMPTY: Slot<T> =
        Slot { items: Vec::new(), first: 0, len: 0, earliest: u64::MAX };

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn earliest(&self) -> u64 {
        self.earliest
    }

    /// Puts a thing in. Its position.
    #[inline]
    pub(super) fn push(&mut self, tick: u64, index: u32, thing: T) -> u32 {
        self.earliest = self.earliest.min(tick);
        self.len += 1;
        let at = u32::try_from(self.items.len()).expect("fewer than 2^32 timers at once");
        self.items.push(Some(Item { tick, index, thing }));
        at
    }

    /// Takes the first thing out, unless a hole is there: then that is gone.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Item<T>> {
        let item = self.items.get_mut(self.first)?.take();
        self.first += 1;
        self.left(usize::from(item.is_some()));
        item
    }

    /// Takes the thing at this position out. `moved` is told the new positions of others.
    pub(super) fn remove(&mut self, at: u32, mut moved: impl FnMut(u32, u32)) -> Option<Item<T>> {
        let item = self.items.get_mut(at as usize)?.take()?;
        self.left(1);
        if self.items.len() - self.first > (2 * self.len).max(FEW) {
            self.items.retain(Option::is_some);
            self.first = 0;
            for (at, item) in self.items.iter().flatten().enumerate() {
                moved(item.index, at as u32);
            }
        }
        Some(item)
    }

    /// So many things have left.
    fn left(&mut self, things: usize) {
        self.len -= things;
        if self.len == 0 {
            self.items.clear();
            self.items.shrink_to(KEPT);
            self.first = 0;
            self.earliest = u64::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_closed_and_things_stay_in_order() {
        const MANY: u32 = 10_000;
        let mut slot = Slot::EMPTY;
        let mut positions: Vec<u32> = (0..MANY).map(|n| slot.push(7, n, n)).collect();
        for n in (0..MANY).filter(|n| n % 100 != 0) {
            let at = positions[n as usize];
            let item = slot.remove(at, |index, at| positions[index as usize] = at);
            assert_eq!(item.map(|item| item.thing), Some(n));
        }
        assert!(slot.items.len() <= 3 * 100 + FEW, "{}", slot.items.len());
        let mut left = Vec::new();
        while !slot.is_empty() {
            left.extend(slot.pop().map(|item| item.thing));
        }
        assert_eq!(left, (0..MANY).step_by(100).collect::<Vec<_>>());
        assert_eq!((slot.earliest(), slot.items.len()), (u64::MAX, 0));
        assert!(slot.items.capacity() <= KEPT);
    }
}
