//! A lock for many readers or one writer: what a `RwLock` is made of.
//!
//! It is a semaphore whose readers take one permit and whose writers take all. So it is fair: who comes while
//! somebody waits, waits behind it, readers behind a writer too, and neither readers nor writers starve. The
//! protocol is the semaphore's, [`Permits`](crate::semaphore::permits).
//!
//! The writer is noted beside, after it has come and until it goes, for those who ask who it is. Readers are noted
//! where a runtime of the process reports deadlocks ([`Readers`]).
//!
//! Must not: keep a thread's `errno` in a register over a pause.

use super::readers::Readers;
use super::wait_for_good;
use crate::crossing::Errno;
use crate::semaphore::permits::MOST;
use crate::semaphore::pool::Pool;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::lent::lend;
use crate::wait::blocked::{Ender, Enders, blocked_by_enders, blocked_undisturbed_by_enders};
use crate::wait::due::Waiting;
use crate::wait::owner::Owner;
use crate::wait::sleeper::held_here;
use crate::wait::spin::spin;
use std::time::Instant;

/// A lock for readers or a writer, without data: see the `RwLock` that `sortie` makes of it.
///
/// First come, first served: a reader that comes while a writer waits, waits behind it. So who reads, and reads
/// again before it has let go, may wait for a writer that waits for it. It belongs to no runtime.
///
/// ```
/// let lock = sortie_scheduler::SharedLock::new();
/// lock.read();
/// assert!(lock.try_read());
/// assert_eq!(lock.try_write(), None);
/// lock.unlock_read();
/// lock.unlock_read();
/// let writer = lock.write();
/// lock.unlock_write(writer);
/// ```
pub struct SharedLock {
    pool: Pool,
    writer: AtomicUsize,
    readers: Readers,
}

// As a lock of one owner.
impl std::panic::UnwindSafe for SharedLock {}
impl std::panic::RefUnwindSafe for SharedLock {}

/// A wait to read or to write, for those who ask who may end it.
struct Wait<'a> {
    lock: &'a SharedLock,
    wants: u32,
}

impl Enders for Wait<'_> {
    /// The writer; else, for one who writes, all who read, and for one who reads, the writers before it in line.
    fn ender(&self, waiter: Owner) -> Ender {
        // ORDERING: Relaxed, a look; who concludes something from it looks again.
        match Owner::of(self.lock.writer.load(Ordering::Relaxed)) {
            Some(writer) if writer != waiter => Ender::One(writer),
            // It was handed what it wants, and is about to find out.
            Some(_) => Ender::Nobody,
            None if self.wants == MOST => Ender::EachOf(self.lock.readers.all()),
            None => Ender::EachOf(self.lock.writers_before(waiter)),
        }
    }
}

impl SharedLock {
    /// A free lock.
    #[must_use]
    pub const fn new() -> SharedLock {
        SharedLock { pool: Pool::new(MOST), writer: AtomicUsize::new(0), readers: Readers::new() }
    }

    /// Takes the lock for reading, waiting for it behind all who came before.
    ///
    /// A suspension point if it waits. If the task is aborted while it waits, this unwinds, without the lock.
    /// Keeps `errno`, on the thread that it returns on.
    ///
    /// # Panics
    /// If the caller is the writer: the wait would never end. In debug builds, if it would wait while a
    /// [`NoSuspend`](crate::NoSuspend) of the task is alive.
    #[inline]
    #[track_caller]
    pub fn read(&self) {
        if !self.pool.take(1) {
            self.wait(1, None);
        }
        self.readers.came();
    }

    /// As [`SharedLock::try_read`], by the word alone: false, too, where anybody stands in line.
    #[inline]
    pub fn read_at_once(&self) -> bool {
        let taken = self.pool.take(1);
        if taken {
            self.readers.came();
        }
        taken
    }

    /// As [`SharedLock::try_write`], by the word alone, as [`SharedLock::read_at_once`].
    #[inline]
    pub fn write_at_once(&self) -> Option<Owner> {
        self.pool.take(MOST).then(|| self.note_writer())
    }

    /// As [`SharedLock::read`], for a guard that has let the lock go for a while: as [`Lock::lock_again`](crate::Lock::lock_again).
    #[track_caller]
    pub fn read_again(&self) {
        self.take_again(1);
        self.readers.came();
    }

    /// As [`SharedLock::write`], for a guard that has let the lock go for a while: as
    /// [`Lock::lock_again`](crate::Lock::lock_again).
    #[track_caller]
    pub fn write_again(&self) -> Owner {
        self.take_again(MOST);
        self.note_writer()
    }

    /// Takes the lock for reading if it is free for that and nobody waits.
    #[inline]
    pub fn try_read(&self) -> bool {
        let taken = self.pool.try_take(1);
        if taken {
            self.readers.came();
        }
        taken
    }

    /// As [`SharedLock::read`], but waits no longer than until this time. False: it was not to be had until then.
    ///
    /// # Panics
    /// In debug builds, as [`SharedLock::read`].
    #[inline]
    #[track_caller]
    pub fn read_until(&self, until: Instant) -> bool {
        let taken = self.pool.take(1) || self.wait(1, Some(until));
        if taken {
            self.readers.came();
        }
        taken
    }

    /// A reader lets go. Does not wait. Keeps `errno`.
    ///
    /// # Panics
    /// If nobody reads.
    #[inline]
    pub fn unlock_read(&self) {
        self.readers.go();
        assert!(self.pool.give(1), "a lock is let go that nobody reads under");
    }

    /// Takes the lock for writing, waiting for it behind all who came before. Else as [`SharedLock::read`].
    ///
    /// # Panics
    /// As [`SharedLock::read`].
    #[inline]
    #[track_caller]
    pub fn write(&self) -> Owner {
        if !self.pool.take(MOST) {
            self.wait(MOST, None);
        }
        self.note_writer()
    }

    /// Takes the lock for writing if it is free.
    #[inline]
    pub fn try_write(&self) -> Option<Owner> {
        self.pool.try_take(MOST).then(|| self.note_writer())
    }

    /// As [`SharedLock::write`], but waits no longer than until this time.
    ///
    /// # Panics
    /// In debug builds, as [`SharedLock::read`].
    #[inline]
    #[track_caller]
    pub fn write_until(&self, until: Instant) -> Option<Owner> {
        let taken = self.pool.take(MOST) || self.wait(MOST, Some(until));
        taken.then(|| self.note_writer())
    }

    /// The writer lets go. Does not wait. Keeps `errno`.
    ///
    /// # Panics
    /// If `owner` does not write.
    #[inline]
    pub fn unlock_write(&self, owner: Owner) {
        self.forget_writer(owner);
        self.pool.give(MOST);
    }

    /// The writer becomes a reader; others that wait to read come in with it. Does not wait. Keeps `errno`.
    ///
    /// # Panics
    /// If `owner` does not write.
    #[inline]
    pub fn downgrade(&self, owner: Owner) {
        self.forget_writer(owner);
        self.readers.came();
        self.pool.give(MOST - 1);
    }

    /// Does anybody read or write now?
    pub fn is_locked(&self) -> bool {
        self.pool.permits.counts().0 > 0
    }

    /// Does anybody write now?
    pub fn is_write_locked(&self) -> bool {
        self.pool.permits.counts().0 == MOST
    }

    #[inline]
    fn note_writer(&self) -> Owner {
        let owner = Owner::current();
        // ORDERING: Relaxed, a note; what is done under the lock is ordered by the permits.
        self.writer.store(owner.get(), Ordering::Relaxed);
        owner
    }

    #[inline]
    fn forget_writer(&self, owner: Owner) {
        // ORDERING: Relaxed, the writer reads what it wrote itself, or what came with its guard.
        let noted = self.writer.load(Ordering::Relaxed);
        assert!(noted == owner.get(), "a lock is let go that its caller does not write under");
        // ORDERING: Relaxed, as in `note_writer`.
        self.writer.store(0, Ordering::Relaxed);
    }

    /// The writers that wait before this one, who wants to read: it has its turn after theirs.
    fn writers_before(&self, reader: Owner) -> Vec<Owner> {
        self.pool.permits.look(|line| {
            let (mut writers, mut homes) = (Vec::new(), Vec::new());
            let own = line.in_turn().find(|(who, wants)| {
                let is_own = who.owner() == reader;
                if !is_own {
                    homes.push(who.home());
                    // The lost are passed over.
                    writers.extend((*wants == MOST && !who.is_lost()).then(|| who.owner()));
                }
                is_own
            });
            let held = match own {
                Some((who, _)) => who.holds(),
                // It is about to come.
                None if reader == Owner::current() => held_here(),
                None => return Vec::new(),
            };
            // It goes before those who can run only where it waits.
            if held != 0 && homes.contains(&held) { Vec::new() } else { writers }
        })
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn take_again(&self, wants: u32) {
        if self.pool.take(wants) {
            return;
        }
        let what = of(wants);
        let errno = Errno::save();
        let lending = lend(&self.writer, || false);
        let ends = Wait { lock: self, wants };
        wait_for_good(|| {
            blocked_undisturbed_by_enders(what, &ends, || self.pool.wait_undisturbed(wants));
        });
        drop(lending);
        // On whatever thread this is now.
        errno.restore();
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait(&self, wants: u32, until: Option<Instant>) -> bool {
        // ORDERING: Relaxed, only a note of the caller's own matters, and that it sees.
        let writer = Owner::of(self.writer.load(Ordering::Relaxed));
        if until.is_none() && writer == Some(Owner::current()) {
            panic!("this task or thread writes under the lock already, and would wait for itself");
        }
        let looks = || match self.pool.permits.waits_in_line() {
            true => Some(false),
            false => self.pool.take(wants).then_some(true),
        };
        let what = of(wants);
        if spin(looks) {
            return true;
        }
        let errno = Errno::save();
        let lending = lend(&self.writer, || false);
        let taken = match until {
            Some(_) => self.pool.wait(wants, what, until),
            None => {
                let ends = Wait { lock: self, wants };
                blocked_by_enders(what, &ends, || self.pool.wait(wants, what, None))
            }
        };
        drop(lending);
        // On whatever thread this is now.
        errno.restore();
        taken
    }
}

/// What a wait for so many permits is called.
fn of(wants: u32) -> &'static str {
    if wants == MOST { "a wait to write" } else { "a wait to read" }
}

impl Default for SharedLock {
    fn default() -> SharedLock {
        SharedLock::new()
    }
}

impl std::fmt::Debug for SharedLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedLock")
            .field("is_locked", &self.is_locked())
            .field("is_write_locked", &self.is_write_locked())
            .finish_non_exhaustive()
    }
}
