//! The alarm: until when the monitor sleeps, so that it does not sleep past a timer.
//!
//! 1. The monitor sets the alarm to when it means to wake at the latest ([`Alarm::set`], with a fence), and
//! 2. *looks at the timers again*. One that is earlier: it brings the alarm forward ([`Alarm::lower`]).
//! 3. It sleeps until then, and takes the alarm away ([`Alarm::take`]).
//! 4. Who sets a timer first publishes it, and then asks whether the monitor sleeps past it
//!    ([`Alarm::is_after`], with a fence). If so it wakes the monitor.
//!
//! By the fences one of the two sees the other: either the one with the timer finds the alarm set too late,
//! or the monitor's second look finds the timer. A monitor that is awake needs nobody to tell it: it has its
//! second look before it.
//!
//! An alarm may be *lax*: it tells those who set timers of a time before the one at which the monitor wakes, for their timers
//! may be late. Nobody may count on it for anything else, so it is no watch ([`Alarm::is_before`]).
//!
//! Must not: know what a tick is, or who wakes the monitor how.

use crate::sync::atomic::{AtomicU64, Ordering, fence};

/// The monitor is awake, and will look at the timers before it sleeps.
const AWAKE: u64 = 0;

/// Added to twice the tick.
const LAX: u64 = 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Alarm(AtomicU64);

/// Until this tick. Those that do not fit are in centuries, and never.
fn word(until: u64, is_lax: bool) -> u64 {
    2 * until.min(u64::MAX / 2) + if is_lax { LAX } else { 0 }
}

impl Alarm {
    pub(crate) fn new() -> Alarm {
        Alarm(AtomicU64::new(AWAKE))
    }

    /// The monitor means to sleep until this tick. It must look at the timers again after this.
    pub(crate) fn set(&self, until: u64, is_lax: bool) {
        // ORDERING(timer.alarm): Relaxed, the fence orders it before the second look; pairs with the fence
        // in `is_after`.
        self.0.store(word(until, is_lax), Ordering::Relaxed);
        // ORDERING(timer.alarm): SeqCst, as above.
        fence(Ordering::SeqCst);
    }

    /// The second look has found a timer before the alarm, which is brought forward to this tick.
    pub(crate) fn lower(&self, until: u64, is_lax: bool) {
        // ORDERING: Relaxed, who misses it wakes the monitor in vain.
        self.0.store(word(until, is_lax), Ordering::Relaxed);
    }

    /// The monitor goes on.
    pub(crate) fn take(&self) {
        // ORDERING: Relaxed, who reads it counts on the next `set`, and its fence.
        self.0.store(AWAKE, Ordering::Relaxed);
    }

    /// For one who has published something else for the monitor to see: does it sleep, and certainly until this tick at most? If not
    /// it may have looked before, and then sleep for long.
    pub(crate) fn is_before(&self, tick: u64) -> bool {
        // ORDERING(timer.alarm): SeqCst, between what is published and the look at the alarm; pairs with the fence
        // behind which the monitor looks before it sets the alarm again.
        fence(Ordering::SeqCst);
        // ORDERING(timer.alarm): Relaxed, after the fence.
        let until = self.0.load(Ordering::Relaxed);
        until != AWAKE && until & LAX == 0 && until <= word(tick, false)
    }

    /// For one who has published a timer: does the monitor sleep for longer than until this tick?
    pub(crate) fn is_after(&self, tick: u64) -> bool {
        // ORDERING(timer.alarm): SeqCst, between the timer and the look at the alarm; pairs with the fence
        // in `set`.
        fence(Ordering::SeqCst);
        // ORDERING(timer.alarm): Relaxed, after the fence.
        self.0.load(Ordering::Relaxed) > word(tick, true)
    }
}
