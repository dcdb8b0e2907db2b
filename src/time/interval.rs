//! Ticks: something every so often, and what becomes of ticks that nobody was there for.

use super::{after, sleep_until};
use sortie_scheduler::wait::deadline;
use std::time::{Duration, Instant};

/// What an [`Interval`] does about ticks that it has missed.
///
/// A tick is missed if nobody waits for it until the time of the one after it: the task had something else to do,
/// or had no turn.
#[doc(alias = "MissedTickBehavior")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTicks {
    /// They come one right after the other, until none is missing. For what must be done so many times.
    #[default]
    Burst,
    /// One comes at once, and the next a period after it: the ticks are later from then on. For what must have
    /// so much time in between.
    Delay,
    /// One comes at once, and the next at its own time, as if none had been missed. For what must be done at
    /// certain times.
    Skip,
}

/// Ticks, a period from each other. See [`interval`].
#[derive(Debug)]
#[must_use = "an interval ticks when `tick` is called"]
pub struct Interval {
    next: Instant,
    period: Duration,
    missed: MissedTicks,
}

/// Ticks every `period`, the first time at once.
///
/// # Panics
/// If the period is zero.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     let start = Instant::now();
///     let mut interval = sortie::time::interval(Duration::from_millis(2));
///     for n in 0..3 {
///         interval.tick();
///         assert!(start.elapsed() >= n * Duration::from_millis(2));
///     }
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
/// If the period is zero.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     let start = Instant::now() + Duration::from_millis(3);
///     let mut interval = sortie::time::interval_at(start, Duration::from_millis(2));
///     assert_eq!(interval.tick(), start);
///     assert!(Instant::now() >= start);
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval is zero: give it a length");
    Interval { next: start, period, missed: MissedTicks::default() }
}

impl Interval {
    /// What is done about missed ticks: [`MissedTicks::Burst`] if this is not called.
    ///
    /// ```
    /// use sortie::time::{MissedTicks, interval};
    /// use std::time::Duration;
    ///
    /// let interval = interval(Duration::from_secs(1)).missed_ticks(MissedTicks::Skip);
    /// # drop(interval);
    /// ```
    #[doc(alias = "set_missed_tick_behavior")]
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Interval {
        self.missed = missed;
        self
    }

    /// The time between ticks.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let interval = sortie::time::interval(Duration::from_secs(1));
    /// assert_eq!(interval.period(), Duration::from_secs(1));
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits for the next tick, and says for which time it was.
    ///
    /// A suspension point. Outside of a task, and in native code, the thread sleeps. A wait that an abort or a
    /// time limit ends takes no tick.
    ///
    /// # Panics
    /// In debug builds, under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut interval = sortie::time::interval(Duration::from_millis(1));
    /// // The first comes at once.
    /// let first = interval.tick();
    /// assert_eq!(interval.tick(), first + Duration::from_millis(1));
    /// ```
    pub fn tick(&mut self) -> Instant {
        sleep_until(self.next);
        self.take(Instant::now())
    }

    /// As [`Interval::tick`], but waits for so long at most. `None`: the next tick comes later, and is not taken.
    ///
    /// # Panics
    /// As [`Interval::tick`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut interval = sortie::time::interval(Duration::from_secs(60));
    /// assert!(interval.tick_timeout(Duration::from_secs(1)).is_some(), "the first comes at once");
    /// assert!(interval.tick_timeout(Duration::from_millis(1)).is_none());
    /// ```
    pub fn tick_timeout(&mut self, timeout: Duration) -> Option<Instant> {
        self.tick_until(deadline(timeout))
    }

    /// As [`Interval::tick_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`Interval::tick`].
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let start = Instant::now() + Duration::from_secs(60);
    /// let mut interval = sortie::time::interval_at(start, Duration::from_secs(60));
    /// assert!(interval.tick_until(Instant::now()).is_none());
    /// ```
    pub fn tick_until(&mut self, until: Instant) -> Option<Instant> {
        if self.next > until {
            sleep_until(until);
            return None;
        }
        Some(self.tick())
    }

    /// As [`Interval::tick`], if its time has come; does not wait. A [`select!`](crate::select) has an arm `tick`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut interval = sortie::time::interval(Duration::from_secs(60));
    /// assert!(interval.try_tick().is_some(), "the first comes at once");
    /// assert!(interval.try_tick().is_none());
    /// ```
    #[must_use = "a tick that is there is taken"]
    pub fn try_tick(&mut self) -> Option<Instant> {
        let now = Instant::now();
        (self.next <= now).then(|| self.take(now))
    }

    /// The time of the next tick.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let start = Instant::now() + Duration::from_secs(60);
    /// let interval = sortie::time::interval_at(start, Duration::from_secs(1));
    /// assert_eq!(interval.next_tick(), start);
    /// ```
    #[must_use]
    pub fn next_tick(&self) -> Instant {
        self.next
    }

    /// The tick that is due `now`.
    fn take(&mut self, now: Instant) -> Instant {
        let tick = self.next;
        self.next = self.following(tick, now);
        tick
    }

    /// The next tick comes a period from now, and the others after it.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let mut interval = sortie::time::interval(Duration::from_millis(2));
    ///     let start = Instant::now();
    ///     interval.reset();
    ///     assert!(interval.tick() >= start + Duration::from_millis(2));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn reset(&mut self) {
        self.reset_at(after(Instant::now(), self.period));
    }

    /// The next tick comes at this time, and the others after it.
    pub fn reset_at(&mut self, next: Instant) {
        self.next = next;
    }

    /// The tick after one for the time `tick`, which was taken `now`.
    fn following(&self, tick: Instant, now: Instant) -> Instant {
        let next = after(tick, self.period);
        if next > now {
            return next;
        }
        match self.missed {
            MissedTicks::Burst => next,
            MissedTicks::Delay => after(now, self.period),
            MissedTicks::Skip => {
                let over = now.duration_since(tick).as_nanos() % self.period.as_nanos();
                let over = u64::try_from(over).expect("less than a time that has passed");
                after(now, self.period - Duration::from_nanos(over))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    /// The tick after one of time 0 that was taken so late, in milliseconds.
    fn following(missed: MissedTicks, late_ms: u64) -> u64 {
        let start = Instant::now();
        let interval = interval_at(start, PERIOD).missed_ticks(missed);
        let next = interval.following(start, start + Duration::from_millis(late_ms));
        u64::try_from((next - start).as_millis()).unwrap()
    }

    #[test]
    fn a_tick_that_is_late_but_not_missed_moves_none() {
        for missed in [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip] {
            assert_eq!([0, 5, 9].map(|late| following(missed, late)), [10; 3], "{missed:?}");
        }
    }

    #[test]
    fn missed_ticks_are_dealt_with_as_asked() {
        let late = [10, 19, 20, 35];
        assert_eq!(late.map(|it| following(MissedTicks::Burst, it)), [10; 4]);
        assert_eq!(late.map(|it| following(MissedTicks::Delay, it)), [20, 29, 30, 45]);
        assert_eq!(late.map(|it| following(MissedTicks::Skip, it)), [20, 20, 30, 40]);
    }

    #[test]
    fn a_period_without_end_ticks_once() {
        let start = Instant::now();
        let interval = interval_at(start, Duration::MAX);
        assert!(interval.following(start, start) > start + Duration::from_secs(1 << 35));
    }

    #[test]
    #[should_panic(expected = "the period of an interval is zero")]
    fn a_period_of_nothing_is_refused() {
        let _ = interval(Duration::ZERO);
    }
}
