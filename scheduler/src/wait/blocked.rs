//! Who waits for what somebody else has: noted while it lasts, for the report of deadlocks.
//!
//! A wait whose end is in one other's hands (a lock's owner, a task that is joined), in those of each of several (the
//! tasks of a set, the readers of a lock), or in those of any of several, is noted while it lasts. Waits for locks,
//! groups and any of several tasks, and those of threads, in a table of the whole process (`blocked/table.rs`): only
//! who really waits comes here. A task's join, and its wait at the end of a scope, in its own header, because those are
//! many (`joining.rs`).
//!
//! Waits with a limit are not noted, nor those in code that has one: they end. An embedder's may have one in form only,
//! and it notes them. The wait of a task that was asked to unwind ends, too: until that has looked, and may find that it
//! is held back, its record is passed over. If it finds so, its wait is looked at as one that begins. A further request,
//! which may not be held back, is another to look at.

mod table;

pub(crate) use self::table::{all, mark_told, wait_of};

use self::table::Record;
use super::owner::Owner;
use super::task;
use crate::deadlock;
use crate::sync::atomic::AtomicUsize;
use crate::task::abort::{self, Asked};
use crate::task::membership::SetMark;
use crate::task::{Header, Id};
use std::mem::transmute;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

/// A wait, as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) waiter: Owner,
    /// The same as long as the wait lasts, another for each; the table gives it.
    pub(crate) number: u64,
    /// Does the waiter say so if this closes a circle?
    pub(crate) reports: bool,
    /// The address of the waiter's runtime; 0: a thread's.
    pub(crate) runtime: usize,
    pub(crate) id: Option<Id>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) what: &'static str,
    pub(crate) place: &'static Location<'static>,
    pub(crate) ender: Ender,
}

/// In whose hands the end of a wait is now.
#[derive(Clone, Debug)]
pub(crate) enum Ender {
    /// It is about to end, or nobody known has it.
    Nobody,
    One(Owner),
    /// Each task of this set has to end.
    Each(SetMark),
    /// Each of these has to go on.
    EachOf(Vec<Owner>),
    /// One of these has to go on. Nobody else can end it.
    AnyOf(Vec<Owner>),
}

/// What is waited for, where more than a word says in whose hands the end is.
pub(crate) trait Enders: Sync {
    /// In whose hands the end of this one's wait is now. A look.
    ///
    /// Under a lock of the table: it takes no lock under which somebody comes to the table, and runs no code of others.
    fn ender(&self, waiter: Owner) -> Ender;
}

/// How the owner is found.
#[derive(Clone, Copy)]
pub(super) enum Owned {
    /// The word of a lock.
    Word(NonNull<AtomicUsize>),
    By(Owner),
    /// By each task of this set.
    Each(SetMark),
    /// By those that this says.
    Asked(NonNull<dyn Enders>),
}

/// Runs `wait`, which waits for what the owner in `word` has, and notes that meanwhile. `what` says what it is
/// a wait for.
///
/// If the runtime of the waiting task reports deadlocks and this closes one, that is said before.
#[track_caller]
pub fn blocked_on<R>(what: &'static str, word: &AtomicUsize, wait: impl FnOnce() -> R) -> R {
    let place = Location::caller();
    let note = || Noted::new(what, Owned::Word(NonNull::from(word)), place, Kind::Ordinary);
    let _noted = (!has_limit()).then(note);
    wait()
}

/// As [`blocked_on`], of who says so itself if this closes a circle.
#[track_caller]
pub fn blocked_unreported<R>(
    what: &'static str,
    word: &AtomicUsize,
    wait: impl FnOnce() -> R,
) -> R {
    let place = Location::caller();
    let note = || Noted::new(what, Owned::Word(NonNull::from(word)), place, Kind::Unreported);
    let _noted = (!has_limit()).then(note);
    wait()
}

/// As [`blocked_on`], of who is to have it even to unwind: no abort ends the wait.
#[track_caller]
pub(crate) fn blocked_undisturbed<R>(
    what: &'static str,
    word: &AtomicUsize,
    wait: impl FnOnce() -> R,
) -> R {
    let (owned, place) = (Owned::Word(NonNull::from(word)), Location::caller());
    // What a subscriber does, who is told that this closes a circle, must not end the wait.
    let _noted =
        catch_unwind(AssertUnwindSafe(|| Noted::new(what, owned, place, Kind::Undisturbed)));
    wait()
}

/// As [`blocked_on`], while `wait` waits until each task of a set has ended.
#[track_caller]
pub(crate) fn blocked_on_each<R>(what: &'static str, set: SetMark, wait: impl FnOnce() -> R) -> R {
    let place = Location::caller();
    let _noted = (!has_limit()).then(|| Noted::new(what, Owned::Each(set), place, Kind::Ordinary));
    wait()
}

/// As [`blocked_on`], while `wait` waits for what these say.
#[track_caller]
pub(crate) fn blocked_by_enders<R>(
    what: &'static str,
    enders: &dyn Enders,
    wait: impl FnOnce() -> R,
) -> R {
    let place = Location::caller();
    // SAFETY: only the lifetime is another, and the record ends before this returns, by INVARIANT(blocked.word).
    let enders: NonNull<dyn Enders> = unsafe { transmute(NonNull::from(enders)) };
    let _noted =
        (!has_limit()).then(|| Noted::new(what, Owned::Asked(enders), place, Kind::Ordinary));
    wait()
}

/// As [`blocked_by_enders`], of who is to have it even to unwind: no abort ends the wait.
#[track_caller]
pub(crate) fn blocked_undisturbed_by_enders(
    what: &'static str,
    enders: &dyn Enders,
    wait: impl FnOnce(),
) {
    let place = Location::caller();
    // SAFETY: as in `blocked_by_enders`.
    let enders: NonNull<dyn Enders> = unsafe { transmute(NonNull::from(enders)) };
    // What a subscriber does, who is told that this closes a circle, must not end the wait.
    let note = || Noted::new(what, Owned::Asked(enders), place, Kind::Undisturbed);
    let _noted = catch_unwind(AssertUnwindSafe(note));
    wait();
}

/// Does a time limit end the wait that begins here?
// Not inlined: it is called around pauses.
#[inline(never)]
fn has_limit() -> bool {
    task().is_some_and(abort::has_limit)
}

/// How a wait is noted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// If it closes a circle, that is said; an abort may end it.
    Ordinary,
    /// Who waits says so itself.
    Unreported,
    /// As an ordinary one, but no abort ends it.
    Undisturbed,
}

/// A record in the table, while this lives.
pub(super) struct Noted {
    waiter: Owner,
    /// The wait around this one: a destructor waits, or a subscriber of tracing's.
    outer: Option<Record>,
}

impl Noted {
    // Not inlined: it is called around pauses, and a name of a thread is a thread-local's.
    #[inline(never)]
    pub(super) fn new(
        what: &'static str,
        owned: Owned,
        place: &'static Location<'static>,
        kind: Kind,
    ) -> Noted {
        let waiter = Owner::current();
        let task = task();
        let name = match task {
            Some(task) => task.name().cloned(),
            None => std::thread::current().name().map(Arc::from),
        };
        let is_looked_at = kind != Kind::Unreported;
        let reports = is_looked_at && task.is_some_and(|task| task.shared.config.report_deadlocks);
        let wait = Wait {
            waiter,
            number: 0,
            reports,
            runtime: task.map_or(0, |task| Arc::as_ptr(&task.shared).addr()),
            id: task.map(|task| task.id),
            name,
            what,
            place,
            ender: Ender::Nobody,
        };
        let may_unwind = task.filter(|_| kind != Kind::Undisturbed);
        let may_unwind = may_unwind.map(|task| (NonNull::from(task), Asked::held_back(task)));
        let outer = table::enter(Record { wait, owned, may_unwind, told: false });
        let noted = Noted { waiter, outer };
        if reports {
            deadlock::report(waiter);
        }
        if let Some(look) = LOOK.get().filter(|_| is_looked_at) {
            look(waiter);
        }
        noted
    }
}

impl Drop for Noted {
    #[inline(never)]
    fn drop(&mut self) {
        table::leave(self.waiter, self.outer.take());
    }
}

/// The current task was asked for this while it waited, and that is held back: if its wait is noted, it goes on, and who
/// looked meanwhile has passed it over. Runs code of others, so the caller looks next for what it waits for.
#[cold]
#[inline(never)]
pub(super) fn held_back(task: &Header, asked: Asked) {
    let waiter = Owner::of_task(task);
    if table::held_back(waiter, asked) {
        deadlock::report(waiter);
    }
}

/// Who looks at each wait that is noted, from there on for good.
static LOOK: OnceLock<fn(Owner)> = OnceLock::new();

/// Does an embedder look at each wait?
#[inline]
pub(super) fn is_looked_at() -> bool {
    LOOK.get().is_some()
}

/// From now on `look` is called by whoever begins a wait that [`blocked_on`] notes, or a join, once that can be seen by
/// [`blocked_by`]: for an embedder that ends waits of a kind of its own which are on a circle with it. The first that says
/// so is kept. It may do all that code before a wait may.
pub fn look_when_blocked(look: fn(Owner)) {
    let _ = LOOK.set(look);
}

/// The number of the wait without a limit in which this one is, another for each, and in whose hands its end is, if it
/// is one's. A look.
///
/// Not of joins that began before [`look_when_blocked`].
pub fn blocked_by(waiter: Owner) -> Option<(u64, Owner)> {
    let wait = wait_of(waiter)?;
    match wait.ender {
        Ender::One(owner) => Some((wait.number, owner)),
        Ender::Nobody | Ender::Each(_) | Ender::EachOf(_) | Ender::AnyOf(_) => None,
    }
}
