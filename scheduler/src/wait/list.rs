//! The protocol of a wait list: a seat for one who waits alone, a line for all others, and one count by which those
//! who notify see that the line is empty.
//!
//! # No lost wake-up
//!
//! What is waited for is a condition that the list does not know. A waiter *enters*, then looks at the
//! condition again, then waits; who makes the condition true does that first, then *notifies*:
//!
//! | waiter | notifier |
//! |---|---|
//! | 1. the seat, or the entry and the count | 1. the condition becomes true |
//! | 2. fence | 2. fence |
//! | 3. looks at the condition | 3. looks at the seat, then at the count |
//!
//! One of the fences comes first. If it is the waiter's, the notifier sees it in the seat, or the count, and the
//! entry under the lock; if it is the notifier's, the waiter sees the condition. Who is moved from the seat to the
//! line is counted before the seat is free.
//!
//! # Who sits
//!
//! The seat (`seat.rs`) is for tasks that can be switched away, and taken only while nobody waits in line: so who
//! sits came first. Where the order is another than that of arrival the seat is closed. A task that is about to wait in place sends who sits to the line, where it is decided who goes
//! before whom; there is also who was notified in the seat and is lost found out.
//!
//! - INVARIANT(list.counted): outside the lock, the count is the number of entries in line that wait.
//! - INVARIANT(list.passed): a notification of one that was handed to an entry is taken up by its owner, or goes
//!   to the next when the owner leaves or is lost. Only where nobody waits it is dropped, and who leaves is
//!   told. A notification of all is each one's own, and goes to nobody else.
//!
//! Must not: wake, or drop a waker, under the lock.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::wait::due::{Due, Sitter, Waiting};
use crate::wait::line::{Line, Ticket};
use crate::wait::seat::{Seat, Stand, Tell};

/// Who is notified.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whom {
    First,
    All,
}

/// See the module.
pub(crate) struct List<S: Sitter> {
    seat: Seat<S>,
    waiting: AtomicUsize,
    line: Mutex<Line<S::Who>>,
}

impl<S: Sitter> List<S> {
    /// Takes its parts made, because the models' cannot be made in a constant.
    pub(crate) const fn new(
        seat: Seat<S>,
        waiting: AtomicUsize,
        line: Mutex<Line<S::Who>>,
    ) -> List<S> {
        List { seat, waiting, line }
    }

    /// Does nobody wait, but for those who were notified? No fence: see the module.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.seat.is_waiting() && self.counted() == 0
    }

    /// How many wait and were not notified. A look.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        usize::from(self.seat.is_taken()) + self.counted()
    }

    /// How many wait in line.
    #[inline]
    fn counted(&self) -> usize {
        // ORDERING(list.count): SeqCst, for callers whose change of the condition is a SeqCst exchange: with it and
        // the fence in `enter` it is in one total order. In `notify` ordered by the fence before it.
        self.waiting.load(Ordering::SeqCst)
    }

    /// Sits down, if nobody waits. The caller looks at its condition after this.
    #[inline]
    pub(crate) fn sit(&self, me: &S) -> bool {
        // ORDERING: Relaxed, a look: it is only about who goes first.
        self.waiting.load(Ordering::Relaxed) == 0 && self.seat.sit(me)
    }

    /// A place in line. The caller looks at its condition after this.
    #[inline(never)]
    pub(crate) fn enter(&self, who: S::Who) -> Ticket {
        let ticket = self.change(|line, due| {
            let place = who.holds();
            let from_seat = self.clear_seat(place, line);
            let ticket = line.push(who, 1);
            let back = line.take_back(place);
            pass_on(line, from_seat + back, due);
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
        if self.is_empty() {
            return 0;
        }
        self.notify_somebody(whom)
    }

    #[inline(never)]
    fn notify_somebody(&self, whom: Whom) -> usize {
        let (told, is_moving) = match self.seat.tell(matches!(whom, Whom::All)) {
            Tell::Told(owed) => {
                S::end_wake(owed);
                (1, false)
            }
            Tell::Nobody => (0, false),
            Tell::Moving => (0, true),
        };
        if told == 1 && matches!(whom, Whom::First) || !is_moving && self.counted() == 0 {
            return told;
        }
        told + self.notify_listed(whom)
    }

    #[cold]
    fn notify_listed(&self, whom: Whom) -> usize {
        self.change(|line, due| match whom {
            Whom::First => usize::from(line.hand_one(due).is_some()),
            Whom::All => line.hand_all(due),
        })
    }

    /// As [`List::is_notified`], of one who sat down.
    pub(crate) fn is_told(&self, me: &S) -> bool {
        match self.seat.stand(me) {
            Stand::Waits => false,
            Stand::Told | Stand::ToldAll => true,
            Stand::Gone => me.moved_to().is_some_and(|ticket| self.is_notified(ticket)),
        }
    }

    /// As [`List::take_up`], of one who sat down.
    #[inline]
    pub(crate) fn take_up_seat(&self, me: &S) -> bool {
        match self.seat.take_up(me) {
            Stand::Waits => false,
            Stand::Told | Stand::ToldAll => true,
            Stand::Gone => me.moved_to().is_some_and(|ticket| self.take_up(ticket)),
        }
    }

    /// As [`List::leave`], of one who sat down.
    pub(crate) fn leave_seat(&self, me: &S) -> bool {
        match self.seat.leave(me) {
            Stand::Waits | Stand::ToldAll => false,
            Stand::Told => self.notify(Whom::First) == 0,
            Stand::Gone => me.moved_to().is_some_and(|ticket| self.leave(ticket)),
        }
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
            } else {
                line.rank_anew(ticket);
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

    /// Sends who sits to the line, for one who is about to wait at `place`, and nobody else runs there meanwhile.
    /// How many notifications came back. Under the lock.
    fn clear_seat(&self, place: usize, line: &mut Line<S::Who>) -> u32 {
        if place == 0 {
            return 0;
        }
        let (sitter, back) = match (self.seat.hold_waiting(), self.seat.hold_told()) {
            (Some(sitter), _) => (sitter, 0),
            (None, Some(sitter)) if sitter.home() == place => (sitter, 1),
            (None, Some(sitter)) => {
                self.seat.put_back(sitter);
                return 0;
            }
            (None, None) => return 0,
        };
        sitter.move_to(line.push(sitter.stand(), 1));
        // ORDERING(list.count): Relaxed, and before the seat is free, which is a Release: who finds it so sees the
        // count.
        self.waiting.store(line.waiting(), Ordering::Relaxed);
        self.seat.free();
        back
    }

    /// Looks whether who was notified in the seat is lost. How many notifications came back. Under the lock.
    fn free_lost_seat(&self) -> u32 {
        let Some(sitter) = self.seat.hold_told() else { return 0 };
        if sitter.is_lost() {
            self.seat.free();
            return 1;
        }
        self.seat.put_back(sitter);
        0
    }

    /// Had somebody a notification of one who is lost? It goes to the next, if there is one.
    pub(crate) fn take_from_lost(&self) -> bool {
        self.change_knowing(|_, _, lost| lost > 0)
    }

    /// A change under the lock.
    fn change<R>(&self, change: impl FnOnce(&mut Line<S::Who>, &mut Due<S::Who>) -> R) -> R {
        self.change_knowing(|line, due, _| change(line, due))
    }

    /// As [`List::change`], told how many notifications the lost had.
    fn change_knowing<R>(
        &self,
        change: impl FnOnce(&mut Line<S::Who>, &mut Due<S::Who>, u32) -> R,
    ) -> R {
        let mut due = Due::new();
        let mut line = self.line.lock();
        let lost = line.remove_lost(&mut due) + self.free_lost_seat();
        pass_on(&mut line, lost, &mut due);
        let outcome = change(&mut line, &mut due, lost);
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
