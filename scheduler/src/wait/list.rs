//! The protocol of a wait list: a line, and one count by which those who notify see that it is empty.
//!
//! # No lost wake-up
//!
//! What is waited for is a condition that the list does not know. A waiter *enters*, then looks at the
//! condition again, then waits; who makes the condition true does that first, then *notifies*:
//!
//! | waiter | notifier |
//! |---|---|
//! | 1. the entry, and the count | 1. the condition becomes true |
//! | 2. fence | 2. fence |
//! | 3. looks at the condition | 3. looks at the count |
//!
//! One of the fences comes first. If it is the waiter's, the notifier sees the count, and the entry under
//! the lock; if it is the notifier's, the waiter sees the condition.
//!
//! - INVARIANT(list.counted): outside the lock, the count is the number of entries that wait.
//! - INVARIANT(list.passed): a notification of one that was handed to an entry is taken up by its owner, or goes
//!   to the next when the owner leaves or is lost. Only where nobody waits it is dropped, and who leaves is
//!   told. A notification of all is each one's own, and goes to nobody else.
//!
//! Must not: wake, or drop a waker, under the lock.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::wait::due::{Due, Waiting};
use crate::wait::line::{Line, Ticket};

/// Who is notified.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whom {
    First,
    All,
}

/// See the module.
pub(crate) struct List<W> {
    waiting: AtomicUsize,
    line: Mutex<Line<W>>,
}

impl<W: Waiting> List<W> {
    /// Takes the count and the line made, because the models' cannot be made in a constant.
    pub(crate) const fn new(waiting: AtomicUsize, line: Mutex<Line<W>>) -> List<W> {
        List { waiting, line }
    }

    /// How many wait and were not notified. No fence: see the module.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        // ORDERING(list.count): SeqCst, for callers whose change of the condition is a SeqCst exchange: with it and
        // the fence in `enter` it is in one total order. In `notify` ordered by the fence before it.
        self.waiting.load(Ordering::SeqCst)
    }

    /// A place in line. The caller looks at its condition after this.
    #[inline(never)]
    pub(crate) fn enter(&self, who: W) -> Ticket {
        let ticket = self.change(|line, due| {
            let place = who.holds();
            let ticket = line.push(who, 1);
            let back = line.take_back(place);
            pass_on(line, back, due);
            ticket
        });
        // ORDERING(list.fence): SeqCst, pairs with the fence in `notify`: between the count, written under
        // the lock above, and the caller's look at its condition.
        fence(Ordering::SeqCst);
        ticket
    }

    /// Notifies the first who waits, or all. How many there were. The caller made its condition true before.
    #[inline]
    pub(crate) fn notify(&self, whom: Whom) -> usize {
        // ORDERING(list.fence): SeqCst, pairs with the fence in `enter`: between the caller's condition and
        // the look at the count.
        fence(Ordering::SeqCst);
        self.notify_ordered(whom)
    }

    /// As [`List::notify`], for a caller whose change of the condition is ordered with each waiter's last
    /// look at it, by a lock that both hold.
    #[inline]
    pub(crate) fn notify_ordered(&self, whom: Whom) -> usize {
        if self.waiting() == 0 {
            return 0;
        }
        self.notify_listed(whom)
    }

    #[cold]
    fn notify_listed(&self, whom: Whom) -> usize {
        self.change(|line, due| match whom {
            Whom::First => usize::from(line.hand_one(due).is_some()),
            Whom::All => line.hand_all(due),
        })
    }

    /// Was the waiter notified? It keeps its place.
    pub(crate) fn is_notified(&self, ticket: Ticket) -> bool {
        self.line.lock().is_handed(ticket)
    }

    /// Was the waiter notified? Then its entry is gone, and the notification its own.
    #[inline(never)]
    pub(crate) fn take_up(&self, ticket: Ticket) -> bool {
        self.change(|line, due| {
            let notified = line.is_handed(ticket);
            if notified {
                line.remove(ticket, due);
            }
            notified
        })
    }

    /// The waiter gives up. If it was notified alone, the next is; true: nobody waits who could be.
    #[inline(never)]
    pub(crate) fn leave(&self, ticket: Ticket) -> bool {
        self.change(|line, due| {
            let handed = line.remove(ticket, due);
            pass_on(line, handed, due) > 0
        })
    }

    /// A change under the lock.
    fn change<R>(&self, change: impl FnOnce(&mut Line<W>, &mut Due<W>) -> R) -> R {
        let mut due = Due::new();
        let mut line = self.line.lock();
        let lost = line.remove_lost(&mut due);
        pass_on(&mut line, lost, &mut due);
        let outcome = change(&mut line, &mut due);
        // ORDERING(list.count): Relaxed, changed under the lock only; the fence in `enter` orders it with what
        // follows there.
        self.waiting.store(line.waiting(), Ordering::Relaxed);
        drop(line);
        due.settle();
        outcome
    }
}

/// Hands notifications that came back to those who wait. How many were left.
fn pass_on<W: Waiting>(line: &mut Line<W>, notifications: u32, due: &mut Due<W>) -> u32 {
    let taken = (0..notifications).take_while(|_| line.hand_one(due).is_some()).count();
    notifications - taken as u32
}
