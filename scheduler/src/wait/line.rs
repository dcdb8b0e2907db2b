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
    who: W,
}

/// See the module.
pub(crate) struct Line<W> {
    /// By ticket.
    entries: Sparse<Entry<W>>,
    /// All with lower tickets were handed something. Whose turn it is stands behind them: a million that were
    /// handed what they want one by one are not looked at a million times.
    settled: u64,
    /// How many entries wait.
    waiting: usize,
    /// How many entries hold a place.
    holders: usize,
    /// What the entries were handed, in all.
    handed: u32,
    /// The next ticket; so many have stood in line.
    next: u64,
}

impl<W> Line<W> {
    pub(crate) const fn new() -> Line<W> {
        Line { entries: Sparse::new(), settled: 0, waiting: 0, holders: 0, handed: 0, next: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many wait, and were handed nothing.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
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
        self.waiting += 1;
        self.holders += usize::from(who.holds() != 0);
        self.entries.push(ticket.number(), Entry { wants, handed: false, who });
        ticket
    }

    /// Takes an entry out. What it had been handed, 0 if nothing.
    pub(crate) fn remove(&mut self, ticket: Ticket, due: &mut Due<W>) -> u32 {
        let Some(entry) = self.entries.remove(ticket.number()) else { return 0 };
        self.waiting -= usize::from(!entry.handed);
        self.holders -= usize::from(entry.who.holds() != 0);
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
                self.settled = self.settled.min(number);
                self.waiting += 1;
                self.handed -= entry.wants;
                from(&entry.who, entry.wants);
            }
        }
    }

    /// Takes back what an entry was handed; it waits on, where it stands.
    pub(crate) fn take_back_of(&mut self, ticket: Ticket) -> Option<&mut W> {
        let entry = self.entries.get_mut(ticket.number())?;
        if std::mem::take(&mut entry.handed) {
            self.settled = self.settled.min(ticket.number());
            self.waiting += 1;
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
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.handed) {
            entry.handed = true;
            entry.wants = 0;
            if !entry.who.is_lost() {
                due.wake.push(entry.who.clone());
                count += 1;
            }
        }
        self.settled = self.next;
        self.waiting = 0;
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
        self.waiting -= 1;
        self.handed += entry.wants;
        due.wake.push(entry.who.clone());
        Some(entry)
    }

    /// Whose turn it is: the first that waits, or who holds the only place where that one runs. Is it lost?
    fn next_in_turn(&mut self) -> Option<(Ticket, bool)> {
        if self.waiting == 0 {
            return None;
        }
        let (first, entry) = self.entries.from(self.settled).find(|(_, entry)| !entry.handed)?;
        self.settled = first;
        let home = entry.who.home();
        let holder = |it: &(u64, &Entry<W>)| !it.1.handed && it.1.who.holds() == home;
        let is_passed_over = self.holders > 0 && home != 0;
        let ahead = is_passed_over.then(|| self.entries.from(0).find(holder)).flatten();
        let (number, entry) = ahead.unwrap_or((first, entry));
        Some((Ticket::of(number), entry.who.is_lost()))
    }
}
