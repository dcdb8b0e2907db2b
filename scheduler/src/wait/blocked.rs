//! Who waits for what somebody else has: the records behind the report of deadlocks.
//!
//! A wait whose end is in one other's hands (a lock's owner, a task that is joined), in those of each of several (the
//! tasks of a set, the readers of a lock), or in those of any of several, is noted while it lasts. Waits for locks,
//! groups and any of several tasks, and those of threads, in a table of the whole process, under locks of its own: only
//! who really waits comes here. A task's join, and its wait at the end of a scope, in its own header, because those are
//! many (`joining.rs`).
//!
//! Waits with a limit are not noted, nor those in code that has one: they end. An embedder's may have one in form only,
//! and it notes them. The wait of a task that was asked to unwind ends, too: until that has looked, and may find that it
//! is held back, its record is passed over. If it finds so, its wait is looked at as one that begins. A further request,
//! which may not be held back, is another to look at.
//!
//! INVARIANT(blocked.word): a record points to the word of the lock that is waited for, or to what else says who may end
//! the wait, and is taken out before the wait ends: who looks there under the table's lock finds it. A task that never
//! ends its wait, because its runtime ended around it, keeps what it borrows, and the record. Likewise to the task.
//!
//! Must not: run code of others under the table's lock.

use super::owner::Owner;
use super::task;
use crate::deadlock;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::task::abort::{self, Asked};
use crate::task::membership::SetMark;
use crate::task::{Header, Id};
use std::collections::BTreeMap;
use std::mem::transmute;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

/// A wait, as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) waiter: Owner,
    /// The same as long as the wait lasts, another for each.
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

struct Record {
    /// Without those of now in whose hands its end is.
    wait: Wait,
    owned: Owned,
    /// The task, if an abort may end the wait, and what it was asked for that is held back here.
    may_unwind: Option<(NonNull<Header>, Asked)>,
    /// A circle that it is on was told.
    told: bool,
}

// SAFETY: the word is a shared atomic, whoever is asked may be shared, and of the task only what anybody may look at is
// looked at; they are there while the record is, by INVARIANT(blocked.word).
unsafe impl Send for Record {}

impl Record {
    /// The wait, unless it is about to end by an abort.
    fn wait(&self) -> Option<Wait> {
        let is_about_to_unwind = self.may_unwind.is_some_and(|(task, seen)| {
            // SAFETY: by INVARIANT(blocked.word); the caller holds the lock of the record's shard.
            abort::has_not_looked_since(unsafe { task.as_ref() }, seen)
        });
        (!is_about_to_unwind).then(|| self.lasting())
    }

    fn lasting(&self) -> Wait {
        let ender = match self.owned {
            Owned::Word(word) => {
                // SAFETY: by INVARIANT(blocked.word); the caller holds the lock of the record's shard.
                let word = unsafe { word.as_ref() };
                // ORDERING: Relaxed, a look; who concludes something from it looks again.
                match Owner::of(word.load(Ordering::Relaxed)) {
                    // Who owns what it waits for was handed it, and is about to find out.
                    Some(owner) if owner != self.wait.waiter => Ender::One(owner),
                    _ => Ender::Nobody,
                }
            }
            Owned::By(owner) => Ender::One(owner),
            Owned::Each(set) => Ender::Each(set),
            // SAFETY: as above.
            Owned::Asked(enders) => unsafe { enders.as_ref() }.ender(self.wait.waiter),
        };
        Wait { ender, ..self.wait.clone() }
    }
}

const SHARDS: usize = 32;

static RECORDS: [Mutex<BTreeMap<usize, Record>>; SHARDS] =
    [const { Mutex::new(BTreeMap::new()) }; SHARDS];

fn shard(waiter: Owner) -> &'static Mutex<BTreeMap<usize, Record>> {
    // Headers lie a few lines apart.
    &RECORDS[(waiter.get() >> 8 ^ waiter.get() >> 13) % SHARDS]
}

/// Runs `wait`, which waits for what the owner in `word` has, and notes that meanwhile. `what` says what it is
/// a wait for.
///
/// If the runtime of the waiting task reports deadlocks and this closes one, that is said before.
#[track_caller]
pub fn blocked_on<R>(what: &'static str, word: &AtomicUsize, wait: impl FnOnce() -> R) -> R {
    let place = Location::caller();
    let note = || Noted::new(what, Owned::Word(NonNull::from(word)), place, true);
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
    let note = || Noted::new(what, Owned::Word(NonNull::from(word)), place, false);
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
    let _noted = catch_unwind(AssertUnwindSafe(|| Noted::undisturbed(what, owned, place)));
    wait()
}

/// As [`blocked_on`], while `wait` waits until each task of a set has ended.
#[track_caller]
pub(crate) fn blocked_on_each<R>(what: &'static str, set: SetMark, wait: impl FnOnce() -> R) -> R {
    let place = Location::caller();
    let _noted = (!has_limit()).then(|| Noted::new(what, Owned::Each(set), place, true));
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
    let _noted = (!has_limit()).then(|| Noted::new(what, Owned::Asked(enders), place, true));
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
    let note = || Noted::undisturbed(what, Owned::Asked(enders), place);
    let _noted = catch_unwind(AssertUnwindSafe(note));
    wait();
}

/// Does a time limit end the wait that begins here?
// Not inlined: it is called around pauses.
#[inline(never)]
fn has_limit() -> bool {
    task().is_some_and(abort::has_limit)
}

/// A record in the table, while this lives.
pub(super) struct Noted {
    waiter: Owner,
    /// The wait around this one: a destructor waits, or a subscriber of tracing's.
    outer: Option<Record>,
}

impl Noted {
    pub(super) fn new(
        what: &'static str,
        owned: Owned,
        place: &'static Location<'static>,
        is_looked_at: bool,
    ) -> Noted {
        Noted::enter(what, owned, place, is_looked_at, true)
    }

    /// No abort ends it.
    fn undisturbed(what: &'static str, owned: Owned, place: &'static Location<'static>) -> Noted {
        Noted::enter(what, owned, place, true, false)
    }

    // Not inlined: it is called around pauses, and a name of a thread is a thread-local's.
    #[inline(never)]
    fn enter(
        what: &'static str,
        owned: Owned,
        place: &'static Location<'static>,
        is_looked_at: bool,
        may_unwind: bool,
    ) -> Noted {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let waiter = Owner::current();
        let task = task();
        let name = match task {
            Some(task) => task.name().cloned(),
            None => std::thread::current().name().map(Arc::from),
        };
        let reports = is_looked_at && task.is_some_and(|task| task.shared.config.report_deadlocks);
        let may_unwind = task.filter(|_| may_unwind);
        let may_unwind = may_unwind.map(|task| (NonNull::from(task), Asked::held_back(task)));
        let mut records = shard(waiter).lock();
        let wait = Wait {
            waiter,
            // INVARIANT(blocked.number): taken under the lock under which the record gets into the table. So who
            // has the greater number, and looks for the other after that, finds it.
            // ORDERING: Relaxed, the locks of the shards order it with the looks.
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            reports,
            runtime: task.map_or(0, |task| Arc::as_ptr(&task.shared).addr()),
            id: task.map(|task| task.id),
            name,
            what,
            place,
            ender: Ender::Nobody,
        };
        let outer = records.insert(waiter.get(), Record { wait, owned, may_unwind, told: false });
        drop(records);
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

/// The current task was asked for this while it waited, and that is held back: if its wait is noted, it goes on, and who
/// looked meanwhile has passed it over. Runs code of others, so the caller looks next for what it waits for.
#[cold]
#[inline(never)]
pub(super) fn held_back(task: &Header, asked: Asked) {
    let waiter = Owner::of_task(task);
    let mut records = shard(waiter).lock();
    let reports = records.get_mut(&waiter.get()).is_some_and(|record| {
        let seen = record.may_unwind.as_mut().map(|(_, seen)| seen);
        let is_new = seen.is_some_and(|seen| std::mem::replace(seen, asked) != asked);
        is_new && record.wait.reports
    });
    drop(records);
    if reports {
        deadlock::report(waiter);
    }
}

impl Drop for Noted {
    #[inline(never)]
    fn drop(&mut self) {
        let mut records = shard(self.waiter).lock();
        let ended = match self.outer.take() {
            Some(outer) => records.insert(self.waiter.get(), outer),
            None => records.remove(&self.waiter.get()),
        };
        drop(records);
        drop(ended);
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

/// The wait of this one in the table, unless it is about to end by an abort.
pub(crate) fn wait_of(waiter: Owner) -> Option<Wait> {
    shard(waiter).lock().get(&waiter.get()).and_then(Record::wait)
}

/// Marks a wait of the table as told. False: it was, or has ended.
pub(crate) fn mark_told(wait: &Wait) -> bool {
    let mut records = shard(wait.waiter).lock();
    let record = records.get_mut(&wait.waiter.get());
    record.is_some_and(|record| {
        record.wait.number == wait.number && !std::mem::replace(&mut record.told, true)
    })
}

/// All such waits in the table.
pub(crate) fn all() -> Vec<Wait> {
    let mut waits = Vec::new();
    for records in &RECORDS {
        waits.extend(records.lock().values().filter_map(Record::wait));
    }
    waits
}
