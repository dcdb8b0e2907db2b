//! A shard: the timers that are set on some carriers, whose *home* it is, and until when somebody sleeps for them.
//!
//! Must not: know of clocks, or wake anybody under its lock.

use super::ahead::Ahead;
use super::wheel::{Key, Wheel};
use super::{BATCH, DEFERRAL, NEVER};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::Waker;

/// Beside the tick until which somebody sleeps: it is not at home here.
const AWAY: u64 = 1;

/// See the module.
#[derive(Debug)]
pub(super) struct Shard {
    /// The wheel; `None` when the runtime has ended.
    wheel: Mutex<Option<Wheel<Waker>>>,
    /// When the first of them is due, or before. Written under the lock.
    next: AtomicU64,
    /// Is one for a task that stays on its carrier? Or was one, since there were none at all. Written under the lock.
    has_stayers: AtomicBool,
    /// Before this tick nobody wakes for them.
    rest: AtomicU64,
    /// Until when the keeper of their time sleeps, doubled, and whether it is [`AWAY`].
    kept: AtomicU64,
    /// Of those who are at home here.
    pub(super) ahead: Ahead,
}

/// The timers that have fired at once.
pub(super) type Fired = [Option<(Key, Waker)>; BATCH];

impl Shard {
    pub(super) fn new() -> Shard {
        Shard {
            wheel: Mutex::new(Some(Wheel::new())),
            next: AtomicU64::new(NEVER),
            has_stayers: AtomicBool::new(false),
            rest: AtomicU64::new(0),
            kept: AtomicU64::new(NEVER),
            ahead: Ahead::new(),
        }
    }

    /// Under the lock, after a change.
    fn show(&self, wheel: &Wheel<Waker>) {
        // ORDERING(timer.alarm): Relaxed, read by others after a fence of theirs; see `alarm.rs`.
        let next = wheel.next().unwrap_or(NEVER);
        self.next.store(next, Ordering::Relaxed);
        if next == NEVER {
            // ORDERING: Relaxed, as in `is_common`.
            self.has_stayers.store(false, Ordering::Relaxed);
        }
    }

    /// When the first is due, or before.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        // ORDERING(timer.alarm): Relaxed, after the fence of the monitor's second look; for others a look.
        self.next.load(Ordering::Relaxed)
    }

    /// Is it all the same who serves it, since none of those who wait stays anywhere? A look.
    #[inline]
    pub(super) fn is_common(&self) -> bool {
        // ORDERING: Relaxed, a hint.
        !self.has_stayers.load(Ordering::Relaxed)
    }

    /// `None` after the end.
    pub(super) fn insert(&self, tick: u64, waker: Waker, stays: bool) -> Option<Key> {
        let mut wheel = self.wheel.lock();
        if stays {
            // ORDERING: Relaxed, as in `is_common`.
            self.has_stayers.store(true, Ordering::Relaxed);
        }
        let key = wheel.as_mut()?.insert(tick, waker);
        self.show(wheel.as_ref()?);
        Some(key)
    }

    /// What was set, if it has not fired.
    pub(super) fn remove(&self, key: Key) -> Option<Waker> {
        let mut wheel = self.wheel.lock();
        let wheel = wheel.as_mut()?;
        let removed = wheel.remove(key)?;
        self.show(wheel);
        Some(removed)
    }

    /// Takes some of those that are due.
    pub(super) fn take_due(&self, tick: u64) -> Fired {
        let mut due = [const { None }; BATCH];
        let mut room = due.iter_mut();
        if let Some(wheel) = &mut *self.wheel.lock() {
            wheel.take_due(tick, BATCH, |key, waker| {
                *room.next().expect("room for all touched") = Some((key, waker));
            });
            self.show(wheel);
        }
        due
    }

    /// Who keeps the time may rest until then.
    pub(super) fn rest_until(&self, tick: u64) {
        // ORDERING: Relaxed, a hint.
        self.rest.fetch_max(tick, Ordering::Relaxed);
    }

    /// Does who sleeps until then rest, although some are due before?
    pub(super) fn rests_until(&self, tick: u64) -> bool {
        // ORDERING: Relaxed, a hint.
        self.rest.load(Ordering::Relaxed) == tick && self.next() < tick
    }

    /// Is it for a spare that is about to sleep to keep the time here? Until when it may sleep then.
    pub(super) fn wants_keeper(&self, is_home: bool) -> Option<u64> {
        let next = self.next();
        if next == NEVER {
            return None;
        }
        // ORDERING: Relaxed, both are hints: they decide who is precise and publish nothing.
        let (rest, kept) = (self.rest.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        let is_common = self.is_common();
        let until = next.max(rest) + if is_home || is_common { 0 } else { DEFERRAL };
        // Who is at home does not leave those who stay there to others.
        (until < kept >> 1 || is_home && !is_common && kept & AWAY != 0).then_some(until)
    }

    /// Somebody sleeps until then.
    pub(super) fn keep(&self, until: u64, is_home: bool) {
        // ORDERING: Relaxed, as in `wants_keeper`.
        if is_home {
            self.kept.store(kept(until, true), Ordering::Relaxed);
        } else {
            self.kept.fetch_min(kept(until, false), Ordering::Relaxed);
        }
    }

    /// It does not sleep any more. Unless another keeps the time since: one with the very same tick is awake by then, or
    /// wakes all the same; it is not known as the keeper any more, and so there may be two.
    pub(super) fn unkeep(&self, until: u64, is_home: bool) {
        let kept = kept(until, is_home);
        // ORDERING: Relaxed, as in `wants_keeper`.
        let _ = self.kept.compare_exchange(kept, NEVER, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.wheel.lock().as_ref().map_or(0, Wheel::len)
    }

    /// Forgets all, and takes none any more.
    pub(super) fn close(&self) {
        let wheel = self.wheel.lock().take();
        // ORDERING: Relaxed, a look that is late finds no wheel.
        self.next.store(NEVER, Ordering::Relaxed);
        // Wakers are dropped without the lock.
        drop(wheel);
    }
}

/// The word of one who sleeps until then.
fn kept(until: u64, is_home: bool) -> u64 {
    until << 1 | if is_home { 0 } else { AWAY }
}
