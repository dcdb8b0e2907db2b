//! Timers: who is to be woken when.
//!
//! Timers are kept in *shards*, each a [`Wheel`] under a lock of its own, so that workers that set timers
//! and take them back do not meet. A tick is 16 us. A timer fires at the end of the tick that its time is
//! in, hence never too early. Times are of the monotonic clock: a change of the calendar moves no timer.
//!
//! # Who serves them
//!
//! Whoever is awake, or the one spare that *keeps the time*:
//!
//! - A worker looks every few picks, and when it has nothing else to do.
//! - A spare about to sleep asks whether anybody sleeps until the next timer. If not, it keeps the time
//!   ([`Timers::keep`]): its sleep ends then, and it takes an idle worker and serves. A later spare that sees an
//!   earlier timer keeps the time in its place; the first wakes in vain at most.
//! - The monitor serves what nobody has served for a while ([`GRACE`]), so that timers do not need any
//!   worker: all may be in native code, or in tasks that do not switch. That each timer fires rests on it alone, and
//!   on the protocol of its alarm (`alarm.rs`). All else is for precision.
//!
//! Each of these fires a bounded number, and comes again after others have had their turn: a process that was
//! stopped has many timers that are late. To wake costs more than to fire, so after a batch the
//! time's keeper sleeps a while, longer after more ([`REST`]): where timers are dense several fire
//! together, where they are not each fires at its time.

pub(crate) mod alarm;
mod slack;
mod slot;
mod wheel;

pub(crate) use self::slack::Slack;

use self::alarm::Alarm;
use self::wheel::{LAST_TICK, Wheel};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::Waker;
use crossbeam_utils::CachePadded;
use std::time::{Duration, Instant};

const TICK_NS: u64 = 1 << 14;

/// No tick.
const NEVER: u64 = u64::MAX;

/// How late the monitor serves a timer, in ticks: 1.6 ms. Each millisecond would cost a tenth more where timers are dense.
const GRACE: u64 = 96;

/// For how many ticks the time's keeper rests for each timer that it has fired, and at most: 33 and 147 us.
const REST: u64 = 2;
const LONGEST_REST: u64 = 9;

/// How many entries of a wheel are touched under one hold of its lock.
const BATCH: usize = 32;

/// How many batches are fired at once by one who has nothing else to do; all others fire one.
pub(crate) const BATCHES: usize = 8;

/// More shards than this have nobody meet less.
const MAX_SHARDS: usize = 16;

/// The shortest sleep of a monitor that has left late timers to others.
const SHORTEST_SLEEP: Duration = Duration::from_micros(100);

/// Names a timer that was set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    shard: usize,
    key: wheel::Key,
}

impl TimerKey {
    /// A number that no other timer of the runtime has. Not 0.
    pub(crate) fn number(self) -> u64 {
        (self.key.order + 1) * MAX_SHARDS as u64 + self.shard as u64
    }
}

#[derive(Debug)]
struct Shard {
    /// The wheel; `None` when the runtime has ended.
    wheel: Mutex<Option<Wheel<Waker>>>,
    /// When the first of them is due, or before. Written under the lock.
    next: AtomicU64,
}

impl Shard {
    fn new() -> Shard {
        Shard { wheel: Mutex::new(Some(Wheel::new())), next: AtomicU64::new(NEVER) }
    }

    /// Under the lock, after a change.
    fn show(&self, wheel: &Wheel<Waker>) {
        // ORDERING(timer.alarm): Relaxed, read by others after a fence of theirs; see `alarm.rs`.
        self.next.store(wheel.next().unwrap_or(NEVER), Ordering::Relaxed);
    }

    fn next(&self) -> u64 {
        // ORDERING(timer.alarm): Relaxed, after the fence of the monitor's second look; for others a look.
        self.next.load(Ordering::Relaxed)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Timers {
    /// When the ticks begin.
    start: Instant,
    shards: Box<[CachePadded<Shard>]>,
    alarm: Alarm,
    /// Until when the time's keeper sleeps.
    kept: AtomicU64,
    /// Before this tick nobody wakes for timers.
    rest: AtomicU64,
}

impl Timers {
    pub(crate) fn new(workers: usize) -> Timers {
        let shards = workers.next_power_of_two().min(MAX_SHARDS);
        Timers {
            start: Instant::now(),
            shards: (0..shards).map(|_| CachePadded::new(Shard::new())).collect(),
            alarm: Alarm::new(),
            kept: AtomicU64::new(NEVER),
            rest: AtomicU64::new(0),
        }
    }

    /// Sets a timer, in the shard of somebody with this number. True: the monitor sleeps past it, and must be
    /// woken. After [`Timers::close`] there is nobody to serve it, and it would keep the runtime's memory
    /// through its task: no timer.
    #[must_use = "a monitor that sleeps past a timer must be woken"]
    pub(crate) fn set(&self, at: Instant, waker: Waker, by: usize) -> Option<(TimerKey, bool)> {
        let tick = self.elapsed_ns(at).div_ceil(TICK_NS).min(LAST_TICK);
        let index = by % self.shards.len();
        let shard = &self.shards[index];
        let mut wheel = shard.wheel.lock();
        let key = TimerKey { shard: index, key: wheel.as_mut()?.insert(tick, waker) };
        shard.show(wheel.as_ref()?);
        drop(wheel);
        Some((key, self.alarm.is_after(tick + GRACE)))
    }

    /// Takes a timer back, if it has not fired. One that fires meanwhile wakes somebody who does not wait for it
    /// any more, which every wait tolerates.
    pub(crate) fn remove(&self, key: TimerKey) {
        let shard = &self.shards[key.shard];
        let mut wheel = shard.wheel.lock();
        let removed = wheel.as_mut().and_then(|wheel| {
            let removed = wheel.remove(key.key)?;
            shard.show(wheel);
            Some(removed)
        });
        drop(wheel);
        // The last reference to a task may be the waker's.
        drop(removed);
    }

    /// Wakes those whose time has come, so many batches at most. True: there was one.
    pub(crate) fn fire(&self, now: Instant, mut batches: usize) -> bool {
        let tick = self.elapsed_ns(now) / TICK_NS;
        let mut fired = 0;
        for shard in 0..self.shards.len() {
            while self.shards[shard].next() <= tick && batches > 0 {
                batches -= 1;
                fired += self.fire_batch(shard, tick);
            }
        }
        if fired > 0 {
            let rest = tick + (REST * fired).min(LONGEST_REST);
            // ORDERING: Relaxed, a hint.
            self.rest.fetch_max(rest, Ordering::Relaxed);
        }
        fired > 0
    }

    /// Wakes some of a shard whose time has come. How many.
    fn fire_batch(&self, index: usize, tick: u64) -> u64 {
        let shard = &self.shards[index];
        let mut due = [const { None }; BATCH];
        let mut room = due.iter_mut();
        if let Some(wheel) = &mut *shard.wheel.lock() {
            wheel.take_due(tick, BATCH, |key, waker| {
                let key = TimerKey { shard: index, key };
                *room.next().expect("room for all touched") = Some((key, waker));
            });
            shard.show(wheel);
        }
        // All at once: one after the other, each would wait for its own memory.
        due.iter().flatten().for_each(|(_, waker): &(TimerKey, Waker)| waker.prefetch());
        due.into_iter().flatten().map(|(key, waker)| waker.ring(key.number())).count() as u64
    }

    /// Is there one whose time has come?
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next() <= self.elapsed_ns(now) / TICK_NS
    }

    /// As [`Timers::is_due`], by one who does not know the time. Costs a look where there are no timers.
    pub(crate) fn one_is_due(&self) -> bool {
        self.next() != NEVER && self.is_due(Instant::now())
    }

    /// As [`Timers::fire`], by one who does not know the time. Costs a look where there are no timers.
    #[inline]
    pub(crate) fn fire_due(&self, batches: usize) -> bool {
        self.next() != NEVER && self.fire(Instant::now(), batches)
    }

    /// The first tick at which a timer is due, or one before it.
    #[inline]
    fn next(&self) -> u64 {
        self.shards.iter().map(|shard| shard.next()).min().unwrap_or(NEVER)
    }

    /// A spare is about to sleep. `Some`: it is to keep the time, and sleeps until then at most.
    pub(crate) fn keep(&self) -> Option<Vigil<'_>> {
        let next = self.next();
        if next == NEVER {
            return None;
        }
        // ORDERING: Relaxed, a hint.
        let until = next.max(self.rest.load(Ordering::Relaxed));
        // ORDERING: Relaxed, it decides who is precise and publishes nothing.
        let before = self.kept.fetch_min(until, Ordering::Relaxed);
        (until < before).then_some(Vigil { timers: self, until })
    }

    /// The monitor is about to sleep, for `limit` at most (`None`: without). For how long it may. After the
    /// sleep it says [`Timers::take_alarm`].
    pub(crate) fn set_alarm(&self, limit: Option<Duration>) -> Option<Duration> {
        let now = self.start.elapsed();
        let end = limit.map_or(NEVER, |limit| nanoseconds(now + limit).div_ceil(TICK_NS));
        self.alarm.set(end);
        // The second look: see the alarm's protocol.
        let due = self.next().saturating_add(GRACE);
        if due >= end {
            return limit;
        }
        self.alarm.lower(due);
        let due = Duration::from_nanos(due.saturating_mul(TICK_NS));
        Some(due.saturating_sub(now).max(SHORTEST_SLEEP))
    }

    /// The monitor is awake.
    pub(crate) fn take_alarm(&self) {
        self.alarm.take();
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.wheel.lock().as_ref().map_or(0, Wheel::len)).sum()
    }

    /// Forgets all timers, at the end, and takes none any more.
    pub(crate) fn close(&self) {
        for shard in &self.shards {
            let wheel = shard.wheel.lock().take();
            // ORDERING: Relaxed, a look that is late finds no wheel.
            shard.next.store(NEVER, Ordering::Relaxed);
            // Wakers are dropped without the lock.
            drop(wheel);
        }
    }

    /// Since the ticks began; 0 before, and at the end of the range what is later.
    fn elapsed_ns(&self, at: Instant) -> u64 {
        nanoseconds(at.saturating_duration_since(self.start))
    }
}

/// A duration in nanoseconds, or centuries if it is longer.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The time's keeper, while it sleeps.
#[must_use = "the time is kept until this is dropped"]
#[derive(Debug)]
pub(crate) struct Vigil<'a> {
    timers: &'a Timers,
    until: u64,
}

impl Vigil<'_> {
    /// For how long it may sleep.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_nanos(self.until * TICK_NS).saturating_sub(self.timers.start.elapsed())
    }
}

impl Drop for Vigil<'_> {
    fn drop(&mut self) {
        // Unless another keeps the time since. One with the very same tick is awake by then, or wakes all the
        // same: it is not known as the keeper any more, and so there may be two.
        // ORDERING: Relaxed, as in `keep`.
        let _ = self.timers.kept.compare_exchange(
            self.until,
            NEVER,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

#[cfg(test)]
mod tests;
