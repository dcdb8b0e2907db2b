//! The semaphore's protocol: one word for those who need not wait, one list for those who must.
//!
//! # The word
//!
//! How many permits are *held*, the *limit*, and the bit `LISTED`. While the bit is clear, anybody
//! changes the word by a compare-and-exchange, and the list is empty. While it is set, only the
//! owner of the list's lock changes the word. So a change that needs the list is:
//!
//! 1. take the lock;
//! 2. *freeze* the word: set `LISTED`, and learn what the word is from here on;
//! 3. change the list and the counts, as if there were no other thread;
//! 4. *thaw* the word: store the counts, with `LISTED` if the list is not empty;
//! 5. leave the lock, then wake.
//!
//! # The list
//!
//! An entry *waits*, or was *handed* a permit that its owner has not taken up yet. The owner looks
//! under the lock ([`Permits::take_up`]): handed, it takes its entry out and holds the permit. A
//! waiter that unwinds takes its entry out as well, and what it was handed goes to the next.
//!
//! - INVARIANT(semaphore.counted): held = permits that are out + entries that were handed one.
//! - INVARIANT(semaphore.full): outside the lock, an entry waits only if held >= limit.
//! - INVARIANT(semaphore.order): permits are handed in the order of the tickets, but for the two
//!   rules below. Who comes while an entry waits, waits behind it.
//!
//! # No lost wake-up
//!
//! A waiter freezes the word before it looks whether a permit is free. A release whose exchange
//! came first left one to be seen. A later release finds `LISTED` and takes the lock, and by then the
//! entry is in the list. The wake follows; that one before the pause is not lost is the waker's
//! promise. A wake for no reason finds the entry still waiting.
//!
//! # The lost
//!
//! A task whose runtime ended around it may never go on and never unwind. It is handed nothing, and
//! what it was handed is taken back by whoever comes to the list next. Looked at are the entry at the
//! head, where each comes in time, and the one whose turn it is. A lost owner waits on.
//!
//! # Who holds a carrier goes before those who need it
//!
//! A task that waits in place holds its carrier. Tasks that may run there only could not take up
//! what they are handed before it ends, nor would it end. So it gets their permit, and they wait on.
//!
//! Must not: wake, or drop a waker, under the lock. Both may run code of others.

use crate::semaphore::due::{Due, Waiting};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::collections::VecDeque;

/// The low 31 bits: how many permits are held.
const HELD: u64 = (1 << 31) - 1;
/// The list is not empty, or its lock's owner changes the word.
const LISTED: u64 = 1 << 31;
/// The high half is the limit.
const LIMIT: u32 = 32;

/// The most permits there can be: more are as many.
pub(crate) const MOST: u32 = HELD as u32;

/// A waiter's number: its place in the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

/// See the module.
pub(crate) struct Permits<W> {
    word: AtomicU64,
    list: Mutex<List<W>>,
}

struct Entry<W> {
    ticket: Ticket,
    handed: bool,
    who: W,
}

/// The list, by ticket. It grows when somebody comes to wait, so that a release need not allocate,
/// and points to nobody's stack.
pub(crate) struct List<W> {
    entries: VecDeque<Entry<W>>,
    /// How many entries wait.
    waiting: usize,
    /// How many entries hold a place.
    holders: usize,
    /// The next ticket; so many have waited.
    next: u64,
}

/// The word's counts.
struct Counts {
    held: u32,
    limit: u32,
}

impl Counts {
    #[inline]
    fn of(word: u64) -> Counts {
        // Both fit: 31 bits and 32.
        Counts { held: (word & HELD) as u32, limit: (word >> LIMIT) as u32 }
    }
}

/// What came of a try by the word alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Try {
    Done,
    /// No permit is free, or none is out.
    Refused,
    /// Only the list can tell.
    Listed,
}

/// The word of a semaphore that nobody uses yet.
pub(crate) const fn word(limit: u32) -> u64 {
    let limit = if limit < MOST { limit } else { MOST };
    (limit as u64) << LIMIT
}

// What is called around a pause is never inlined: a lock's thread-locals are not kept over it.
impl<W: Waiting> Permits<W> {
    /// Takes the word and the list made, because the models' cannot be made in a constant.
    pub(crate) const fn new(word: AtomicU64, list: Mutex<List<W>>) -> Permits<W> {
        Permits { word, list }
    }

    /// Takes a permit by the word alone; if that says `Listed`, by [`Permits::take_listed`].
    #[inline]
    pub(crate) fn take(&self) -> Try {
        // ORDERING(semaphore.word): Acquire, pairs with the Release in `give` and in `change`: who
        // takes a permit sees what was done before it came back.
        self.by_word(Ordering::Acquire, |now| {
            let counts = Counts::of(now);
            (counts.held < counts.limit).then(|| now + 1)
        })
    }

    /// Gives a permit back by the word alone; if that says `Listed`, by [`Permits::give_listed`].
    #[inline]
    pub(crate) fn give(&self) -> Try {
        // ORDERING(semaphore.word): Release, pairs with the Acquire in `take` and in `change`.
        self.by_word(Ordering::Release, |now| (now & HELD != 0).then(|| now - 1))
    }

    /// The one loop by which the word changes without the lock.
    #[inline]
    fn by_word(&self, order: Ordering, step: impl Fn(u64) -> Option<u64>) -> Try {
        // ORDERING: Relaxed, only a guess; the exchange decides.
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            if now & LISTED != 0 {
                return Try::Listed;
            }
            let Some(next) = step(now) else { return Try::Refused };
            // ORDERING(semaphore.word): the caller's; Relaxed if it fails, a guess again.
            match self.word.compare_exchange_weak(now, next, order, Ordering::Relaxed) {
                Ok(_) => return Try::Done,
                Err(changed) => now = changed,
            }
        }
    }

    /// Takes a permit if there is one and nobody waits for it.
    pub(crate) fn take_listed(&self) -> bool {
        self.change(|list, now, due| list.take(now, due))
    }

    /// Takes a permit (`None`), or a place in the list.
    #[inline(never)]
    pub(crate) fn enter(&self, who: W) -> Option<Ticket> {
        self.change(|list, now, due| {
            if list.take(now, due) || list.take_from_pinned(who.holds()) {
                due.drop.push(who);
                return None;
            }
            Some(list.push(who))
        })
    }

    /// Was the waiter handed a permit? Then its entry is gone, and the permit its own.
    #[inline(never)]
    pub(crate) fn take_up(&self, ticket: Ticket) -> bool {
        self.change(|list, now, due| {
            let Some(at) = list.find(ticket).filter(|at| list.entries[*at].handed) else {
                return false;
            };
            list.remove(at, due);
            // The lost may be at the head now.
            list.settle(now, due);
            true
        })
    }

    /// The waiter gives up. A permit that it was handed goes to the next.
    #[inline(never)]
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.change(|list, now, due| {
            if let Some(at) = list.find(ticket) {
                now.held -= u32::from(list.remove(at, due));
            }
            list.settle(now, due);
        });
    }

    /// A permit comes back. False: none was out, and nothing was done.
    pub(crate) fn give_listed(&self) -> bool {
        self.change(|list, now, due| {
            let out = now.held > list.handed();
            if out {
                now.held -= 1;
            }
            list.settle(now, due);
            out
        })
    }

    /// Changes the limit. Who holds a permit keeps it.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.change(|list, now, due| {
            now.limit = limit.min(MOST);
            list.settle(now, due);
        });
    }

    /// Takes back what the lost were handed.
    pub(crate) fn reclaim(&self) {
        self.change(|list, now, due| list.settle(now, due));
    }

    /// A change under the lock, by the steps of the module.
    fn change<R>(&self, change: impl FnOnce(&mut List<W>, &mut Counts, &mut Due<W>) -> R) -> R {
        let mut due = Due::new();
        let mut list = self.list.lock();
        // ORDERING(semaphore.word): Acquire, pairs with the Release in `give`.
        let frozen = self.word.fetch_or(LISTED, Ordering::Acquire);
        let mut now = Counts::of(frozen);
        let outcome = change(&mut list, &mut now, &mut due);
        let listed = if list.entries.is_empty() { 0 } else { LISTED };
        let thawed = word(now.limit) | listed | u64::from(now.held);
        // ORDERING(semaphore.word): Release, pairs with the Acquire in `take`. A store: it says
        // `LISTED`, and is ours.
        self.word.store(thawed, Ordering::Release);
        drop(list);
        due.settle();
        outcome
    }

    /// How many permits are held, and the limit.
    pub(crate) fn counts(&self) -> (u32, u32) {
        // ORDERING: Relaxed, counts for the record.
        let now = Counts::of(self.word.load(Ordering::Relaxed));
        (now.held, now.limit)
    }

    /// How many wait now, and how many have waited so far.
    pub(crate) fn waits(&self) -> (usize, u64) {
        let list = self.list.lock();
        (list.waiting, list.next)
    }
}

impl<W> List<W> {
    pub(crate) const fn new() -> List<W> {
        List { entries: VecDeque::new(), waiting: 0, holders: 0, next: 0 }
    }
}

impl<W: Waiting> List<W> {
    /// A permit for one who is not in the list, after all who are.
    fn take(&mut self, now: &mut Counts, due: &mut Due<W>) -> bool {
        self.settle(now, due);
        let free = now.held < now.limit;
        if free {
            now.held += 1;
        }
        free
    }

    /// The permit of an entry that cannot run while the caller waits, if there is one.
    fn take_from_pinned(&mut self, place: usize) -> bool {
        if place == 0 {
            return false;
        }
        let cannot_run = |entry: &&mut Entry<W>| entry.handed && entry.who.home() == place;
        let pinned = self.entries.iter_mut().find(cannot_run).map(|entry| entry.handed = false);
        self.waiting += usize::from(pinned.is_some());
        pinned.is_some()
    }

    fn push(&mut self, who: W) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting += 1;
        self.holders += usize::from(who.holds() != 0);
        self.entries.push_back(Entry { ticket, handed: false, who });
        ticket
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()
    }

    /// Takes an entry out. True: it was handed a permit.
    fn remove(&mut self, at: usize, due: &mut Due<W>) -> bool {
        let Some(entry) = self.entries.remove(at) else { return false };
        self.waiting -= usize::from(!entry.handed);
        self.holders -= usize::from(entry.who.holds() != 0);
        due.drop.push(entry.who);
        entry.handed
    }

    /// How many entries were handed a permit.
    fn handed(&self) -> u32 {
        // Each of them is counted in the word, and so fits.
        (self.entries.len() - self.waiting) as u32
    }

    /// Takes back what the lost were handed, and hands out what is free.
    fn settle(&mut self, now: &mut Counts, due: &mut Due<W>) {
        while self.entries.front().is_some_and(|entry| entry.who.is_lost()) {
            now.held -= u32::from(self.remove(0, due));
        }
        while now.held < now.limit
            && let Some(at) = self.next_in_turn()
        {
            if self.entries[at].who.is_lost() {
                self.remove(at, due);
                continue;
            }
            self.entries[at].handed = true;
            self.waiting -= 1;
            now.held += 1;
            due.wake.push(self.entries[at].who.clone());
        }
    }

    /// Whose turn it is: the first that waits, or who holds the only place where that one runs.
    fn next_in_turn(&self) -> Option<usize> {
        if self.waiting == 0 {
            return None;
        }
        let first = self.entries.iter().position(|entry| !entry.handed)?;
        let home = self.entries[first].who.home();
        if self.holders == 0 || home == 0 {
            return Some(first);
        }
        let holder = |entry: &Entry<W>| !entry.handed && entry.who.holds() == home;
        self.entries.iter().position(holder).or(Some(first))
    }
}
