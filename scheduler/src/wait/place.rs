//! Wait lists: what sync objects are made of.
//!
//! A [`WaitList`] is a line of tasks and threads that wait for something which the list does not know.
//! [`List`] is its protocol, and says why no wake-up is lost.
//!
//! A place is left by its drop, be it that the condition held after all, that a time came or that an abort
//! unwinds; a notification that had come then goes to the next. So whatever ends a wait, nothing is lost.
//!
//! Must not: keep a reference to the thread over a pause.

use super::line::{Line, Ticket};
use super::list::{List, Whom};
use super::pause::is_abort_due_here;
use super::seat::Seat;
use super::sleeper::Sleeper;
use super::{Waiter, deadline};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, AtomicUsize};
use crate::task::Header;
use std::mem::ManuallyDrop;
use std::ptr;
use std::time::{Duration, Instant};

/// Tasks and threads that wait for a condition, first come, first served.
///
/// A wait is: look at the condition; [`enter`](WaitList::enter); look again; [wait](Place::wait); from the
/// start. Who makes the condition true *then* notifies. The order is what makes it safe: either the one who
/// waits sees the condition at its second look, or the one who notifies sees it in line.
///
/// Two of those in line go out of turn: a task whose runtime ended around it is passed over, and one that
/// holds its carrier while it waits, inside a callback, goes before those which can run nowhere else.
///
/// ```
/// use sortie_scheduler::wait::{WaitList, Waiter};
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static OPEN: AtomicBool = AtomicBool::new(false);
/// static LIST: WaitList = WaitList::new();
///
/// fn pass() {
///     // SAFETY: it stays in this frame.
///     let waiter = unsafe { Waiter::new("a gate") };
///     while !OPEN.load(Ordering::Acquire) {
///         let place = LIST.enter(&waiter);
///         if !OPEN.load(Ordering::Acquire) {
///             place.wait();
///         }
///     }
/// }
///
/// let runtime = sortie_scheduler::Config::new().start()?;
/// let task = runtime.spawn(pass);
/// OPEN.store(true, Ordering::Release);
/// LIST.notify_all();
/// task.join().unwrap();
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
pub struct WaitList {
    list: List<Header>,
}

// Who unwinds out of a wait has left the list.
impl std::panic::UnwindSafe for WaitList {}
impl std::panic::RefUnwindSafe for WaitList {}

impl WaitList {
    /// A list in which nobody waits.
    #[must_use]
    pub const fn new() -> WaitList {
        let seat = Seat::new(AtomicPtr::new(ptr::null_mut()));
        WaitList { list: List::new(seat, AtomicUsize::new(0), Mutex::new(Line::new())) }
    }

    /// As [`WaitList::new`], but the next to be notified is of the highest [`Priority`](crate::Priority) that waits, own or lent,
    /// and of those the one that came first. All that are notified at once are woken in this order.
    ///
    /// A level that changes during a wait counts from the waiter's next look on, for which a [`Nudge`](super::Nudge)
    /// serves.
    #[must_use]
    pub fn by_priority() -> WaitList {
        let mut line = Line::new();
        line.order_by_level();
        WaitList { list: List::new(Seat::closed(), AtomicUsize::new(0), Mutex::new(line)) }
    }

    /// Does nobody wait, but for those who were notified already?
    ///
    /// Two loads. For a decision whether to notify it needs the caller's order: a
    /// `fence(SeqCst)` between the change of the condition and this look, or a lock that the
    /// waiters hold at their second look and the caller at its change. [`WaitList::notify_one`] has the fence;
    /// [`WaitList::notify_one_ordered`] is for those who bring the order along.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many wait and were not notified yet. A look: who is just being moved in the list may be missed.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.list.waiting()
    }

    /// A place at the end of the line, for the current task or thread, which made the waiter.
    ///
    /// Look at the condition again after this, and before [`Place::wait`]; it has the fence that the look
    /// needs. One waiter may stand in several lists at once. May change `errno`.
    #[inline(always)]
    pub fn enter<'a>(&'a self, waiter: &'a Waiter) -> Place<'a> {
        let standing = match waiter.sitter() {
            Some(task) if task.sit_in(&self.list) => Standing::Seated(task),
            _ => Standing::Listed(self.list.enter(Sleeper::new(waiter))),
        };
        Place { list: self, waiter, standing }
    }

    /// Notifies the first who waits. False: nobody does.
    ///
    /// To be called after the condition has become true. A full fence and one load if nobody waits. Does
    /// not wait. May change `errno`.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.list.notify(Whom::First) == 1
    }

    /// Notifies all who wait. How many there were. Each one's notification is its own, and is not passed on.
    /// Else as [`WaitList::notify_one`].
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.list.notify(Whom::All)
    }

    /// Was a task notified alone whose runtime ended around it before it went on? Its notification is taken from it, and
    /// goes to the next, if there is one. Takes the list's lock, and does not wait. May change `errno`.
    pub fn take_from_lost(&self) -> bool {
        self.list.take_from_lost()
    }

    /// As [`WaitList::notify_one`], without the fence: for callers that bring the order which
    /// [`WaitList::is_empty`] asks for.
    #[inline]
    pub fn notify_one_ordered(&self) -> bool {
        self.list.notify_ordered(Whom::First) == 1
    }

    /// As [`WaitList::notify_all`], without the fence.
    #[inline]
    pub fn notify_all_ordered(&self) -> usize {
        self.list.notify_ordered(Whom::All)
    }
}

impl Default for WaitList {
    fn default() -> WaitList {
        WaitList::new()
    }
}

impl std::fmt::Debug for WaitList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitList").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

/// A place in the line of a [`WaitList`]. Dropping it leaves the line; a notification that had come, but for one
/// of all, then goes to the next. Stays on the thread or the fiber that made it.
#[must_use = "dropping a place leaves the line"]
pub struct Place<'a> {
    list: &'a WaitList,
    waiter: &'a Waiter,
    standing: Standing<'a>,
}

/// Where the waiter is.
#[derive(Clone, Copy)]
enum Standing<'a> {
    /// The task of the waiter in the seat.
    Seated(&'a Header),
    Listed(Ticket),
}

impl Place<'_> {
    /// Was it notified? The notification stays with the place: a place that is dropped passes it on, one
    /// that is [waited](Place::wait) for takes it.
    pub fn is_notified(&self) -> bool {
        match self.standing {
            Standing::Seated(task) => self.list.list.is_told(task),
            Standing::Listed(ticket) => self.list.list.is_notified(ticket),
        }
    }

    /// Takes the notification, if it has come, and leaves the line with it.
    ///
    /// # Errors
    /// The place, if none has come.
    #[inline]
    pub fn try_take(self) -> Result<(), Self> {
        if !self.take() {
            return Err(self);
        }
        std::mem::forget(self);
        Ok(())
    }

    /// True: the notification was taken, and the line is left.
    #[inline(always)]
    fn take(&self) -> bool {
        take(self.list, self.standing)
    }

    /// Leaves the line, as a drop does. True: a notification had come, but for one of all, and there was nobody
    /// to pass it on to.
    pub fn leave(self) -> bool {
        let place = ManuallyDrop::new(self);
        leave(place.list, place.standing)
    }

    /// Leaves the line with what was waited for: a notification that had come was for that, and is not passed on.
    #[inline(always)]
    pub fn forgo(self) {
        let place = ManuallyDrop::new(self);
        forgo(place.list, place.standing);
    }

    /// Waits for a notification, and takes it.
    ///
    /// A suspension point: if the task is aborted, this unwinds, and the place is left. May change `errno`.
    // Inlined, see `switch_here`.
    #[inline(always)]
    pub fn wait(self) {
        while !self.take() {
            self.waiter.pause();
        }
        std::mem::forget(self);
    }

    /// As [`Place::wait`], but ends at `until` at the latest: false if no notification has come by then.
    #[must_use = "false says that the wait was in vain"]
    pub fn wait_until(self, until: Instant) -> bool {
        let mut in_time = true;
        while !self.take() {
            if !in_time {
                return false;
            }
            in_time = self.waiter.pause_until(until);
        }
        std::mem::forget(self);
        true
    }

    /// [`Place::wait_until`] where there is a limit, [`Place::wait`] where there is none, and then true.
    #[must_use = "false says that the wait was in vain"]
    #[inline(always)]
    pub fn wait_for(self, until: Option<Instant>) -> bool {
        match until {
            Some(until) => self.wait_until(until),
            None => {
                self.wait();
                true
            }
        }
    }

    /// As [`Place::wait_for`], but an abort is not raised here: this is false then, too. See [`Waiter::pause_unraised`].
    #[must_use = "false says that no notification has come"]
    pub fn wait_unraised(self, until: Option<Instant>) -> bool {
        let mut in_time = true;
        while !self.take() {
            if !in_time || is_abort_due_here() {
                return false;
            }
            in_time = self.waiter.pause_unraised(until);
        }
        std::mem::forget(self);
        true
    }

    /// As [`Place::wait_until`], for so long from now.
    #[must_use = "false says that the wait was in vain"]
    pub fn wait_timeout(self, timeout: Duration) -> bool {
        self.wait_until(deadline(timeout))
    }
}

impl Drop for Place<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        leave(self.list, self.standing);
    }
}

// These take copies, and not the place: so a place that is waited for where it was made need not be in memory, out
// of which it would be moved before each wait.

#[inline(always)]
fn take(list: &WaitList, standing: Standing<'_>) -> bool {
    match standing {
        Standing::Seated(task) => {
            let is_notified = list.list.take_up_seat(task);
            if is_notified {
                task.stand_up();
            }
            is_notified
        }
        Standing::Listed(ticket) => list.list.take_up(ticket),
    }
}

#[inline(never)]
fn leave(list: &WaitList, standing: Standing<'_>) -> bool {
    match standing {
        Standing::Seated(task) => {
            let notified_in_vain = list.list.leave_seat(task);
            task.stand_up();
            notified_in_vain
        }
        Standing::Listed(ticket) => list.list.leave(ticket),
    }
}

#[inline(never)]
fn forgo(list: &WaitList, standing: Standing<'_>) {
    if !take(list, standing) {
        leave(list, standing);
    }
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("is_notified", &self.is_notified()).finish_non_exhaustive()
    }
}
