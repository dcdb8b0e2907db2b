//! The monitor: the thread that takes workers back, and serves timers that nobody else does.
//!
//! It looks at every worker's carrier, and takes the worker of one whose task is in native code if work waits that
//! could use it and no worker is idle (`calls.rs`, by what `sight.rs` sees). Calls that are known to block do not need
//! it: their worker was handed over before. It also notices tasks that compute without end (`runaway.rs`), a runtime
//! that stands still (`standstill.rs`), and, if it is to, circles of waits (`circles.rs`). Where there are far more
//! workers than processors it says how many are held back (`reserve.rs`).
//!
//! # Cadence
//!
//! Looking costs processor time that belongs to others, so looks are paid for. The monitor has a purse of credits
//! ([`Purse`]); a look after 20 us costs one, and a pause of 2.5 ms, whatever it is for, earns one. However often work
//! comes and goes, looks alone take less than 0.5 % of a core. To take a worker back costs more, and is not paid for:
//! what blocks once is mostly handed over the next time.
//!
//! | situation | next look |
//! |---|---|
//! | a carrier is in native code, and work waits | 20 us later for a credit, else when one is earned |
//! | work waits, or a call for a thread to make it, but nobody is in native code | 2.5 ms later: a leaver kicks earlier |
//! | a task keeps others that are pinned to its carrier | 2.5 ms later |
//! | no work waits | 2.5 ms later, twice: who queues work behind a native call kicks earlier |
//! | still none | none: the gate is closed |
//!
//! It also wakes a little after a timer is due, but by then it was mostly served ([`crate::timer`]), and while stores
//! are full after a peak (`tide.rs`); ten times a second while more workers are let out than at first (`reserve.rs`);
//! each second where deadlocks are reported.
//!
//! Without a credit nobody is asked to kick, either. An idle runtime wakes nobody.
//!
//! Must not: run tasks, hold a lock while it calls others, take what nobody needs.

pub(crate) mod calls;
mod circles;
pub(crate) mod passing;
mod reserve;
mod runaway;
mod sight;
pub(crate) mod standstill;
pub(crate) mod tide;
mod unproven;

use self::circles::Circles;
use self::reserve::Reserve;
use self::runaway::Runaways;
use self::standstill::Standstill;
use self::tide::Tide;
use self::unproven::UnprovenCall;
use crate::crossing::fence;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::timer::{Server, Slack};
use std::time::{Duration, Instant};

const FAST: Duration = Duration::from_micros(20);
const NAP: Duration = Duration::from_micros(2500);
const QUIET_NAPS: u32 = 2;

/// A sleep that need not end to the microsecond.
const LONG: Duration = Duration::from_millis(1);

/// The monitor's thread.
pub(crate) fn main(shared: &Arc<Shared>) {
    let mut slack = Slack::LEAST;
    slack.set();
    let mut watch = Watch {
        unproven: UnprovenCall::default(),
        runaways: Runaways::new(shared),
        reserve: Reserve::new(Instant::now()),
        standstill: Standstill::new(Instant::now()),
        looked: Instant::now(),
    };
    let mut purse = Purse::new();
    let mut tide = Tide::default();
    let mut circles = Circles::new(Instant::now());
    let mut naps = 0;
    while !shared.is_stopping() {
        let now = Instant::now();
        shared.timers.fire(now, 1, Server::Monitor);
        let turn = tide.look(shared, now);
        let round = circles.look(shared, now);
        let look = watch.look(shared, now);
        let rest = watch.reserve.rest(shared, now);
        fence::tell_loss();
        if !matches!(look, Look::Quiet) {
            naps = 0;
        }
        let limit = match look {
            Look::Native => Some(purse.pause()),
            Look::Waiting => {
                // A sleep that a leaver may end, if there is a credit for the look that follows.
                if purse.spend() {
                    shared.gate.set_ajar();
                }
                Some(NAP)
            }
            Look::Quiet if naps < QUIET_NAPS => {
                // Work that comes and goes would else open and close the gate all the time.
                naps += 1;
                if purse.spend() {
                    shared.gate.close_briefly();
                }
                Some(NAP)
            }
            Look::Quiet => {
                let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits() || !shared.offloaded.is_empty() || shared.is_stopping() {
                    shared.gate.open();
                    continue;
                }
                if closed { None } else { Some(NAP) }
            }
        };
        let limit = [limit, turn, round, rest].into_iter().flatten().min();
        // A sleep that is long enough, or until timers are late, ends with whatever wakes the processor about then: where they
        // are dense, with their keeper's.
        let is_short = limit.is_some_and(|limit| limit < LONG);
        let wanted = if is_short { Slack::LEAST } else { Slack::SHARED };
        if wanted != slack {
            slack = wanted;
            slack.set();
        }
        let is_kicked = shared.gate.sleep(shared.timers.set_alarm(limit));
        shared.timers.take_alarm();
        if is_kicked {
            naps = 0;
        }
        shared.gate.open();
        purse.earn(now.elapsed());
        shared.metrics.add(Counter::MonitorTicks);
    }
}

/// What a look found.
enum Look {
    /// A task is in native code and work waits.
    Native,
    /// Work waits, and nobody is in native code.
    Waiting,
    /// No work waits.
    Quiet,
}

/// What the monitor remembers from look to look.
struct Watch {
    unproven: UnprovenCall,
    runaways: Runaways,
    reserve: Reserve,
    standstill: Standstill,
    /// When the latter two were asked last: they have time.
    looked: Instant,
}

impl Watch {
    fn look(&mut self, shared: &Shared, now: Instant) -> Look {
        let calls_wait = !shared.offloaded.is_empty();
        if calls_wait && !shared.hurry_calls() && shared.is_beyond_bursts() {
            shared.press_spares();
        }
        if !shared.work_waits() {
            self.unproven.forget();
            if let Some(mut calls) = shared.calls.try_lock() {
                calls.forget();
            }
            if calls_wait {
                self.standstill.look(shared, now);
                return Look::Waiting;
            }
            self.standstill.forget(shared, now);
            let is_needed = self.runaways.look_at_pinned(shared, now);
            return if is_needed { Look::Waiting } else { Look::Quiet };
        }
        self.unproven.look(shared, now);
        let is_due = now.saturating_duration_since(self.looked) >= NAP / 2;
        if is_due {
            self.looked = now;
        }
        let mut look = Look::Waiting;
        if shared.lobby.idle() > 0 {
            // Nothing needs to be taken, but somebody to run what waits.
            if shared.lobby.searching() == 0 {
                shared.rouse(None);
            }
        } else {
            if look_at_calls(shared, now) {
                look = Look::Native;
            }
            if is_due {
                self.runaways.look(shared, now);
                self.reserve.look(shared, now, self.runaways.stuck(shared));
            }
        }
        if is_due {
            self.standstill.look(shared, now);
        }
        look
    }
}

/// Looks at the native calls of all workers' carriers, and takes workers. True: there are such calls.
fn look_at_calls(shared: &Shared, now: Instant) -> bool {
    let Some(mut calls) = shared.calls.try_lock() else {
        // Somebody who has come back looks.
        return true;
    };
    let (natives, taken) = calls.look(shared, now);
    drop(calls);
    if !taken.is_empty() {
        taken.iter().for_each(|taken| taken.tell(shared, now));
        taken.into_iter().for_each(|taken| taken.hand_on(shared, |worker| shared.hand_on(worker)));
        // Where one call blocks, others follow: the next worker is not to wait for a thread.
        shared.start_spare();
    }
    natives
}

/// What the monitor may spend: see the module.
struct Purse {
    credits: u32,
    /// Time that was not yet changed into credits.
    change: Duration,
}

impl Purse {
    const FULL: u32 = 40;

    fn new() -> Purse {
        Purse { credits: Self::FULL, change: Duration::ZERO }
    }

    fn spend(&mut self) -> bool {
        let can = self.credits > 0;
        self.credits -= u32::from(can);
        can
    }

    /// Until the next look at native calls. Without a credit that is when the next one is earned: a timer that has cut
    /// the last pause short begins no new one.
    fn pause(&mut self) -> Duration {
        if self.spend() { FAST } else { NAP.saturating_sub(self.change) }
    }

    fn earn(&mut self, passed: Duration) {
        self.change += passed;
        // A wait of days is worth no more than a full purse.
        self.change = self.change.min(NAP * Self::FULL);
        while self.change >= NAP {
            self.change -= NAP;
            self.credits = (self.credits + 1).min(Self::FULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FAST, NAP, Purse};
    use std::time::Duration;

    #[test]
    fn a_pause_that_a_timer_cuts_short_is_not_begun_again() {
        let mut purse = Purse::new();
        while purse.spend() {}
        assert_eq!(purse.pause(), NAP);
        let cut = Duration::from_millis(2);
        purse.earn(cut);
        assert_eq!(purse.pause(), NAP - cut);
        purse.earn(NAP - cut);
        assert_eq!(purse.pause(), FAST);
        assert_eq!(purse.pause(), NAP);
    }
}
