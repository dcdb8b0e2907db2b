//! The messages in a row, each until all whom it is for have it, or the row is full.
//!
//! Messages have numbers, and a receiver the number of the next that it wants. Receivers take them in order, and one that
//! comes later begins behind all that are there: so whoever has not taken a message has not taken the ones behind it,
//! and those that nobody wants any more are the first ones.
//!
//! Must not: drop or copy a message. That is code of others, and here a lock is held.

use std::collections::VecDeque;
use std::sync::Arc;

/// See the module.
pub(super) struct Row<T> {
    kept: VecDeque<Kept<T>>,
    /// The number of the first that is kept, or of the next one if none is.
    first: u64,
    capacity: usize,
}

struct Kept<T> {
    message: Arc<T>,
    /// How many have not taken it.
    left: usize,
}

/// Why no message was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// There is none yet.
    NotSent,
    /// So many were wanted that are not kept any more.
    Displaced(u64),
}

impl<T> Row<T> {
    pub(super) fn new(capacity: usize) -> Row<T> {
        Row { kept: VecDeque::new(), first: 0, capacity }
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// A message for so many, not none. What it displaces.
    pub(super) fn push(&mut self, message: Arc<T>, receivers: usize) -> Option<Arc<T>> {
        let displaced = if self.kept.len() == self.capacity { self.kept.pop_front() } else { None };
        self.first += u64::from(displaced.is_some());
        self.kept.push_back(Kept { message, left: receivers });
        displaced.map(|kept| kept.message)
    }

    /// One takes the message of the number that it wants, which is the next one then.
    pub(super) fn take(&mut self, wanted: &mut u64) -> Result<Arc<T>, Missing> {
        let Some(at) = wanted.checked_sub(self.first) else {
            let missed = self.first - *wanted;
            *wanted = self.first;
            return Err(Missing::Displaced(missed));
        };
        // An index that does not fit is none.
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let kept = self.kept.get_mut(at).ok_or(Missing::NotSent)?;
        *wanted += 1;
        kept.left -= 1;
        if kept.left > 0 {
            return Ok(kept.message.clone());
        }
        // The last one: see the module.
        debug_assert_eq!(at, 0, "nobody wants the ones before it");
        self.first += 1;
        Ok(self.kept.pop_front().expect("it was just looked at").message)
    }

    /// One more wants all from this number on.
    pub(super) fn add(&mut self, wanted: u64) {
        self.wanted(wanted).for_each(|kept| kept.left += 1);
    }

    /// One who wants this number does not want any more. The messages that nobody wants then.
    pub(super) fn leave(&mut self, wanted: u64) -> Vec<Arc<T>> {
        self.wanted(wanted).for_each(|kept| kept.left -= 1);
        let unwanted = self.kept.iter().take_while(|kept| kept.left == 0).count();
        self.first += unwanted as u64;
        self.kept.drain(..unwanted).map(|kept| kept.message).collect()
    }

    /// How many are kept from this number on.
    pub(super) fn len_from(&self, wanted: u64) -> usize {
        self.kept.len() - self.index(wanted)
    }

    fn index(&self, wanted: u64) -> usize {
        let at = usize::try_from(wanted.saturating_sub(self.first)).unwrap_or(usize::MAX);
        at.min(self.kept.len())
    }

    fn wanted(&mut self, wanted: u64) -> impl Iterator<Item = &mut Kept<T>> {
        let from = self.index(wanted);
        self.kept.range_mut(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_kept_until_all_have_it() {
        let mut row = Row::new(4);
        let (mut a, mut b) = (0, 0);
        assert!(row.push(Arc::new('x'), 2).is_none() && row.push(Arc::new('y'), 2).is_none());
        assert_eq!(row.take(&mut a).as_deref(), Ok(&'x'));
        assert_eq!((row.len_from(a), row.len_from(b), row.kept.len()), (1, 2, 2));
        assert_eq!(row.take(&mut b).as_deref(), Ok(&'x'));
        assert_eq!(row.kept.len(), 1);
        // A third begins where `a` is, and `b` leaves.
        let mut c = a;
        row.add(c);
        assert!(row.leave(b).is_empty());
        assert_eq!(row.take(&mut a).as_deref(), Ok(&'y'));
        assert_eq!(row.take(&mut c).as_deref(), Ok(&'y'));
        assert_eq!(row.take(&mut c), Err(Missing::NotSent));
        assert_eq!((row.kept.len(), row.next()), (0, 2));
    }

    #[test]
    fn who_comes_late_is_told_how_many_were_displaced() {
        let mut row = Row::new(2);
        let (mut slow, mut quick) = (0, 0);
        for n in 0..5 {
            let displaced = row.push(Arc::new(n), 2);
            assert_eq!(displaced.as_deref().copied(), (n >= 2).then(|| n - 2));
            assert_eq!(row.take(&mut quick).as_deref(), Ok(&n));
        }
        assert_eq!(row.take(&mut slow), Err(Missing::Displaced(3)));
        assert_eq!(row.take(&mut slow).as_deref(), Ok(&3));
        let left = row.leave(slow);
        assert_eq!((left.len(), *left[0], row.kept.len()), (1, 4, 0));
    }

    #[test]
    fn who_leaves_long_after_its_messages_were_displaced_takes_none_along() {
        let mut row = Row::new(1);
        let (slow, quick) = (0, 3);
        for n in 0..4 {
            drop(row.push(Arc::new(n), 2));
        }
        assert!(row.leave(slow).is_empty(), "the other wants it");
        assert_eq!(row.len_from(quick), 1);
        assert_eq!(row.leave(quick).len(), 1);
    }
}
