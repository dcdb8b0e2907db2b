//! The protocol of a lock with one owner: one word for those who need not wait, one line for those who must.
//!
//! # The word
//!
//! | word | the lock is |
//! |---|---|
//! | 0 | free: whoever comes first takes it |
//! | owner | held, and its owner lets go by the word alone |
//! | owner, `CALL` | held, and its owner looks at the line when it lets go |
//!
//! Anybody takes a free lock by a compare-and-exchange, also while others stand in line (*barging*): the
//! carrier that has the word in its cache so goes on, instead of waiting for a task to be switched in. `CALL`
//! is set under the line's lock only, and while it is set only the owner changes the word, under the line's
//! lock.
//!
//! # The line
//!
//! An entry *waits*, was *called* (handed the right to try), or is the *owner*: it was handed the lock itself. The first
//! that waits is the one whose turn it is in the line's order.
//! The last two look the same in the line; the word says which it is.
//!
//! - An owner that finds `CALL` calls the first that waits, and the lock is free. The one that was called comes,
//!   and takes it or finds it taken; then it waits on at its old place.
//! - One that found it taken [`PATIENCE`] times is not called any more: it is made the owner. So nobody waits for
//!   ever, and a lock is handed over, which costs a switch each time, only where barging starves somebody.
//!
//! - INVARIANT(lock.called): outside the line's lock, if an entry waits, the word says `CALL`, or another
//!   entry was called or is the owner. So somebody comes by the line when the lock is let go.
//! - INVARIANT(lock.free): a free lock's word is 0: all bits but the owner's are facts about letting go.
//!
//! # No lost wake-up
//!
//! A waiter takes the line's lock, and there either takes the free lock by an exchange, or makes a held one's
//! word say `CALL` by an exchange; in the same stay its entry gets into the line. An owner whose exchange to 0 came
//! first left a free lock. One whose exchange fails finds `CALL`, comes to the line, and finds the entry.
//!
//! # The lost
//!
//! A task whose runtime ended around it after it was called, or made the owner, will not come. Whoever comes
//! to the line next takes that back. The word alone does not say so: until somebody has to wait again, others in
//! line wait on, and where the lost one is the owner, the lock stays held, as by any task that never ends.
//!
//! Must not: wake, or drop a waker, under the line's lock.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::wait::due::{Due, Waiting};
use crate::wait::line::{Line, Ticket};

/// The owner looks at the line when it lets go.
const CALL: usize = 1;

/// So often a waiter that was called may find the lock taken again; then it is handed over.
pub(crate) const PATIENCE: u32 = 2;

/// See the module. Owners are numbers whose lowest bit is clear, and not 0.
pub(crate) struct Exclusive<W> {
    word: AtomicUsize,
    line: Mutex<Line<Contender<W>>>,
}

/// Somebody in the line.
#[derive(Clone)]
pub(crate) struct Contender<W> {
    who: W,
    /// What the word says if it is the owner.
    owner: usize,
    /// How often it was called in vain.
    in_vain: u32,
}

impl<W: Waiting> Waiting for Contender<W> {
    fn wake(&self) {
        self.who.wake();
    }
    fn is_lost(&self) -> bool {
        self.who.is_lost()
    }
    fn home(&self) -> usize {
        self.who.home()
    }
    fn holds(&self) -> usize {
        self.who.holds()
    }
    fn level(&self) -> u8 {
        self.who.level()
    }
}

/// What else the line has.
#[derive(Clone, Copy)]
struct Others {
    /// Somebody waits.
    wait: bool,
    /// Somebody was called, or is the owner: it will come by the line.
    called: bool,
}

impl Others {
    /// The bit that an owner's word needs, by INVARIANT(lock.called).
    fn call(self) -> usize {
        if self.wait && !self.called { CALL } else { 0 }
    }
}

// What is called around a pause is never inlined: a lock's thread-locals are not kept over it.
impl<W: Waiting> Exclusive<W> {
    /// Takes the word (0) and the line made, because the models' cannot be made in a constant.
    pub(crate) const fn new(word: AtomicUsize, line: Mutex<Line<Contender<W>>>) -> Exclusive<W> {
        Exclusive { word, line }
    }

    /// Of those who wait the one of the highest level is called first. Before anybody waits.
    pub(crate) fn by_level(self) -> Exclusive<W> {
        self.line.lock().order_by_level();
        self
    }

    /// Does the highest level go first?
    pub(crate) fn is_by_level(&self) -> bool {
        self.line.lock().is_by_level()
    }

    /// How many wait, and the level of the one whose turn it is.
    #[cfg(test)]
    pub(crate) fn waits(&self) -> (usize, Option<u8>) {
        let line = self.line.lock();
        (line.waiting(), line.next_level())
    }

    /// What the word says: the owner and the bit `CALL`, or 0. A look.
    #[inline]
    pub(crate) fn word(&self) -> usize {
        // ORDERING: Relaxed, a look; whoever acts on it exchanges.
        self.word.load(Ordering::Relaxed)
    }

    /// The word, for those who ask who the owner is.
    pub(crate) fn owner_word(&self) -> &AtomicUsize {
        &self.word
    }

    /// Does somebody stand in line, and nobody of them was called? A look.
    #[inline]
    pub(crate) fn is_called_for(&self) -> bool {
        self.word() & CALL != 0
    }

    /// Takes the lock if it is free.
    #[inline]
    pub(crate) fn take(&self, owner: usize) -> bool {
        // ORDERING(lock.word): Acquire, pairs with the Release in `give` and `let_go`: the new owner sees what
        // was done under the lock.
        self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Lets go by the word alone. False: the owner must come to the line, by [`Exclusive::give_listed`].
    #[inline]
    pub(crate) fn give(&self, owner: usize) -> bool {
        // ORDERING(lock.word): Release, pairs with the Acquire in `take` and `take_or_call`.
        self.word.compare_exchange(owner, 0, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Lets go, and calls the first that waits, or makes it the owner at once (`hand_over`). False: the caller is
    /// not the owner, and nothing was done.
    pub(crate) fn give_listed(&self, owner: usize, hand_over: bool) -> bool {
        self.change(|line, due| {
            let is_owner = self.word() & !CALL == owner;
            if is_owner {
                self.let_go(line, due, hand_over);
            }
            is_owner
        })
    }

    /// Takes the lock (`None`), or a place in the line.
    #[inline(never)]
    pub(crate) fn enter(&self, who: W, owner: usize) -> Option<Ticket> {
        self.change(|line, due| {
            let place = who.holds();
            // Not all of those who were called, or own the lock, can come while the caller holds its place.
            let word = self.word() & !CALL;
            let mut inherited = false;
            line.take_back_from(place, |from, _| inherited |= from.owner == word);
            let called = line.handed() > 0;
            let others = Others { wait: line.waiting() > 0, called };
            if inherited {
                self.own(owner, others);
            }
            if inherited || self.take_or_call(owner, others) {
                due.drop.push(Contender { who, owner, in_vain: 0 });
                return None;
            }
            Some(line.push(Contender { who, owner, in_vain: 0 }, 1))
        })
    }

    /// Is the lock the waiter's now? Then its entry is gone. A waiter that was called and finds the lock
    /// taken waits on.
    #[inline(never)]
    pub(crate) fn take_up(&self, ticket: Ticket, owner: usize) -> bool {
        self.change(|line, due| {
            if !line.is_handed(ticket) {
                line.rank_anew(ticket);
                return false;
            }
            // One of those who were called is the waiter itself.
            let others = Others { wait: line.waiting() > 0, called: line.handed() > 1 };
            let was_made_owner = self.word() & !CALL == owner;
            if was_made_owner {
                self.own(owner, others);
            }
            if was_made_owner || self.take_or_call(owner, others) {
                line.remove(ticket, due);
                return true;
            }
            if let Some(contender) = line.take_back_of(ticket) {
                contender.in_vain += 1;
            }
            false
        })
    }

    /// The waiter gives up. If it was called, or is the owner, the next is.
    #[inline(never)]
    pub(crate) fn leave(&self, ticket: Ticket, owner: usize) {
        self.change(|line, due| {
            if line.remove(ticket, due) > 0 {
                self.pass_on(line, due, owner);
            }
        });
    }

    /// Under the line's lock: the owner lets go.
    fn let_go(&self, line: &mut Line<Contender<W>>, due: &mut Due<Contender<W>>, hand_over: bool) {
        let next = line.hand_one(due);
        let next = next.filter(|next| hand_over || next.in_vain >= PATIENCE);
        // ORDERING(lock.word): Release, as in `give`. A store: the word is the owner's, and
        // others change it under the line's lock only. Who is made owner looks for others when it comes.
        self.word.store(next.map_or(0, |next| next.owner), Ordering::Release);
    }

    /// Under the line's lock: the lock is the caller's, and the word says so in full.
    fn own(&self, owner: usize, others: Others) {
        // ORDERING: Relaxed, the lock was handed over under the line's lock, and what was done before is seen by
        // that. A store, as in `let_go`.
        self.word.store(owner | others.call(), Ordering::Relaxed);
    }

    /// Under the line's lock: takes the lock, or sees to it that its owner comes to the line.
    fn take_or_call(&self, owner: usize, others: Others) -> bool {
        let mut now = self.word();
        loop {
            let (next, taken) = match now {
                0 => (owner | others.call(), true),
                _ if now & CALL != 0 || others.called => return false,
                _ => (now | CALL, false),
            };
            // ORDERING(lock.word): Acquire, pairs with the Release in `give` and `let_go`. `CALL` publishes nothing:
            // what its finder looks at is under the line's lock.
            match self.word.compare_exchange_weak(now, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(changed) => now = changed,
            }
        }
    }

    /// Under the line's lock: one who was called, or was made owner, will not come.
    fn pass_on(&self, line: &mut Line<Contender<W>>, due: &mut Due<Contender<W>>, gone: usize) {
        if self.word() & !CALL == gone {
            return self.let_go(line, due, false);
        }
        if line.waiting() == 0 || line.handed() > 0 {
            return;
        }
        let mut now = self.word();
        loop {
            match now {
                0 => {
                    line.hand_one(due);
                    return;
                }
                _ if now & CALL != 0 => return,
                _ => {}
            }
            // ORDERING: Relaxed, it publishes nothing: what the owner looks at is under the line's lock.
            match self.word.compare_exchange_weak(
                now,
                now | CALL,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(changed) => now = changed,
            }
        }
    }

    /// A change under the line's lock.
    fn change<R>(
        &self,
        change: impl FnOnce(&mut Line<Contender<W>>, &mut Due<Contender<W>>) -> R,
    ) -> R {
        let mut due = Due::new();
        let mut line = self.line.lock();
        while let Some(lost) = line.remove_handed_lost(&mut due) {
            self.pass_on(&mut line, &mut due, lost.owner);
            due.drop.push(lost);
        }
        let outcome = change(&mut line, &mut due);
        drop(line);
        due.settle();
        outcome
    }
}
