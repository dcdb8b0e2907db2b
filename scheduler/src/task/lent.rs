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
use std::ptr::NonNull;

/// How far a loan is passed on.
const CHAIN: usize = 8;

/// One lock that is waited for.
struct Lent {
    word: NonNull<AtomicUsize>,
    loans: Vec<Loan>,
}

struct Loan {
    waiter: Owner,
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
        self.loans.iter().map(|loan| loan.level).max()
    }
}

static TABLE: RwLock<Vec<Lent>> = RwLock::new(Vec::new());

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

/// The highest level that is lent to a task.
#[cold]
#[inline(never)]
pub(super) fn lent_to(task: &Header) -> Option<Priority> {
    // ORDERING: Relaxed, as in `is_anything_raised`.
    if LOANS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    // Not waited for: in a child of `fork` its holder may be gone. What is missed is found at the next turn.
    let table = TABLE.try_read()?;
    lent_in(&table, Owner::of_task(task))
}

fn lent_in(table: &[Lent], owner: Owner) -> Option<Priority> {
    let own = table.iter().filter(|lent| lent.owner() == Some(owner));
    own.filter_map(Lent::highest).max()
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
    let word = NonNull::from(word);
    let mut table = TABLE.write();
    let level = task.priority().max(lent_in(&table, waiter).unwrap_or(Priority::Idle));
    let at = match table.iter().position(|lent| lent.word == word) {
        Some(at) => at,
        None => {
            table.push(Lent { word, loans: Vec::new() });
            table.len() - 1
        }
    };
    table[at].loans.push(Loan { waiter, level, waker });
    // ORDERING: Relaxed, a hint.
    LOANS.fetch_add(1, Ordering::Relaxed);
    count(None, Some(level));
    let raised = pass_on(&mut table, at, level);
    drop(table);
    let lending = Lending { word, waiter };
    raised.iter().for_each(Waker::wake);
    Some(lending)
}

/// The owner of this lock may wait itself: then what it waits for is wanted as urgently. Who is to be told.
fn pass_on(table: &mut [Lent], from: usize, level: Priority) -> Vec<Waker> {
    let mut raised = Vec::new();
    let mut at = from;
    for _ in 0..CHAIN {
        let Some(owner) = table[at].owner() else { break };
        let by_owner = |lent: &Lent| lent.loans.iter().position(|loan| loan.waiter == owner);
        let found = table.iter().enumerate().find_map(|(at, lent)| Some((at, by_owner(lent)?)));
        let Some((next, loan)) = found else { break };
        let loan = &mut table[next].loans[loan];
        if loan.level >= level {
            break;
        }
        count(Some(loan.level), Some(level));
        loan.level = level;
        raised.extend(loan.waker.clone());
        at = next;
    }
    raised
}

/// A loan, until this is dropped.
#[must_use]
pub(crate) struct Lending {
    word: NonNull<AtomicUsize>,
    waiter: Owner,
}

impl Drop for Lending {
    #[inline(never)]
    fn drop(&mut self) {
        let mut table = TABLE.write();
        let Some(at) = table.iter().position(|lent| lent.word == self.word) else { return };
        let loans = &mut table[at].loans;
        // A wait within a wait for the same lock is the later one.
        let Some(loan) = loans.iter().rposition(|loan| loan.waiter == self.waiter) else { return };
        let loan = loans.swap_remove(loan);
        let ended = if loans.is_empty() { Some(table.swap_remove(at)) } else { None };
        // ORDERING: Relaxed, a hint.
        LOANS.fetch_sub(1, Ordering::Relaxed);
        count(Some(loan.level), None);
        drop(table);
        drop(ended);
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
}
