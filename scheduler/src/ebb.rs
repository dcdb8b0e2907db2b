//! What lies in a store and nobody needs, after a peak.
//!
//! A store keeps what is given back, because most of it is wanted again soon: to have a page of the kernel costs more
//! than all else that a short task does. A store that is never emptied would hold its highest level for good. So its
//! level is watched: what it had at its lowest during a whole *turn* nobody has needed in that time.
//!
//! Lines, in which each stands for a while, keep nothing: the room of one that is empty costs its next peak
//! little beside what those cost who stand in it ([`give_room`]).
//!
//! Must not: know what is stored, or when a turn is over.

use std::collections::VecDeque;

/// The watch over one store.
#[derive(Debug, Default)]
pub(crate) struct Ebb {
    /// The lowest level since the turn began.
    lowest: usize,
    /// How much of what nobody needed in earlier turns is still in store.
    surplus: usize,
    /// So many are none of the surplus, as of the last turn.
    kept: usize,
    /// Is somebody to say when turns are over?
    watched: bool,
}

impl Ebb {
    /// Something was put into the store, which is worth a watch above a level of `low`. True: from now on somebody has
    /// to watch.
    #[must_use = "a store that nobody watches keeps all for good"]
    pub(crate) fn rose_to(&mut self, level: usize, low: usize) -> bool {
        level > low && !std::mem::replace(&mut self.watched, true)
    }

    /// Something was taken. What is left of what is kept is for those who take next.
    #[inline]
    pub(crate) fn fell_to(&mut self, level: usize) {
        self.lowest = self.lowest.min(level);
        self.surplus = self.surplus.min(level.saturating_sub(self.kept));
    }

    /// A turn is over. The store keeps `kept` for good, whoever needs them.
    pub(crate) fn turn(&mut self, level: usize, kept: usize, low: usize) {
        self.kept = kept;
        self.surplus = self.lowest.min(level.saturating_sub(kept));
        self.lowest = level;
        self.watched = level > low || self.surplus > 0;
    }

    /// How much is to be taken out now, `most` at a time: the caller does it.
    pub(crate) fn next(&mut self, most: usize) -> usize {
        let now = self.surplus.min(most);
        self.surplus -= now;
        self.lowest -= now.min(self.lowest);
        now
    }

    /// When somebody is to look again.
    pub(crate) fn outlook(&self) -> Outlook {
        match (self.surplus, self.watched) {
            (1.., _) => Outlook::Soon,
            (0, true) => Outlook::NextTurn,
            (0, false) => Outlook::Calm,
        }
    }
}

/// When stores are to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outlook {
    /// When somebody has put more in.
    Calm,
    /// When the turn is over.
    NextTurn,
    /// In a while: there is more to take out.
    Soon,
}

/// An empty line keeps room for this many.
const KEPT_ROOM: usize = 1024;

/// Gives back the room that a peak has made in a line, if nobody is in it any more.
#[inline]
pub(crate) fn give_room<T>(line: &mut VecDeque<T>) {
    if line.capacity() > KEPT_ROOM && line.is_empty() {
        line.shrink_to(KEPT_ROOM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_its_room_when_it_is_empty() {
        let mut line: VecDeque<u64> = (0..10_000).collect();
        while line.pop_front().is_some() {
            assert!(line.is_empty() || line.capacity() >= 10_000);
            give_room(&mut line);
        }
        assert!(line.capacity() <= KEPT_ROOM, "{}", line.capacity());
    }

    #[test]
    fn what_was_not_needed_for_a_whole_turn_goes() {
        let mut ebb = Ebb::default();
        assert!(!ebb.rose_to(10, 10));
        assert!(ebb.rose_to(100, 10));
        assert!(!ebb.rose_to(110, 10), "somebody watches");
        ebb.turn(110, 10, 10);
        assert_eq!(ebb.next(50), 0, "it came in this turn");
        assert_eq!(ebb.outlook(), Outlook::NextTurn);
        ebb.fell_to(70);
        ebb.turn(100, 10, 10);
        assert_eq!(ebb.outlook(), Outlook::Soon);
        assert_eq!(ebb.next(50), 50);
        assert_eq!(ebb.next(50), 20, "the lowest was 70");
        assert_eq!(ebb.outlook(), Outlook::NextTurn);
        ebb.turn(30, 10, 10);
        assert_eq!(ebb.next(50), 20, "what is kept stays");
        ebb.turn(10, 10, 10);
        assert_eq!(ebb.outlook(), Outlook::Calm);
        assert!(ebb.rose_to(11, 10));
    }

    #[test]
    fn a_store_that_keeps_nothing_is_watched_until_it_is_empty() {
        let mut ebb = Ebb::default();
        assert!(ebb.rose_to(100, 50));
        ebb.turn(100, 0, 50);
        ebb.turn(110, 0, 50);
        assert_eq!(ebb.next(200), 100);
        ebb.turn(10, 0, 50);
        assert_eq!(ebb.next(200), 10);
        ebb.turn(0, 0, 50);
        assert_eq!(ebb.outlook(), Outlook::Calm);
    }

    #[test]
    fn what_is_needed_meanwhile_is_no_surplus_any_more() {
        let mut ebb = Ebb::default();
        let _ = ebb.rose_to(100, 0);
        ebb.turn(100, 0, 0);
        ebb.turn(100, 0, 0);
        assert_eq!(ebb.next(40), 40);
        ebb.fell_to(5);
        assert_eq!(ebb.next(40), 5);
        assert_eq!(ebb.next(40), 0);
    }

    #[test]
    fn what_is_kept_is_no_surplus_when_others_take() {
        let mut ebb = Ebb::default();
        let _ = ebb.rose_to(100, 10);
        ebb.turn(100, 10, 10);
        ebb.turn(100, 10, 10);
        ebb.fell_to(15);
        assert_eq!(ebb.next(40), 5);
        ebb.fell_to(7);
        assert_eq!(ebb.next(40), 0);
        assert_eq!(ebb.outlook(), Outlook::NextTurn);
    }
}
