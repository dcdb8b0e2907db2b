//! How a call is timed: from its leave to its return, and what it tells of its function.
//!
//! A call that is timed looks at the clock twice; one of a function that may be long also asks the kernel
//! what its thread has used, so that it is known whether it has waited or computed. What comes out is
//! written to the [`Row`](super::row::Row) of the carrier on which the call ends, and the function's
//! [`Profile`] learns from it.

use super::Profile;
use super::class::Kind;
use super::decision::Decision;
use super::ledger::{self, Ledger};
use super::page::Page;
use super::row::{add, kind_of};
use super::unhooked;
use sortie_scheduler::crossing::{Back, Errno};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// How a call that is under way is to be written down.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    profile: &'static Profile,
    clock: Clock,
    /// When it began; `None` if it is not timed.
    start: Option<Start>,
    /// What was said of the page's call before.
    outer: u64,
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    None,
    Wall,
    /// Of a function that need not be announced: also that, exactly, for a promise is looked after.
    Sample,
    /// Also what the thread has used, for so many calls.
    Usage {
        stands_for: u8,
    },
}

impl Clock {
    fn stands_for(self) -> u8 {
        match self {
            Clock::Usage { stands_for } => stands_for,
            Clock::Sample => 1,
            Clock::None | Clock::Wall => 0,
        }
    }

    /// What the thread has used, if that is looked at.
    fn usage(self) -> Option<Usage> {
        match self {
            Clock::Usage { .. } => Usage::now(),
            Clock::Sample => Usage::now_exactly(),
            Clock::None | Clock::Wall => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Start {
    wall: Instant,
    /// For targets that may be long.
    usage: Option<Usage>,
}

/// What the thread has used so far.
#[derive(Clone, Copy)]
struct Usage {
    processor: Duration,
    /// How often it went to sleep by itself.
    sleeps: i64,
}

impl Usage {
    /// A system call of 0.3 us.
    fn now() -> Option<Usage> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the place is borrowed for the call, which writes to it.
        let answer = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        // SAFETY: zeroes are a value, and so is what the kernel has written.
        let usage = unsafe { usage.assume_init() };
        let duration = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
        };
        let processor = duration(usage.ru_utime) + duration(usage.ru_stime);
        (answer == 0).then_some(Usage { processor, sleeps: usage.ru_nvcsw })
    }

    /// As [`Usage::now`], and exactly: that is late by what the thread has used since the kernel's last tick, so a
    /// thread that is put off between two looks seems to have computed meanwhile. Two system calls.
    fn now_exactly() -> Option<Usage> {
        let mut time = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: the place is borrowed for the call, which writes to it.
        let answer =
            unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr()) };
        // SAFETY: zeroes are a value, and so is what the kernel has written.
        let time = unsafe { time.assume_init() };
        let processor = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        (answer == 0).then_some(Usage { processor, ..Usage::now()? })
    }

    /// How a call that took so long, and ends now, has spent its time: a thread that was kept from a
    /// processor has neither computed nor waited. But one that has computed for long and never slept did nothing else,
    /// however many others share its processor: were that not seen, more such calls would be let go beside it, which share
    /// it, too.
    fn since(self, took: Duration, now: Option<Usage>) -> Kind {
        let Some(now) = now else { return Kind::Timed };
        let used = now.processor.saturating_sub(self.processor);
        if 2 * used > took {
            Kind::Burned
        } else if now.sleeps > self.sleeps {
            Kind::Blocked
        } else if used >= MUCH {
            Kind::Burned
        } else {
            Kind::Timed
        }
    }
}

/// So much a long call computes; a short one that is put off does not.
const MUCH: Duration = Duration::from_micros(100);

/// From here on it is worth knowing how a call has spent its time.
const LONG: Duration = Duration::from_micros(20);

impl Timing {
    /// Counts a call whose native function is called next, by this page's carrier; it is timed if its target's
    /// calls all are, or if it is due. After the way out, which is no part of the call: who gives its worker away
    /// may be put off by whoever gets it. Keeps `errno`.
    #[inline]
    pub(crate) fn begin(page: &Page, profile: &'static Profile, decision: Decision) -> Timing {
        let due = page.row(profile).count();
        let clock = match (decision.is_timed(), due) {
            (true, _) => page.clock(decision),
            (false, true) if decision.is_unhooked() => Clock::Sample,
            (false, true) => Clock::Wall,
            (false, false) => Clock::None,
        };
        Timing::start(page, profile, clock)
    }

    /// As [`Timing::begin`], for a call that another thread makes: nobody else sees how long it takes.
    pub(crate) fn begin_offloaded(
        page: &Page,
        profile: &'static Profile,
        decision: Decision,
    ) -> Timing {
        page.row(profile).count();
        Timing::start(page, profile, page.clock(decision))
    }

    #[inline]
    fn start(page: &Page, profile: &'static Profile, clock: Clock) -> Timing {
        if clock == Clock::None {
            return Timing { profile, clock, start: None, outer: page.set_since(0) };
        }
        Timing::start_clock(page, profile, clock)
    }

    #[inline(never)]
    fn start_clock(page: &Page, profile: &'static Profile, clock: Clock) -> Timing {
        let since = ledger::with(Ledger::now).unwrap_or(0);
        let outer = page.set_since(since);
        let start = Some(Start { usage: clock.usage(), wall: Instant::now() });
        Timing { profile, clock, start, outer }
    }

    /// The call has returned, and its task is still on the same carrier: what is known of it.
    ///
    /// `called_back`: how long managed code ran in between.
    pub(crate) fn end(self, called_back: Duration) -> Ended {
        if let Some(page) = ledger::page() {
            page.set_since(self.outer);
        }
        let took = self.start.map(|start| start.wall.elapsed().saturating_sub(called_back));
        let kind = match (took, self.start.and_then(|start| start.usage)) {
            // With callbacks in between the thread's figures are not the call's.
            (Some(took), Some(before)) if took >= LONG && called_back.is_zero() => {
                before.since(took, self.clock.usage())
            }
            _ => Kind::Timed,
        };
        let is_sample = self.clock == Clock::Sample;
        Ended { profile: self.profile, took, kind, stands_for: self.clock.stands_for(), is_sample }
    }
}

/// A call that has returned.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    profile: &'static Profile,
    took: Option<Duration>,
    kind: Kind,
    /// So many calls are taken to be of that kind.
    stands_for: u8,
    /// It was announced although it need not be.
    is_sample: bool,
}

impl Ended {
    /// A call that nobody timed.
    pub(crate) fn untimed(profile: &'static Profile) -> Ended {
        Ended { profile, took: None, kind: Kind::Timed, stands_for: 0, is_sample: false }
    }

    /// Writes a call down that another thread has made for its task.
    pub(crate) fn record_offloaded(self) {
        if let Some(page) = ledger::page() {
            add(&page.row(self.profile).offloads, 1);
        }
        self.record(Back::Kept);
    }

    /// Writes the call down, on whatever carrier its task is now, and learns from it.
    #[inline]
    pub(crate) fn record(self, back: Back) {
        if self.took.is_none() && back == Back::Kept {
            return;
        }
        self.write(back);
    }

    #[cold]
    #[inline(never)]
    fn write(self, back: Back) {
        let errno = Errno::save();
        if let Some(page) = ledger::page() {
            let row = page.row(self.profile);
            match (self.took, back) {
                (Some(took), back) => row.record(took, back, page),
                // The monitor has learned from it already.
                (None, Back::Retaken(seen)) => row.write(seen.time(), 1, back),
                (None, _) => {}
            }
            // One that was taken has been counted by what its taker saw.
            let counted = matches!(back, Back::Retaken(seen) if kind_of(seen) != Kind::Timed);
            row.count_kind(self.kind, u64::from(self.stands_for).saturating_sub(counted.into()));
        }
        if let Some(took) = self.took {
            let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.profile.observe(ns, self.kind, self.stands_for);
            if self.is_sample && took > unhooked::TOO_LONG && self.kind != Kind::Timed {
                unhooked::lasted(self.profile, took);
            }
        }
        errno.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Usage};
    use std::time::Duration;

    #[test]
    fn a_call_that_computes_and_shares_its_processor_is_not_taken_for_one_that_blocks() {
        let of = |used_us, sleeps: i64, took_us| {
            let before = Usage { processor: Duration::from_secs(1), sleeps: 7 };
            let processor = before.processor + Duration::from_micros(used_us);
            let now = Usage { processor, sleeps: 7 + sleeps };
            before.since(Duration::from_micros(took_us), Some(now))
        };
        assert_eq!(of(200, 0, 300), Kind::Burned);
        assert_eq!(of(200, 0, 5_000), Kind::Burned);
        assert_eq!(of(200, 1, 5_000), Kind::Blocked);
        // Put off for nearly all of the time: nothing is known of it.
        assert_eq!(of(99, 0, 5_000), Kind::Timed);
    }
}
