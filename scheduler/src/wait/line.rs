//! A line of waiters: who came when, who was handed what, and whose turn it is.
//!
//! An entry *waits* for what it wants, or was *handed* that and has not taken it up yet. What it is
//! (permits, a lock, a notification) the owner of the line knows; here it is a number. A line is plain data
//! under its owner's lock: the semaphore's ([`Permits`](crate::semaphore::permits)), a wait list's
//! ([`List`](super::list)), a mutex's.
//!
//! It holds wakers and numbers and points to nobody's stack, and it grows when somebody comes to wait, so
//! that to hand on allocates nothing for the most part.
//!
//! In what order they have their turns, [`Order`] says: as they came, or by their levels first. A level is asked for
//! when one comes, and again when it has been woken for nothing.
//!
//! # In turn, but for two
//!
//! - A task whose runtime ended around it may never go on and never unwind: it is *lost*. It is handed nothing,
//!   and what it was handed is taken back by whoever comes to the line next. Looked at are the entry at the
//!   head, where each comes in time, and the one whose turn it is. A lost owner waits on.
//! - A task that waits in place holds its carrier. Tasks that may run there only could not take up what they
//!   are handed before it ends, nor would it end. So it goes before them.
//!
//! Must not: wake, or drop a waker. Both may run code of others; they are left to [`Due`].

use super::due::{Due, Waiting};
use super::order::Order;
use super::sparse::Sparse;
use std::num::NonZeroU64;

/// A waiter's number: its place in the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(NonZeroU64);

impl Ticket {
    fn of(number: u64) -> Ticket {
        // The last number is never reached.
        Ticket(NonZeroU64::MIN.saturating_add(number))
    }

    fn number(self) -> u64 {
        self.0.get() - 1
    }
}

struct Entry<W> {
    /// 0: it was handed something that is nobody else's, as by [`Line::hand_all`].
    wants: u32,
    handed: bool,
    /// In a line that goes by levels.
    level: u8,
    who: W,
}

/// See the module.
pub(crate) struct Line<W> {
    /// By ticket.
    entries: Sparse<Entry<W>>,
    /// Of those who wait.
    order: Order,
    /// How many entries hold a place.
    holders: u32,
    /// What the entries were handed, in all.
    handed: u32,
    /// The next ticket; so many have stood in line.
    next: u64,
}

impl<W> Line<W> {
    pub(crate) const fn new() -> Line<W> {
        Line { entries: Sparse::new(), order: Order::by_arrival(), holders: 0, handed: 0, next: 0 }
    }

    /// From here on the highest level goes first. Of a line in which nobody has stood.
    pub(crate) fn order_by_level(&mut self) {
        debug_assert_eq!(self.next, 0, "before anybody stands in it");
        self.order = Order::by_level();
    }

    pub(crate) fn is_by_level(&self) -> bool {
        self.order.is_by_level()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many wait, and were handed nothing.
    pub(crate) fn waiting(&self) -> usize {
        self.order.waiting()
    }

    /// The level of the one whose turn it is.
    #[cfg(test)]
    pub(crate) fn next_level(&self) -> Option<u8> {
        self.order.next()?.0
    }

    /// How many have stood in line so far.
    pub(crate) fn came(&self) -> u64 {
        self.next
    }

    /// What the entries were handed, in all.
    pub(crate) fn handed(&self) -> u32 {
        self.handed
    }

    /// Was this entry handed what it wants?
    pub(crate) fn is_handed(&self, ticket: Ticket) -> bool {
        self.entries.get(ticket.number()).is_some_and(|entry| entry.handed)
    }
}

impl<W: Waiting> Line<W> {
    /// A place at the end of the line.
    pub(crate) fn push(&mut self, who: W, wants: u32) -> Ticket {
        let ticket = Ticket::of(self.next);
        self.next += 1;
        self.holders += u32::from(who.holds() != 0);
        let level = if self.order.is_by_level() { who.level() } else { 0 };
        self.order.add(ticket.number(), level);
        self.entries.push(ticket.number(), Entry { wants, handed: false, level, who });
        ticket
    }

    /// The level of one who waits may have changed. By itself. True: it has.
    pub(crate) fn rank_anew(&mut self, ticket: Ticket) -> bool {
        if !self.order.is_by_level() {
            return false;
        }
        let Some(entry) = self.entries.get_mut(ticket.number()).filter(|entry| !entry.handed)
        else {
            return false;
        };
        let before = std::mem::replace(&mut entry.level, entry.who.level());
        if entry.level == before {
            return false;
        }
        self.order.remove(before);
        self.order.add(ticket.number(), entry.level);
        true
    }

    /// Takes an entry out. What it had been handed, 0 if nothing.
    pub(crate) fn remove(&mut self, ticket: Ticket, due: &mut Due<W>) -> u32 {
        let Some(entry) = self.entries.remove(ticket.number()) else { return 0 };
        if !entry.handed {
            self.order.remove(entry.level);
        }
        self.holders -= u32::from(entry.who.holds() != 0);
        due.drop.push(entry.who);
        let handed = if entry.handed { entry.wants } else { 0 };
        self.handed -= handed;
        handed
    }

    /// Takes out the lost at the head. What they had been handed.
    pub(crate) fn remove_lost(&mut self, due: &mut Due<W>) -> u32 {
        let mut back = 0;
        while let Some((ticket, _)) = self.first_lost() {
            back += self.remove(ticket, due);
        }
        back
    }

    /// Takes out the first, if it is lost and had been handed what it wants; those before it too that had
    /// not.
    pub(crate) fn remove_handed_lost(&mut self, due: &mut Due<W>) -> Option<W> {
        while let Some((ticket, entry)) = self.first_lost() {
            let who = entry.who.clone();
            if self.remove(ticket, due) > 0 {
                return Some(who);
            }
            due.drop.push(who);
        }
        None
    }

    /// The first, if it is lost.
    fn first_lost(&self) -> Option<(Ticket, &Entry<W>)> {
        let (number, entry) = self.entries.first()?;
        entry.who.is_lost().then_some((Ticket::of(number), entry))
    }

    /// Takes back what those were handed who cannot run while somebody waits at `place`; they wait on.
    pub(crate) fn take_back(&mut self, place: usize) -> u32 {
        let mut back = 0;
        self.take_back_from(place, |_, wants| back += wants);
        back
    }

    /// As [`Line::take_back`], and says from whom.
    pub(crate) fn take_back_from(&mut self, place: usize, mut from: impl FnMut(&W, u32)) {
        if place == 0 {
            return;
        }
        for (number, entry) in self.entries.iter_mut() {
            if entry.handed && entry.wants > 0 && entry.who.home() == place {
                entry.handed = false;
                self.order.add(number, entry.level);
                self.handed -= entry.wants;
                from(&entry.who, entry.wants);
            }
        }
    }

    /// Takes back what an entry was handed; it waits on, where it stands.
    pub(crate) fn take_back_of(&mut self, ticket: Ticket) -> Option<&mut W> {
        let entry = self.entries.get_mut(ticket.number())?;
        if std::mem::take(&mut entry.handed) {
            self.order.add(ticket.number(), entry.level);
            self.handed -= entry.wants;
        }
        Some(&mut entry.who)
    }

    /// Hands to the one whose turn it is what it wants, if that is no more than `free`. What was handed; 0:
    /// nobody waits, or it is too little.
    pub(crate) fn hand(&mut self, free: u32, due: &mut Due<W>) -> u32 {
        self.hand_in_turn(free, due).map_or(0, |entry| entry.wants)
    }

    /// Hands to the one whose turn it is what it wants. To whom.
    pub(crate) fn hand_one(&mut self, due: &mut Due<W>) -> Option<&W> {
        self.hand_in_turn(u32::MAX, due).map(|entry| &entry.who)
    }

    /// Hands something to all who wait that is theirs alone: it is neither taken back nor passed on. To how
    /// many.
    pub(crate) fn hand_all(&mut self, due: &mut Due<W>) -> usize {
        let mut count = 0;
        for level in self.order.rounds() {
            let is_in_turn =
                |it: &Entry<W>| !it.handed && level.is_none_or(|level| it.level == level);
            for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| is_in_turn(entry)) {
                entry.handed = true;
                entry.wants = 0;
                if !entry.who.is_lost() {
                    due.wake.push(entry.who.clone());
                    count += 1;
                }
            }
        }
        self.order.clear();
        count
    }

    fn hand_in_turn(&mut self, free: u32, due: &mut Due<W>) -> Option<&Entry<W>> {
        let entry = loop {
            let (ticket, is_lost) = self.next_in_turn()?;
            if !is_lost {
                break self.entries.get_mut(ticket.number())?;
            }
            self.remove(ticket, due);
        };
        if entry.wants > free {
            return None;
        }
        entry.handed = true;
        self.order.remove(entry.level);
        self.handed += entry.wants;
        due.wake.push(entry.who.clone());
        Some(entry)
    }

    /// Those who wait, as they came, and what they want.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = (&W, u32)> {
        let waiting = self.entries.from(0).filter(|(_, entry)| !entry.handed);
        waiting.map(|(_, entry)| (&entry.who, entry.wants))
    }

    /// Whose turn it is: the first that waits of the highest level, where there are any, or who holds the only place
    /// where that one runs. Is it lost?
    fn next_in_turn(&mut self) -> Option<(Ticket, bool)> {
        let (level, from) = self.order.next()?;
        let is_in_turn =
            |it: &(u64, &Entry<W>)| !it.1.handed && level.is_none_or(|level| it.1.level == level);
        let (first, entry) = self.entries.from(from).find(is_in_turn)?;
        self.order.found(level, first);
        let home = entry.who.home();
        let holder = |it: &(u64, &Entry<W>)| !it.1.handed && it.1.who.holds() == home;
        let is_passed_over = self.holders > 0 && home != 0;
        let ahead = is_passed_over.then(|| self.entries.from(0).find(holder)).flatten();
        let (number, entry) = ahead.unwrap_or((first, entry));
        Some((Ticket::of(number), entry.who.is_lost()))
    }
}
