//! Levels that waiters lend: whoever holds what a task of a higher level waits for gets its turns by that level.
//!
//! Who waits for a lock notes it here by its own level, or the higher one that is lent to itself. Nobody tells
//! the owner: when a task becomes ready it asks whether a lock whose word names it is waited for. So a lock that is
//! let go takes its loan along, and one that is taken by the next brings it; whoever takes or lets go a lock does nothing
//! for that, and no task is touched that may be gone.
//!
//! - Only where there are tasks of several levels: [`Ranks::is_open`](crate::queue::Ranks::is_open).
//! - A loan counts from the owner's next turn on, as a change of its priority does; in line it keeps its place.
//! - Of one who waits itself the loan is passed on, to the owner of what it waits for, [`CHAIN`] times at most. Where it
//!   stands in a line that goes by levels it is woken, to ask for its turn by the higher one.
//! - Where nobody lends, a task that becomes ready looks at a count that nobody writes.
//!
//! INVARIANT(lent.word): an entry points to the word of a lock that is waited for, and its last loan is taken out before
//! that wait ends. A task that never ends its wait, because its runtime ended around it, keeps what it borrows, and the
//! loan.
//!
//! Must not: run code of others under the table's lock, or wait for it where a task is queued.

use super::priority::Priority;
use super::{Header, Waker};
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::wait::{self, Owner};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;

/// How far a loan is passed on.
const CHAIN: usize = 8;

/// One lock that is waited for.
struct Lent {
    word: NonNull<AtomicUsize>,
    /// How many lend so much.
    loans: [u32; LEVELS],
}

const LEVELS: usize = Priority::ALL.len();

struct Loan {
    /// The lock's word.
    word: usize,
    level: Priority,
    /// Of one who is to know when its own level rises while it waits.
    waker: Option<Waker>,
}

// SAFETY: the word is a shared atomic that is there while the entry is, by INVARIANT(lent.word).
unsafe impl Send for Lent {}
// SAFETY: as above; all else is plain data.
unsafe impl Sync for Lent {}

impl Lent {
    fn owner(&self) -> Option<Owner> {
        // SAFETY: by INVARIANT(lent.word); the caller holds the table's lock.
        let word = unsafe { self.word.as_ref() };
        // ORDERING: Relaxed, a look. A task sees what it wrote itself: whether the lock is its own.
        Owner::of(word.load(Ordering::Relaxed))
    }

    fn highest(&self) -> Option<Priority> {
        Priority::ALL.into_iter().rev().find(|level| self.loans[*level as usize] > 0)
    }
}

/// What is lent, and by whom.
struct Table {
    /// By the word's address.
    locks: BTreeMap<usize, Lent>,
    /// The same by the highest level that is lent: who asks what is lent to it looks at those above its own only, which are
    /// few, however many locks are waited for.
    by_level: [BTreeSet<usize>; LEVELS],
    /// By the number of who waits; a wait within a wait is the later one.
    waits: BTreeMap<usize, Vec<Loan>>,
}

static TABLE: RwLock<Table> = RwLock::new(Table {
    locks: BTreeMap::new(),
    by_level: [const { BTreeSet::new() }; LEVELS],
    waits: BTreeMap::new(),
});

impl Table {
    /// The highest level that is lent to this one, if it is above `own`.
    fn lent_to(&self, owner: Owner, own: Priority) -> Option<Priority> {
        let above = Priority::ALL.into_iter().rev().take_while(|level| *level > own);
        let is_its = |word: &usize| self.locks[word].owner() == Some(owner);
        above.into_iter().find(|level| self.by_level[*level as usize].iter().any(is_its))
    }

    /// Of the loans for a lock one is another: no longer `before`, but `after`.
    fn change(&mut self, word: usize, before: Option<Priority>, after: Option<Priority>) {
        let lent = self.locks.get_mut(&word).expect("a lock that is waited for");
        let was = lent.highest();
        if let Some(before) = before {
            lent.loans[before as usize] -= 1;
        }
        if let Some(after) = after {
            lent.loans[after as usize] += 1;
        }
        let is = lent.highest();
        if was != is {
            was.inspect(|was| _ = self.by_level[*was as usize].remove(&word));
            is.inspect(|is| _ = self.by_level[*is as usize].insert(word));
        }
        if is.is_none() {
            self.locks.remove(&word);
        }
        count(before, after);
    }

    /// The owner of this lock may wait itself: then what it waits for is wanted as urgently. Who is to be told.
    fn pass_on(&mut self, from: usize, level: Priority) -> Vec<Waker> {
        let mut raised = Vec::new();
        let mut word = from;
        for _ in 0..CHAIN {
            let Some(owner) = self.locks[&word].owner() else { break };
            let waits = self.waits.get_mut(&owner.get());
            let Some(loan) = waits.and_then(|waits| waits.last_mut()) else { break };
            if loan.level >= level {
                break;
            }
            let before = std::mem::replace(&mut loan.level, level);
            raised.extend(loan.waker.clone());
            word = loan.word;
            self.change(word, Some(before), Some(level));
        }
        raised
    }
}

/// How many loans there are.
static LOANS: AtomicUsize = AtomicUsize::new(0);
/// How many of them raise an ordinary task.
static RAISING: AtomicUsize = AtomicUsize::new(0);

/// Might a task of the ordinary level go by a higher one?
#[inline]
pub(crate) fn is_anything_raised() -> bool {
    // ORDERING: Relaxed, a hint: who misses a loan goes by it the next time.
    RAISING.load(Ordering::Relaxed) != 0
}

/// The highest level that is lent to a task, if it is above its own.
#[cold]
#[inline(never)]
pub(super) fn lent_to(task: &Header) -> Option<Priority> {
    // ORDERING: Relaxed, as in `is_anything_raised`.
    if LOANS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    // Not waited for: in a child of `fork` its holder may be gone. What is missed is found at the next turn.
    TABLE.try_read()?.lent_to(Owner::of_task(task), task.priority())
}

/// A change of how many loans raise an ordinary task.
fn count(before: Option<Priority>, after: Option<Priority>) {
    let raises = |level: Option<Priority>| level > Some(Priority::Normal);
    match (raises(before), raises(after)) {
        // ORDERING: Relaxed, both counts are hints.
        (false, true) => _ = RAISING.fetch_add(1, Ordering::Relaxed),
        // ORDERING: Relaxed, as above.
        (true, false) => _ = RAISING.fetch_sub(1, Ordering::Relaxed),
        _ => {}
    }
}

/// Lends the current task's level to whoever holds the lock with this word, until what this returns is dropped: before
/// the word is gone. `is_by_level`: does the line of those who wait for it go by levels? `None`: no task runs here, or
/// there is one level only.
// Not inlined: it is called around pauses, and looks at the thread's current task.
#[inline(never)]
pub(crate) fn lend(word: &AtomicUsize, is_by_level: impl FnOnce() -> bool) -> Option<Lending> {
    let task = wait::task().filter(|task| task.shared.ranks.is_open())?;
    let waker = is_by_level().then(wait::waker);
    let waiter = Owner::of_task(task);
    let (own, place) = (task.priority(), std::ptr::from_ref(word).addr());
    let mut table = TABLE.write();
    let level = table.lent_to(waiter, own).unwrap_or(own);
    let lent = Lent { word: NonNull::from(word), loans: [0; LEVELS] };
    table.locks.entry(place).or_insert(lent);
    table.waits.entry(waiter.get()).or_default().push(Loan { word: place, level, waker });
    // ORDERING: Relaxed, a hint.
    LOANS.fetch_add(1, Ordering::Relaxed);
    table.change(place, None, Some(level));
    let raised = table.pass_on(place, level);
    drop(table);
    let lending = Lending { word: place, waiter };
    raised.iter().for_each(Waker::wake);
    Some(lending)
}

/// A loan, until this is dropped.
#[must_use]
pub(crate) struct Lending {
    word: usize,
    waiter: Owner,
}

impl Drop for Lending {
    #[inline(never)]
    fn drop(&mut self) {
        let mut table = TABLE.write();
        let Entry::Occupied(mut waits) = table.waits.entry(self.waiter.get()) else { return };
        let Some(at) = waits.get().iter().rposition(|loan| loan.word == self.word) else { return };
        let loan = waits.get_mut().remove(at);
        if waits.get().is_empty() {
            waits.remove();
        }
        // ORDERING: Relaxed, a hint.
        LOANS.fetch_sub(1, Ordering::Relaxed);
        table.change(self.word, Some(loan.level), None);
        drop(table);
        // Its waker may be the last reference to a task.
        drop(loan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Lock, Spawn};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::{Duration, Instant};

    /// What is lent to the current task.
    fn lent_here() -> Option<Priority> {
        lent_to(wait::task().expect("a task"))
    }

    fn until(condition: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < end, "it does not come");
            if !crate::yield_now() {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_loan_lasts_as_long_as_the_wait() {
        let runtime = Config::new().workers(2).start().unwrap();
        let (lock, seen) = (Arc::new(Lock::new()), Arc::new(AtomicUsize::new(0)));
        let is_seen = |what| until(|| seen.load(SeqCst) >= what);
        let low = {
            let (lock, seen) = (lock.clone(), seen.clone());
            runtime.spawn_with(Spawn::new().priority(Priority::Lowest), move || {
                let owner = lock.lock();
                assert_eq!(lent_here(), None);
                // Of one whose time ends, of one that is aborted, of one that waits to the end.
                for level in [
                    None,
                    Some(Priority::TimeCritical),
                    Some(Priority::Highest),
                    Some(Priority::Normal),
                ] {
                    until(|| lent_here() == level);
                    seen.fetch_add(1, SeqCst);
                }
                lock.unlock(owner);
                assert_eq!(lent_here(), None);
            })
        };
        is_seen(1);
        let wait = |priority, limit: Option<Duration>| {
            let lock = lock.clone();
            runtime.spawn_with(Spawn::new().priority(priority), move || match limit {
                Some(limit) => assert_eq!(lock.lock_until(Instant::now() + limit), None),
                None => {
                    let owner = lock.lock();
                    lock.unlock(owner);
                }
            })
        };
        while seen.load(SeqCst) < 2 {
            wait(Priority::TimeCritical, Some(Duration::from_millis(10))).join().unwrap();
        }
        let high = wait(Priority::Highest, None);
        is_seen(3);
        let ordinary = wait(Priority::Normal, None);
        high.abort();
        assert!(high.join().unwrap_err().is_aborted());
        low.join().unwrap();
        ordinary.join().unwrap();
        assert!(runtime.shutdown(Duration::from_secs(10)).unwrap().is_clean());
    }

    /// Each who waits, and each who becomes ready, asks what is lent to it.
    #[test]
    fn it_is_short_however_many_locks_are_waited_for() {
        const MANY: usize = 20_000;
        let runtime = Config::new().workers(1).start().unwrap();
        let task = runtime.spawn_with(Spawn::new().priority(Priority::AboveNormal), || {
            let words: Vec<_> = (0..MANY).map(|_| AtomicUsize::new(0)).collect();
            let begun = Instant::now();
            let mut loans: Vec<_> = words.iter().map(|word| lend(word, || false)).collect();
            assert!(loans.iter().all(Option::is_some));
            while loans.pop().is_some() {}
            begun.elapsed()
        });
        let took = task.join().unwrap();
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}
