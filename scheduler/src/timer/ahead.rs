//! Sleeps of the time's keeper that are asked for one ahead.
//!
//! A thread that goes to sleep until a time for which its processor's clock is to be set pays for that itself, and on a
//! virtual machine as much as for all the rest of the sleep. If something else wakes the processor before, nobody pays: the
//! kernel sets the clock anew at the end of that interrupt. So a keeper whose long rests follow each other, in
//! [`Steps`], arms a `timerfd` for the end of the *next* one as it goes to sleep. Nobody reads it: the keeper then
//! sleeps until that time by a futex as ever, for which the clock has been set.
//!
//! These are hints, and nothing rests on them. One that is refused, or was armed on another processor, saves nothing, and one
//! that nobody sleeps for any more wakes no thread. Of two clocks one rings for the odd steps and one for the even
//! ones, so that none is set again before it has rung.
//!
//! Must not: be read, or waited for.

use super::{STEP, TICK_NS};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;

const SECOND_NS: u64 = 1_000_000_000;

/// The ticks at which long rests end: each [`STEP`], so many ticks later than the multiples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    later: u64,
}

impl Steps {
    /// The steps of those who are at home at this one of so many shards: others' are between, so that keepers do not meet.
    pub(super) fn of(shard: usize, shards: usize) -> Steps {
        Steps { later: STEP * shard as u64 / shards as u64 }
    }

    /// The first end after this tick.
    pub(super) fn end_after(self, tick: u64) -> u64 {
        (tick + STEP - self.later) / STEP * STEP + self.later
    }

    /// The number of the step that ends at this tick, if one does.
    fn number(self, end: u64) -> Option<u64> {
        let since = end.checked_sub(self.later)?;
        since.is_multiple_of(STEP).then_some(since / STEP)
    }
}

/// When the ticks begin, or a little before, by the monotonic clock's own count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(u64);

impl Origin {
    /// They begin now.
    pub(super) fn now() -> Origin {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes the time there, and knows this clock everywhere.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
        Origin(now.tv_sec as u64 * SECOND_NS + now.tv_nsec as u64)
    }

    /// When this tick begins. `None`: in centuries.
    fn time_of(self, tick: u64) -> Option<libc::timespec> {
        let ns = tick.checked_mul(TICK_NS)?.checked_add(self.0)?;
        let tv_sec = libc::time_t::try_from(ns / SECOND_NS).ok()?;
        Some(libc::timespec { tv_sec, tv_nsec: (ns % SECOND_NS) as libc::c_long })
    }
}

/// The two clocks, from the first time on that they are needed. `None` in it: refused.
#[derive(Debug)]
pub(super) struct Ahead(OnceLock<Option<[OwnedFd; 2]>>);

impl Ahead {
    pub(super) fn new() -> Ahead {
        Ahead(OnceLock::new())
    }

    /// Was anything asked for?
    #[cfg(test)]
    pub(super) fn was_asked(&self) -> bool {
        self.0.get().is_some()
    }

    /// A keeper is about to sleep until `end`. If that is the end of a step it asks for the end of the next. May change
    /// `errno`.
    pub(super) fn ask(&self, origin: Origin, steps: Steps, end: u64) {
        let (Some(number), Some(at)) = (steps.number(end), origin.time_of(end + STEP)) else {
            return;
        };
        let Some(clocks) = self.0.get_or_init(|| Some([open()?, open()?])) else { return };
        let clock = clocks[number as usize % 2].as_raw_fd();
        let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let times = libc::itimerspec { it_interval: once, it_value: at };
        // SAFETY: the descriptor is open, and the kernel reads the times, which are borrowed for the whole call. Its answer
        // does not matter.
        unsafe {
            libc::timerfd_settime(clock, libc::TFD_TIMER_ABSTIME, &raw const times, ptr::null_mut())
        };
    }
}

/// A clock that is not armed. `None`: refused.
#[cold]
fn open() -> Option<OwnedFd> {
    // SAFETY: touches no memory.
    let clock = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
    // SAFETY: it is open, and nobody else's.
    (clock >= 0).then(|| unsafe { OwnedFd::from_raw_fd(clock) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// For how long each clock is armed; `None`: there is none.
    fn armed(ahead: &Ahead) -> Option<[Duration; 2]> {
        let clocks = ahead.0.get()?.as_ref().expect("the kernel has such clocks");
        Some([0, 1].map(|n| {
            let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let mut times = libc::itimerspec { it_interval: zero, it_value: zero };
            // SAFETY: the descriptor is open, and the kernel writes the times there.
            let answer = unsafe { libc::timerfd_gettime(clocks[n].as_raw_fd(), &raw mut times) };
            assert_eq!(answer, 0);
            let left = times.it_value;
            Duration::new(left.tv_sec as u64, left.tv_nsec as u32)
        }))
    }

    #[test]
    fn steps_follow_each_other_and_those_of_other_shards_are_between() {
        let [first, second] = [0, 1].map(|shard| Steps::of(shard, 2));
        let mut tick = 0;
        for number in 1..100 {
            let end = first.end_after(tick);
            assert!(end > tick && end - tick <= STEP);
            assert_eq!((end, first.number(end)), (number * STEP, Some(number)));
            let between = second.end_after(end);
            assert_eq!(between, end + STEP / 2);
            assert_eq!((second.number(between), first.number(between)), (Some(number), None));
            tick = end;
        }
    }

    #[test]
    fn the_next_step_is_asked_for_on_the_clock_that_has_rung() {
        let (origin, steps, ahead) = (Origin::now(), Steps::of(0, 1), Ahead::new());
        ahead.ask(origin, steps, STEP + 1);
        assert_eq!(armed(&ahead), None, "that is no step's end");
        // A minute from now.
        let end = steps.end_after(60 * SECOND_NS / TICK_NS);
        let step = Duration::from_nanos(STEP * TICK_NS);
        let from = Duration::from_nanos((end + STEP) * TICK_NS);
        ahead.ask(origin, steps, end);
        let both = armed(&ahead).expect("it was asked for");
        let one = both.into_iter().max().expect("two");
        assert!(one <= from && one > from - Duration::from_secs(10), "{both:?}");
        assert!(both.contains(&Duration::ZERO), "the other one may still have to ring: {both:?}");
        ahead.ask(origin, steps, end + STEP);
        let both = armed(&ahead).expect("there are two");
        let apart = both[0].abs_diff(both[1]);
        assert!(apart > step / 2 && apart < Duration::from_secs(10), "{both:?}");
    }

    #[test]
    fn what_is_centuries_away_is_not_asked_for() {
        let (steps, ahead) = (Steps::of(0, 1), Ahead::new());
        ahead.ask(Origin::now(), steps, steps.end_after(u64::MAX / 2));
        assert_eq!(armed(&ahead), None);
    }
}
