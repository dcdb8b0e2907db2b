//! The monitor: the thread that takes workers back, and serves timers that nobody else does.
//!
//! It looks at every worker's carrier, and takes the worker of one whose task is in native code if
//! work waits that could use it and no worker is idle (`calls.rs`). Calls that are known to block do
//! not need it: their worker was handed over before. It also notices tasks that compute without end
//! (`runaway.rs`), a runtime that stands still (`standstill.rs`), and, if it is to, circles of waits (`circles.rs`).
//!
//! # Cadence
//!
//! Looking costs processor time that belongs to others, and to wake costs more than to look: so the monitor pays for
//! its turns out of a purse (`purse.rs`), to which 0.4 % of a core comes in. Whether it looks soon again, and how long a
//! *nap* is, that says: 2.5 ms, or up to 9 ms if more was spent than earned, and 18 if no call that was found is of a function that is
//! known to be short. What a look may decide of at first sight depends on it as well ([`Care`]).
//!
//! | situation | next look |
//! |---|---|
//! | a carrier is in native code, and work waits | 20 us later if much is saved, else a nap later |
//! | work waits, or a call for a thread to make it, but nobody is in native code | a nap later: a leaver kicks earlier |
//! | a task keeps others that are pinned to its carrier | a nap later |
//! | no work waits | a nap later, twice: who queues work behind a native call kicks earlier |
//! | still none | none: the gate is closed |
//!
//! It also wakes a little after a timer is due, but by then it was mostly served ([`crate::timer`]), and while stores
//! are full after a peak (`tide.rs`); each second where deadlocks are reported.
//!
//! While it owes, nobody is asked to kick, either: a call that is neither known to be short nor to block hands its worker over
//! before it begins, if work waits (`Shared::monitor_owes`). But one who leaves for a function of which nothing is known, and keeps its worker
//! because another such call is under way (`proof.rs`), rings, and is looked at once. An idle runtime wakes nobody.
//!
//! Must not: run tasks, hold a lock while it calls others, take what nobody needs.

mod calls;
mod circles;
mod purse;
mod runaway;
pub(crate) mod standstill;
pub(crate) mod tide;

use self::calls::{Calls, Care, Natives};
use self::circles::Circles;
use self::purse::Purse;
use self::runaway::Runaways;
use self::standstill::Standstill;
use self::tide::Tide;
use crate::crossing::fence;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::timer::Slack;
use std::time::{Duration, Instant};

/// How soon it looks at a native call again.
const FAST: Duration = Duration::from_micros(20);
/// The shortest sleep where there is no hurry.
const NAP: Duration = Duration::from_micros(2500);
/// The longest, while a call may be one of a function that was short so far: it is noticed within 10 ms. Else twice as long.
const LONGEST_NAP: Duration = Duration::from_millis(9);
const QUIET_NAPS: u32 = 2;

/// The monitor's thread.
pub(crate) fn main(shared: &Arc<Shared>) {
    Slack::LEAST.set();
    let mut watch = Watch {
        calls: Calls::new(shared),
        runaways: Runaways::new(shared),
        standstill: Standstill::new(Instant::now()),
        looked: Instant::now(),
    };
    let mut purse = Purse::new(Instant::now());
    let mut tide = Tide::default();
    let mut circles = Circles::new(Instant::now());
    let mut naps = 0;
    let (mut is_soon, mut is_kicked) = (false, false);
    while !shared.is_stopping() {
        let now = Instant::now();
        shared.timers.fire(now, 1, None);
        let turn = tide.look(shared, now);
        let round = circles.look(shared, now);
        let is_urgent = is_kicked && purse.may_borrow();
        let care = match purse.is_solvent() || is_urgent {
            _ if is_soon => Care::Least,
            false => Care::Short,
            true => Care::Most,
        };
        let look = watch.look(shared, now, care);
        fence::tell_loss();
        purse.settle(now);
        // ORDERING: Relaxed, the flag publishes nothing.
        shared.monitor_owes.store(!purse.is_solvent(), Ordering::Relaxed);
        if !matches!(look, Look::Quiet) {
            naps = 0;
        }
        let nap = purse.nap(LONGEST_NAP);
        is_soon = matches!(look, Look::Native | Look::Blocking) && (is_urgent || purse.is_rich());
        let limit = match look {
            _ if is_soon => Some(FAST),
            Look::Native => Some(nap),
            Look::Blocking => Some(purse.nap(2 * LONGEST_NAP)),
            Look::Waiting => {
                // A sleep that a leaver may end, if the look that follows can be paid.
                if purse.is_solvent() {
                    shared.gate.set_ajar();
                }
                Some(nap)
            }
            Look::Quiet if naps < QUIET_NAPS => {
                // Work that comes and goes would else open and close the gate all the time.
                naps += 1;
                if purse.is_solvent() {
                    shared.gate.close_briefly();
                }
                Some(nap)
            }
            Look::Quiet => {
                let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits() || !shared.offloaded.is_empty() || shared.is_stopping() {
                    shared.gate.open();
                    continue;
                }
                if closed { None } else { Some(nap) }
            }
        };
        let limit = [limit, turn, round].into_iter().flatten().min();
        is_kicked = shared.gate.sleep(shared.timers.set_alarm(limit));
        shared.timers.take_alarm();
        if is_kicked {
            naps = 0;
        }
        shared.gate.open();
        shared.metrics.add(Counter::MonitorTicks);
    }
}

/// What a look found.
enum Look {
    /// A task is in native code and work waits.
    Native,
    /// The same, and of no such call one would expect that it is short.
    Blocking,
    /// Work waits, and nobody is in native code.
    Waiting,
    /// No work waits.
    Quiet,
}

/// What the monitor remembers from look to look.
struct Watch {
    calls: Calls,
    runaways: Runaways,
    standstill: Standstill,
    /// When the latter two were asked last: they have time.
    looked: Instant,
}

impl Watch {
    fn look(&mut self, shared: &Shared, now: Instant, care: Care) -> Look {
        let calls_wait = !shared.offloaded.is_empty();
        if calls_wait && !shared.hurry_calls() && shared.is_beyond_bursts() {
            shared.press_spares();
        }
        if !shared.work_waits() {
            self.calls.forget();
            if calls_wait {
                self.standstill.look(shared, now);
                return Look::Waiting;
            }
            self.standstill.forget(shared, now);
            let is_needed = self.runaways.look_at_pinned(shared, now);
            return if is_needed { Look::Waiting } else { Look::Quiet };
        }
        self.calls.look_at_unproven(shared, now);
        let is_due = now.saturating_duration_since(self.looked) >= NAP / 2;
        if is_due {
            self.looked = now;
        }
        let mut look = Look::Waiting;
        if shared.lobby.idle() > 0 {
            // Nothing needs to be taken, but somebody to run what waits.
            if shared.lobby.searching() == 0 {
                shared.rouse();
            }
        } else {
            look = match self.calls.look(shared, now, care) {
                Natives::None => Look::Waiting,
                Natives::Others => Look::Blocking,
                Natives::Short => Look::Native,
            };
            if is_due {
                self.runaways.look(shared, now);
            }
        }
        if is_due {
            self.standstill.look(shared, now);
        }
        look
    }
}
