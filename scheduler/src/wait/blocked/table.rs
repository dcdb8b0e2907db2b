//! The table of all waits of the process that are noted: by who waits, in shards under locks.
//!
//! INVARIANT(blocked.word): a record points to the word of the lock that is waited for, or to what else says who may end
//! the wait, and is taken out before the wait ends: who looks there under the table's lock finds it. A task that never
//! ends its wait, because its runtime ended around it, keeps what it borrows, and the record. So it is with the task that a
//! record points to.
//!
//! Must not: run code of others under a lock.

use super::{Ender, Owned, Wait};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::Header;
use crate::task::abort::{self, Asked};
use crate::wait::owner::Owner;
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// A wait that is noted.
pub(super) struct Record {
    /// Without those of now in whose hands its end is.
    pub(super) wait: Wait,
    pub(super) owned: Owned,
    /// The task, if an abort may end the wait, and what it was asked for that is held back here.
    pub(super) may_unwind: Option<(NonNull<Header>, Asked)>,
    /// A circle that it is on was told.
    pub(super) told: bool,
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

/// Notes a wait, and gives it its number. Returns the one around it, if the same waits there.
pub(super) fn enter(mut record: Record) -> Option<Record> {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let waiter = record.wait.waiter;
    let mut records = shard(waiter).lock();
    // INVARIANT(blocked.number): taken under the lock under which the record gets into the table. So who
    // has the greater number, and looks for the other after that, finds it.
    // ORDERING: Relaxed, the locks of the shards order it with the looks.
    record.wait.number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    records.insert(waiter.get(), record)
}

/// The wait has ended; the one around it goes on.
pub(super) fn leave(waiter: Owner, outer: Option<Record>) {
    let mut records = shard(waiter).lock();
    let ended = match outer {
        Some(outer) => records.insert(waiter.get(), outer),
        None => records.remove(&waiter.get()),
    };
    drop(records);
    drop(ended);
}

/// What the waiter was asked for is held back. Is that new, of a wait that is to be reported if it closes a circle?
pub(super) fn held_back(waiter: Owner, asked: Asked) -> bool {
    let mut records = shard(waiter).lock();
    records.get_mut(&waiter.get()).is_some_and(|record| {
        let seen = record.may_unwind.as_mut().map(|(_, seen)| seen);
        let is_new = seen.is_some_and(|seen| std::mem::replace(seen, asked) != asked);
        is_new && record.wait.reports
    })
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
