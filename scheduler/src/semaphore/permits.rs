//! The semaphore's protocol: one word for those who need not wait, one line for those who must.
//!
//! Permits are taken and given back by any number at once: a lock for readers and a writer is a semaphore
//! whose writers take all. An event that lets one through is a semaphore whose only permit is spent by who takes
//! it and [made](Permits::make) by others; to be *held* then is not to be there.
//!
//! # The word
//!
//! How many permits are *held*, the *limit*, and the bit `LISTED`. While the bit is clear, anybody
//! changes the word by a compare-and-exchange, and the line is empty. While it is set, only the
//! owner of the line's lock changes the word. So a change that needs the line is:
//!
//! 1. take the lock;
//! 2. *freeze* the word: set `LISTED`, and learn what the word is from here on;
//! 3. change the line and the counts, as if there were no other thread;
//! 4. *thaw* the word: store the counts, with `LISTED` if the line is not empty;
//! 5. leave the lock, then wake.
//!
//! # The line
//!
//! An entry *waits*, or was *handed* the permits it wants and has not taken them up yet. The owner looks
//! under the lock ([`Permits::take_up`]): handed, it takes its entry out and holds them. A
//! waiter that unwinds takes its entry out as well, and what it was handed goes to the next. Who is lost,
//! and who goes before others because it holds a carrier, is the [`Line`]'s matter.
//!
//! - INVARIANT(semaphore.counted): held = permits that are out + what entries were handed. (Where permits are
//!   spent: held = limit - permits that are there.)
//! - INVARIANT(semaphore.full): outside the lock, whose turn it is wants more than is free.
//! - INVARIANT(semaphore.order): permits are handed in the line's order, but for its two rules. Who comes while an
//!   entry waits, waits too.
//!
//! # No lost wake-up
//!
//! A waiter freezes the word before it looks whether enough is free. A release whose exchange
//! came first left its permits to be seen. A later release finds `LISTED` and takes the lock, and by then
//! the entry is in the line. The wake follows; that one before the pause is not lost is the waker's
//! promise. A wake for no reason finds the entry still waiting.
//!
//! Must not: wake, or drop a waker, under the lock. Both may run code of others.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::wait::due::{Due, Waiting};
use crate::wait::line::{Line, Ticket};
use std::cell::Cell;

/// The low 31 bits: how many permits are held.
const HELD: u64 = (1 << 31) - 1;
/// The list is not empty, or its lock's owner changes the word.
const LISTED: u64 = 1 << 31;
/// The high half is the limit.
const LIMIT: u32 = 32;

/// The most permits there can be: more are as many.
pub(crate) const MOST: u32 = HELD as u32;

/// See the module.
pub(crate) struct Permits<W> {
    word: AtomicU64,
    line: Mutex<Line<W>>,
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

    /// How many are free: none, if more are held than the limit is by now.
    fn free(&self) -> u32 {
        self.limit.saturating_sub(self.held)
    }

    /// What was handed comes back. More than that may have: of permits that are spent, not lent.
    fn take_back(&mut self, permits: u32) {
        self.held = self.held.saturating_sub(permits);
    }

    #[inline]
    fn has(&self, wants: u32) -> bool {
        self.free() >= wants
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

/// The word of a semaphore whose permits are all held.
pub(crate) const fn exhausted(limit: u32) -> u64 {
    let limit = if limit < MOST { limit } else { MOST };
    word(limit) | limit as u64
}

// What is called around a pause is never inlined: a lock's thread-locals are not kept over it.
impl<W: Waiting> Permits<W> {
    /// Takes the word and the list made, because the models' cannot be made in a constant.
    pub(crate) const fn new(word: AtomicU64, line: Mutex<Line<W>>) -> Permits<W> {
        Permits { word, line }
    }

    /// Of those who wait the one of the highest level has its turn first. Before anybody waits.
    pub(crate) fn by_level(self) -> Permits<W> {
        self.line.lock().order_by_level();
        self
    }

    /// Takes permits by the word alone; if that says `Listed`, by [`Permits::take_listed`].
    #[inline]
    pub(crate) fn take(&self, wants: u32) -> Try {
        // ORDERING(semaphore.word): Acquire, pairs with the Release in `give` and in `change`: who
        // takes a permit sees what was done before it came back.
        self.by_word(Ordering::Acquire, |now| {
            Counts::of(now).has(wants).then(|| now + u64::from(wants))
        })
    }

    /// Gives permits back by the word alone; if that says `Listed`, by [`Permits::give_listed`].
    #[inline]
    pub(crate) fn give(&self, permits: u32) -> Try {
        // ORDERING(semaphore.word): Release, pairs with the Acquire in `take` and in `change`.
        self.by_word(Ordering::Release, |now| {
            (now & HELD >= u64::from(permits)).then(|| now - u64::from(permits))
        })
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

    /// Takes permits if they are free and nobody waits.
    pub(crate) fn take_listed(&self, wants: u32) -> bool {
        self.change(|line, now, due| take(line, now, due, wants))
    }

    /// Takes permits (`None`), or a place in the line.
    #[inline(never)]
    pub(crate) fn enter(&self, who: W, wants: u32) -> Option<Ticket> {
        self.change(|line, now, due| {
            if take(line, now, due, wants) {
                due.drop.push(who);
                return None;
            }
            Some(stand(line, now, due, who, wants))
        })
    }

    /// A place in the line, for one who waits for other things, too. What is free is handed to it there.
    #[inline(never)]
    pub(crate) fn stand(&self, who: W, wants: u32) -> Ticket {
        self.change(|line, now, due| stand(line, now, due, who, wants))
    }

    /// Was the waiter handed its permits? A look.
    #[inline(never)]
    pub(crate) fn is_handed(&self, ticket: Ticket) -> bool {
        self.line.lock().is_handed(ticket)
    }

    /// Was the waiter handed its permits? Then its entry is gone, and they are its own.
    #[inline(never)]
    pub(crate) fn take_up(&self, ticket: Ticket) -> bool {
        self.change(|line, now, due| {
            let handed = line.is_handed(ticket);
            if handed {
                line.remove(ticket, due);
            }
            if handed || line.rank_anew(ticket) {
                // The lost may be at the head now, or it is another's turn.
                settle(line, now, due);
            }
            handed
        })
    }

    /// The waiter gives up. What it was handed goes to the next.
    #[inline(never)]
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.change(|line, now, due| {
            now.take_back(line.remove(ticket, due));
            settle(line, now, due);
        });
    }

    /// Permits come back. False: fewer were out, and nothing was done.
    pub(crate) fn give_listed(&self, permits: u32) -> bool {
        self.change(|line, now, due| {
            let out = now.held - line.handed() >= permits;
            if out {
                now.held -= permits;
            }
            settle(line, now, due);
            out
        })
    }

    /// One permit more, by the word alone, if not all are free: of permits that are spent by who takes them, and
    /// made by others. If that says `Listed`, by [`Permits::make_listed`].
    #[inline]
    pub(crate) fn make(&self) -> Try {
        self.give(1)
    }

    /// One permit more, if not all are free.
    pub(crate) fn make_listed(&self) {
        self.change(|line, now, due| {
            now.take_back(1);
            settle(line, now, due);
        });
    }

    /// So many permits more, by the word alone, or none where there is no room for all of them. How many there were. If
    /// that says `Listed`, by [`Permits::make_many_listed`].
    #[inline]
    pub(crate) fn make_many(&self, permits: u32) -> (Try, u32) {
        let before = Cell::new(0);
        // ORDERING(semaphore.word): Release, as in `give`.
        let made = self.by_word(Ordering::Release, |word| {
            let now = Counts::of(word);
            before.set(now.free());
            (now.held >= permits).then(|| word - u64::from(permits))
        });
        (made, before.get())
    }

    /// As [`Permits::make_many`]. `None`: there was no room. What an entry was handed is spent, and makes room.
    pub(crate) fn make_many_listed(&self, permits: u32) -> Option<u32> {
        self.change(|line, now, due| {
            settle(line, now, due);
            let before = now.free();
            now.held = now.held.checked_sub(permits)?;
            settle(line, now, due);
            Some(before)
        })
    }

    /// Changes the limit. Who holds a permit keeps it.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.change(|line, now, due| {
            now.limit = limit.min(MOST);
            settle(line, now, due);
        });
    }

    /// Takes back what the lost were handed.
    pub(crate) fn reclaim(&self) {
        self.change(settle);
    }

    /// A change under the lock, by the steps of the module.
    fn change<R>(&self, change: impl FnOnce(&mut Line<W>, &mut Counts, &mut Due<W>) -> R) -> R {
        let mut due = Due::new();
        let mut line = self.line.lock();
        // ORDERING(semaphore.word): Acquire, pairs with the Release in `give`.
        let frozen = self.word.fetch_or(LISTED, Ordering::Acquire);
        let mut now = Counts::of(frozen);
        let outcome = change(&mut line, &mut now, &mut due);
        let listed = if line.is_empty() { 0 } else { LISTED };
        let thawed = word(now.limit) | listed | u64::from(now.held);
        // ORDERING(semaphore.word): Release, pairs with the Acquire in `take`. A store: it says
        // `LISTED`, and is ours.
        self.word.store(thawed, Ordering::Release);
        drop(line);
        due.settle();
        outcome
    }

    /// How many permits are held, and the limit.
    pub(crate) fn counts(&self) -> (u32, u32) {
        // ORDERING: Relaxed, counts for the record.
        let now = Counts::of(self.word.load(Ordering::Relaxed));
        (now.held, now.limit)
    }

    /// Does anybody stand in line? A look.
    #[inline]
    pub(crate) fn waits_in_line(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.word.load(Ordering::Relaxed) & LISTED != 0
    }

    /// A look at the line, under its lock.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Line<W>) -> R) -> R {
        look(&self.line.lock())
    }

    #[cfg(test)]
    pub(crate) fn next_level(&self) -> Option<u8> {
        self.line.lock().next_level()
    }

    /// How many wait now, and how many have waited so far.
    pub(crate) fn waits(&self) -> (usize, u64) {
        let line = self.line.lock();
        (line.waiting(), line.came())
    }
}

/// Permits for one who is not in the line, after all who are.
fn take<W: Waiting>(line: &mut Line<W>, now: &mut Counts, due: &mut Due<W>, wants: u32) -> bool {
    settle(line, now, due);
    let free = line.waiting() == 0 && now.has(wants);
    now.held += if free { wants } else { 0 };
    free
}

/// A place behind all who are in the line.
fn stand<W: Waiting>(
    line: &mut Line<W>,
    now: &mut Counts,
    due: &mut Due<W>,
    who: W,
    wants: u32,
) -> Ticket {
    let place = who.holds();
    let ticket = line.push(who, wants);
    now.take_back(line.take_back(place));
    settle(line, now, due);
    ticket
}

/// Takes back what the lost were handed, and hands out what is free.
fn settle<W: Waiting>(line: &mut Line<W>, now: &mut Counts, due: &mut Due<W>) {
    now.take_back(line.remove_lost(due));
    loop {
        match line.hand(now.free(), due) {
            0 => return,
            handed => now.held += handed,
        }
    }
}
