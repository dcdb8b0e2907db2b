//! Timers: who is to be woken when.
//!
//! Timers are kept in *shards*, each a [`wheel`] under a lock of its own, so that workers that set timers
//! and take them back do not meet. A tick is 16 us. A timer fires at the end of the tick that its time is
//! in, hence never too early. Times are of the monotonic clock: a change of the calendar moves no timer.
//!
//! # Who serves them
//!
//! Whoever is awake, or a spare that *keeps the time*. Each carrier is at *home* at one shard, where it sets timers, mostly
//! for tasks that stay with it: who wakes them elsewhere has to wake its thread. So others serve a shard only when it
//! is late by the [`DEFERRAL`]: its carriers are in native code then, or compute. A shard of whose tasks none
//! stays anywhere is *common*: one who keeps the time does so for all of these, and runs whom it wakes.
//!
//! - A worker looks every few picks, and when it has nothing else to do.
//! - A spare about to sleep keeps the time of its home, and of all shards whose time nobody keeps ([`Timers::keep`]):
//!   its sleep ends with the first that is due, and it takes an idle worker and serves. A later spare that sees an
//!   earlier timer, or is at home there while it is not common, keeps the time in its place; the first wakes in vain at
//!   most.
//! - The monitor serves what nobody has served for a while ([`GRACE`]), so that timers do not need any
//!   worker: all may be in native code, or in tasks that do not switch. That each timer fires rests on it alone, and
//!   on the protocol of its alarm (`alarm.rs`). All else is for precision. Where others have served them for long it comes
//!   later ([`LAX_GRACE`]), until it has had to serve one itself, or somebody counts on its coming.
//!
//! Each of these fires a bounded number, and comes again after others have had their turn: a process that was
//! stopped has many timers that are late. To wake costs more than to fire, so after a batch the
//! time's keeper sleeps a while, longer after more ([`REST`]): where timers are dense several fire
//! together, where they are not each fires at its time. Long rests end in step ([`STEP`]), so that the end of one can be
//! asked for before it begins (`ahead.rs`).

mod ahead;
pub(crate) mod alarm;
mod ring;
mod shard;
mod slack;
mod slot;
mod wheel;

pub(crate) use self::slack::Slack;

use self::ahead::{Origin, Steps};
use self::alarm::Alarm;
use self::shard::Shard;
use self::wheel::LAST_TICK;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::task::Waker;
use crossbeam_utils::CachePadded;
use std::time::{Duration, Instant};

const TICK_NS: u64 = 1 << 14;

/// No tick.
const NEVER: u64 = u64::MAX;

/// How late the monitor serves a timer, in ticks: 1.6 ms. Each millisecond would cost a tenth more where timers are dense.
const GRACE: u64 = 96;

/// The same, while others serve them: 3.9 ms. A task that sleeps a millisecond at a time, and that the others forget, is to go
/// on within five.
const LAX_GRACE: u64 = 240;

/// How late a shard is served away from home, in ticks: 131 us, less than a long rest.
const DEFERRAL: u64 = 8;

/// How late the monitor serves one if it is awake: more than a long rest and the way out of it, for it wakes together with the
/// time's keeper, and is not to come before.
const MONITOR_DEFERRAL: u64 = 2 * DEFERRAL;

/// For how many ticks the time's keeper rests for each timer that it has fired: 33 us.
const REST: u64 = 2;

/// From the end of one long rest to that of the next, in ticks: 164 us.
const STEP: u64 = 10;

// A long rest is of one step and a half at most.
const _: () = assert!(MONITOR_DEFERRAL > STEP + STEP / 2);

/// How many entries of a wheel are touched under one hold of its lock.
const BATCH: usize = 32;

/// How many batches are fired at once by one who has nothing else to do; all others fire one.
pub(crate) const BATCHES: usize = 8;

/// More shards than this have nobody meet less.
const MAX_SHARDS: usize = 16;

/// The shortest sleep of a monitor that has left late timers to others.
const SHORTEST_SLEEP: Duration = Duration::from_micros(100);

/// One who serves timers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Monitor,
    /// The carrier of this number, which is awake for something else.
    Carrier(usize),
    /// That one, which is awake for them.
    Keeper(usize),
}

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

/// See the module.
#[derive(Debug)]
pub(crate) struct Timers {
    /// When the ticks begin.
    start: Instant,
    origin: Origin,
    shards: Box<[CachePadded<Shard>]>,
    alarm: Alarm,
    /// Somebody would have counted on the monitor, which was not to be punctual.
    wants_watch: AtomicBool,
}

impl Timers {
    pub(crate) fn new(workers: usize) -> Timers {
        let shards = workers.next_power_of_two().min(MAX_SHARDS);
        Timers {
            origin: Origin::now(),
            start: Instant::now(),
            shards: (0..shards).map(|_| CachePadded::new(Shard::new())).collect(),
            alarm: Alarm::new(),
            wants_watch: AtomicBool::new(false),
        }
    }

    /// The shard of the carrier of this number.
    #[inline]
    fn home(&self, carrier: usize) -> usize {
        // A power of two.
        carrier & (self.shards.len() - 1)
    }

    /// Sets a timer, on the carrier of this number; `stays`: who waits goes on there, and nowhere else. True: the monitor
    /// sleeps past it, and must be woken. After [`Timers::close`] there is nobody to serve it, and it would keep the
    /// runtime's memory through its task: no timer.
    #[must_use = "a monitor that sleeps past a timer must be woken"]
    pub(crate) fn set(
        &self,
        at: Instant,
        waker: Waker,
        by: usize,
        stays: bool,
    ) -> Option<(TimerKey, bool)> {
        let tick = self.elapsed_ns(at).div_ceil(TICK_NS).min(LAST_TICK);
        let shard = self.home(by);
        let key = self.shards[shard].insert(tick, waker, stays)?;
        Some((TimerKey { shard, key }, self.alarm.is_after(tick + GRACE)))
    }

    /// Takes a timer back, if it has not fired. One that fires meanwhile wakes somebody who does not wait for it
    /// any more, which every wait tolerates.
    pub(crate) fn remove(&self, key: TimerKey) {
        // The last reference to a task may be the waker's.
        drop(self.shards[key.shard].remove(key.key));
    }

    /// When this one is to serve a shard.
    fn due(&self, index: usize, by: Server) -> u64 {
        let deferral = match by {
            _ if self.is_punctual(index, by) => 0,
            Server::Monitor => MONITOR_DEFERRAL,
            Server::Carrier(_) | Server::Keeper(_) => DEFERRAL,
        };
        self.shards[index].next().saturating_add(deferral)
    }

    /// Is it for this one to serve a shard as soon as that is due? Busy workers would meet at a common one.
    fn is_punctual(&self, index: usize, by: Server) -> bool {
        match by {
            Server::Monitor => false,
            Server::Carrier(carrier) => index == self.home(carrier),
            Server::Keeper(carrier) => {
                index == self.home(carrier) || self.shards[index].is_common()
            }
        }
    }

    /// Wakes those whose time has come, so many batches at most. True: there was one.
    pub(crate) fn fire(&self, now: Instant, mut batches: usize, by: Server) -> bool {
        let tick = self.elapsed_ns(now) / TICK_NS;
        let first = match by {
            // With another each time.
            Server::Monitor => self.home(tick as usize),
            Server::Carrier(carrier) | Server::Keeper(carrier) => self.home(carrier),
        };
        let mut fired = 0;
        for index in (first..self.shards.len()).chain(0..first) {
            while batches > 0 && self.due(index, by) <= tick {
                batches -= 1;
                fired += self.fire_batch(index, tick);
            }
        }
        if fired > 0 {
            let rest = match REST * fired {
                short if short < STEP - 1 => tick + short,
                // Of one step and a half at most.
                _ => self.steps(first).end_after(tick + STEP / 2),
            };
            let shards = self.shards.iter().enumerate();
            shards
                .filter(|(index, _)| self.is_punctual(*index, by))
                .for_each(|(_, shard)| shard.rest_until(rest));
        }
        fired > 0
    }

    /// When long rests end of those who are at home at this shard.
    fn steps(&self, home: usize) -> Steps {
        Steps::of(home, self.shards.len())
    }

    /// Wakes some of a shard whose time has come. How many.
    fn fire_batch(&self, shard: usize, tick: u64) -> u64 {
        ring::all(shard, self.shards[shard].take_due(tick)) as u64
    }

    /// Is there one for this one to fire?
    pub(crate) fn is_due(&self, now: Instant, by: Server) -> bool {
        let first = (0..self.shards.len()).map(|index| self.due(index, by)).min();
        first.is_some_and(|first| first <= self.elapsed_ns(now) / TICK_NS)
    }

    /// As [`Timers::is_due`], by one who does not know the time. Costs a look where there are no timers.
    pub(crate) fn one_is_due(&self, by: usize) -> bool {
        self.has_some() && self.is_due(Instant::now(), Server::Carrier(by))
    }

    /// As [`Timers::fire`], by one who does not know the time. Costs a look where there are no timers.
    #[inline]
    pub(crate) fn fire_due(&self, batches: usize, by: Server) -> bool {
        self.has_some() && self.fire(Instant::now(), batches, by)
    }

    /// Is there any? A look.
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        self.next() != NEVER
    }

    /// For one who has queued whom timers have woken now, and tells nobody: will the monitor look, after a sleep that ends
    /// soon? See `alarm.rs`.
    pub(crate) fn is_watched(&self, now: Instant) -> bool {
        let is_watched = self.alarm.is_before(self.elapsed_ns(now) / TICK_NS + GRACE);
        if !is_watched {
            // ORDERING: Relaxed, a wish for the monitor's sleeps to come.
            self.wants_watch.store(true, Ordering::Relaxed);
        }
        is_watched
    }

    /// Have those who are to serve timers left one to the monitor?
    pub(crate) fn are_left(&self, now: Instant) -> bool {
        self.next().saturating_add(GRACE) <= self.elapsed_ns(now) / TICK_NS
    }

    /// The first tick at which a timer is due, or one before it.
    #[inline]
    fn next(&self) -> u64 {
        self.shards.iter().map(|shard| shard.next()).min().unwrap_or(NEVER)
    }

    /// The carrier of this number, a spare, is about to sleep. `Some`: it is to keep the time, and sleeps until then at most.
    pub(crate) fn keep(&self, by: usize) -> Option<Vigil<'_>> {
        let home = self.home(by);
        let wanted = || {
            let shards = self.shards.iter().enumerate();
            shards.filter_map(|(index, shard)| {
                let until = shard.wants_keeper(index == home)?;
                Some((index, until))
            })
        };
        let until = wanted().map(|(_, until)| until).min()?;
        wanted().for_each(|(index, _)| self.shards[index].keep(until, index == home));
        let own = &self.shards[home];
        if own.rests_until(until) {
            own.ahead.ask(self.origin, self.steps(home), until);
        }
        Some(Vigil { timers: self, home, until })
    }

    /// Has somebody asked lately whether the monitor will look soon, and was told no?
    pub(crate) fn take_wish(&self) -> bool {
        // ORDERING: Relaxed, as in `is_watched`.
        let is_wanted = self.wants_watch.load(Ordering::Relaxed);
        if is_wanted {
            // ORDERING: Relaxed, as above.
            self.wants_watch.store(false, Ordering::Relaxed);
        }
        is_wanted
    }

    /// The monitor is about to sleep, for `limit` at most (`None`: without). For how long it may; `is_lax`: timers may wait for
    /// it for longer. After the sleep it says [`Timers::take_alarm`].
    pub(crate) fn set_alarm(&self, limit: Option<Duration>, is_lax: bool) -> Option<Duration> {
        let grace = if is_lax { LAX_GRACE } else { GRACE };
        // Who sets a timer goes by the one grace.
        let told = |tick: u64| tick.saturating_sub(grace - GRACE);
        let now = self.start.elapsed();
        let end = limit.map_or(NEVER, |limit| nanoseconds(now + limit).div_ceil(TICK_NS));
        self.alarm.set(told(end), is_lax);
        // The second look: see the alarm's protocol.
        let due = self.next().saturating_add(grace);
        if due >= end {
            return limit;
        }
        self.alarm.lower(told(due), is_lax);
        let due = Duration::from_nanos(due.saturating_mul(TICK_NS));
        Some(due.saturating_sub(now).max(SHORTEST_SLEEP))
    }

    /// The monitor is awake.
    pub(crate) fn take_alarm(&self) {
        self.alarm.take();
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Forgets all timers, at the end, and takes none any more.
    pub(crate) fn close(&self) {
        self.shards.iter().for_each(|shard| shard.close());
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

/// A keeper of the time, while it sleeps.
#[must_use = "the time is kept until this is dropped"]
#[derive(Debug)]
pub(crate) struct Vigil<'a> {
    timers: &'a Timers,
    home: usize,
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
        for (index, shard) in self.timers.shards.iter().enumerate() {
            shard.unkeep(self.until, index == self.home);
        }
    }
}

#[cfg(test)]
mod tests;
