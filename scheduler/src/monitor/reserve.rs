//! How many workers are held back where there are far more of them than processors.
//!
//! Threads that cannot run at once wait in the kernel's queues, and these know nothing of tasks: one whose thread holds
//! others that are pinned there was kept from a processor for half a second. So no more workers are at work than keep
//! the processors busy, and who needs one stands in the lobby's line, first come, first served. The rest is in reserve,
//! but for as many as are of use:
//!
//! - one for each worker that is [stuck](super::runaway): tasks that compute may wait for what is queued;
//! - more and more while work waits and a processor is free all the same, as where managed code blocks without having said
//!   so; fewer and fewer once none is.
//!
//! Those that were let out may each find enough that only they run, and no work waits any more. So as long as there are
//! some the monitor comes by even then: if no processor is free, many are ready to run, or few are at work, they are of
//! no use.
//!
//! What counts as busy is the processor time of all threads of the process, asked of the kernel once in ten
//! milliseconds, in some microseconds.

use crate::shared::Shared;
use std::time::{Duration, Instant};

/// So many workers a processor are at work: some are in native calls that keep their worker, or on their way.
const PER_PROCESSOR: usize = 4;
/// How long processors are watched before more or fewer are let out.
const WINDOW: Duration = Duration::from_millis(10);
/// How long a window may be whose end was missed, because no work waited: a longer one does not say that a processor is
/// free.
const STALE: Duration = Duration::from_millis(30);
/// How long a window is if no work waits.
const REST: Duration = Duration::from_millis(100);
/// Of the processors' time, what is used at least where none is free, in eighths; and what is used at most where one is.
const BUSY: u32 = 7;
const FREE: u32 = 5;

impl Shared {
    /// How many workers are held back if each of those at work is of use.
    pub(crate) fn most_held_back(&self) -> usize {
        self.config.workers.saturating_sub(PER_PROCESSOR * self.processors)
    }
}

/// What the monitor remembers of the processors' use.
pub(super) struct Reserve {
    /// When the window began, and what the process had used by then.
    began: Instant,
    used: Duration,
    /// So many workers more are at work because a processor was free.
    more: usize,
    /// Fewer are held back than could be.
    lets_out: bool,
}

impl Reserve {
    pub(super) fn new(now: Instant) -> Reserve {
        Reserve { began: now, used: processor_time(), more: 0, lets_out: false }
    }

    /// Work waits, no worker is idle, and so many are stuck: does what the module says.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant, stuck: usize) {
        let most = shared.most_held_back();
        if most == 0 {
            return;
        }
        if now.saturating_duration_since(self.began) >= WINDOW {
            let (used, all) = self.next_window(shared, now);
            if all < STALE * shared.processors as u32 || is_busy(used, all) {
                self.more = next(self.more, used, all).min(most);
            }
        }
        self.hold_back(shared, most.saturating_sub(stuck + self.more));
        while let Some(worker) = shared.lobby.recruit() {
            shared.hand_on(worker);
        }
    }

    /// If no work waited for long, holds those back that are of no use. How long the monitor may sleep at most.
    pub(super) fn rest(&mut self, shared: &Shared, now: Instant) -> Option<Duration> {
        if !self.lets_out {
            return None;
        }
        let left = REST.saturating_sub(now.saturating_duration_since(self.began));
        if !left.is_zero() {
            return Some(left);
        }
        let (used, all) = self.next_window(shared, now);
        let enough = PER_PROCESSOR * shared.processors;
        if shared.active_workers() <= enough || is_busy(used, all) || are_awake(shared, enough) {
            self.more = 0;
            self.hold_back(shared, shared.most_held_back());
            return None;
        }
        Some(REST)
    }

    fn hold_back(&mut self, shared: &Shared, workers: usize) {
        shared.lobby.hold_back(workers);
        self.lets_out = workers < shared.most_held_back();
    }

    /// Begins a window. What was used of the processors in the one before, and what they had.
    fn next_window(&mut self, shared: &Shared, now: Instant) -> (Duration, Duration) {
        let total = processor_time();
        let used = total.saturating_sub(self.used);
        let all = now.saturating_duration_since(self.began) * shared.processors as u32;
        (self.began, self.used) = (now, total);
        (used, all)
    }
}

/// Are more workers' threads than these ready to run? They keep each other from the processors, though others may use these,
/// too. Each answer takes microseconds, so only some are asked.
fn are_awake(shared: &Shared, enough: usize) -> bool {
    let at_work = shared.shown.iter().filter_map(|shown| shown.holder());
    at_work.take(4 * enough).filter(|carrier| !carrier.vitals.is_asleep()).nth(enough).is_some()
}

/// Was no processor free?
fn is_busy(used: Duration, all: Duration) -> bool {
    used * 8 >= all * BUSY
}

/// How many more are to be at work from now on, after a window in which `used` of `all` processor time was.
fn next(more: usize, used: Duration, all: Duration) -> usize {
    if is_busy(used, all) {
        more / 2
    } else if used * 8 <= all * FREE {
        2 * more + 1
    } else {
        more
    }
}

/// What the threads of this process have used of processors so far; nothing if the kernel does not say.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is borrowed for the call.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    if answer == 0 {
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::{next, processor_time};
    use std::time::Duration;

    #[test]
    fn more_are_at_work_while_a_processor_is_free_and_fewer_once_none_is() {
        let all = Duration::from_millis(20);
        let free = (0..8).fold(0, |more, _| next(more, all / 2, all));
        assert_eq!(free, 255);
        assert_eq!(next(free, all * 3 / 4, all), free, "neither is plain");
        assert_eq!((0..8).fold(free, |more, _| next(more, all, all)), 0);
    }

    #[test]
    fn who_computes_uses_a_processor() {
        let before = processor_time();
        while processor_time() < before + Duration::from_millis(1) {}
    }
}
