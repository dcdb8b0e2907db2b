//! A queue of numbered things, of which any may leave before those in front of it.
//!
//! Who leaves from the middle leaves a hole, so that the others need not move up: a million that leave in no order
//! would else move a million each. Holes are closed once they are more than the things, which costs each thing that
//! left a constant.
//!
//! INVARIANT(sparse.first): the first slot is no hole.
//!
//! Must not: know what the things are.

use std::collections::VecDeque;

/// Fewer slots than this are not worth closing holes.
const FEW: usize = 32;

/// An empty queue keeps room for this many.
const KEPT: usize = 1024;

/// See the module.
pub(crate) struct Sparse<T> {
    /// By number; `None` is a hole.
    slots: VecDeque<(u64, Option<T>)>,
    holes: usize,
}

impl<T> Sparse<T> {
    pub(crate) const fn new() -> Sparse<T> {
        Sparse { slots: VecDeque::new(), holes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds a thing at the end; its number is higher than all before.
    pub(crate) fn push(&mut self, number: u64, thing: T) {
        debug_assert!(self.slots.back().is_none_or(|last| last.0 < number));
        self.slots.push_back((number, Some(thing)));
    }

    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        let (number, thing) = self.slots.front()?;
        Some((*number, thing.as_ref()?))
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.slots[self.find(number).ok()?].1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.find(number).ok()?;
        self.slots[at].1.as_mut()
    }

    /// Those with this number and higher ones, in order.
    pub(crate) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let start = self.find(number).unwrap_or_else(|at| at);
        self.slots.range(start..).filter_map(|(number, thing)| Some((*number, thing.as_ref()?)))
    }

    /// All, in order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.slots.iter_mut().filter_map(|(number, thing)| Some((*number, thing.as_mut()?)))
    }

    /// Takes a thing out.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.find(number).ok()?;
        let thing = self.slots[at].1.take()?;
        self.holes += 1;
        if at == 0 {
            while self.slots.front().is_some_and(|slot| slot.1.is_none()) {
                self.slots.pop_front();
                self.holes -= 1;
            }
        }
        if self.holes * 2 > self.slots.len().max(FEW) {
            self.slots.retain(|slot| slot.1.is_some());
            self.holes = 0;
        }
        if self.slots.is_empty() {
            self.slots.shrink_to(KEPT);
        }
        Some(thing)
    }

    /// Where a number is, or would be.
    fn find(&self, number: u64) -> Result<usize, usize> {
        // Numbers without gaps lie there, until holes are closed.
        let first = self.slots.front().map_or(number, |slot| slot.0);
        let guess = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        if self.slots.get(guess).is_some_and(|slot| slot.0 == number) {
            return Ok(guess);
        }
        self.slots.binary_search_by_key(&number, |slot| slot.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Against a sorted map, over random steps.
    #[test]
    fn it_does_what_a_sorted_map_does() {
        let mut seed = 7u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let (mut sparse, mut map) = (Sparse::new(), BTreeMap::new());
        for number in 0..20_000 {
            // It grows, and it shrinks.
            let grows = number / 1000 % 2 == 0;
            if random(10) < if grows { 7 } else { 3 } {
                sparse.push(number, number * 2);
                map.insert(number, number * 2);
            } else {
                let asked = random(number + 1);
                let near = map.range(asked..).next().map_or(asked, |(number, _)| *number);
                assert_eq!(sparse.get(near), map.get(&near));
                assert_eq!(sparse.remove(near), map.remove(&near));
                assert_eq!(sparse.remove(near), None);
            }
            assert_eq!(sparse.is_empty(), map.is_empty());
            assert_eq!(sparse.first().map(|it| it.0), map.keys().next().copied());
            let asked = random(number + 1);
            let behind = map.range(asked..).next().map(|it| *it.0);
            assert_eq!(sparse.from(asked).next().map(|it| it.0), behind);
            assert!(sparse.slots.len() <= 2 * map.len().max(FEW));
        }
        assert!(sparse.from(0).map(|(number, thing)| (number, *thing)).eq(map));
    }

    #[test]
    fn a_million_leave_in_no_order() {
        const MANY: u64 = 1_000_000;
        let mut sparse = Sparse::new();
        (0..MANY).for_each(|number| sparse.push(number, number));
        // A prime that is no factor of the count: each is met once. With slots that move up this takes minutes.
        for n in 0..MANY {
            let number = n * 7919 % MANY;
            assert_eq!(sparse.remove(number), Some(number));
        }
        assert!(sparse.is_empty() && sparse.slots.capacity() <= KEPT);
    }
}
