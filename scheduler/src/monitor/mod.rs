//! The monitor: the thread that takes workers back, and serves timers that nobody else does.
//!
//! It looks at every worker's carrier, and takes the worker of one whose task is in native code if work waits that
//! could use it and no worker is idle (`calls.rs`, by what `sight.rs` sees). Calls that are known to block do not need
//! it: their worker was handed over before. It also notices tasks that compute without end (`runaway.rs`), a runtime
//! that stands still (`standstill.rs`), and, if it is to, circles of waits (`circles.rs`). Where there are far more
//! workers than processors it says how many are held back (`reserve.rs`).
//!
//! How often it does so is said in `cadence.rs`. It also wakes a little after a timer is due, but by then it was mostly
//! served ([`crate::timer`]), and while stores are full after a peak (`tide.rs`); ten times a second while more workers are let
//! out than at first (`reserve.rs`); each second where deadlocks are reported. An idle runtime wakes nobody.
//!
//! Must not: run tasks, hold a lock while it calls others, take what nobody needs.

mod cadence;
pub(crate) mod calls;
mod circles;
mod pace;
pub(crate) mod passing;
mod reserve;
mod runaway;
mod sight;
pub(crate) mod standstill;
pub(crate) mod tide;
mod unproven;

use self::cadence::{Cadence, Look, NAP, Sleep};
use self::calls::Found;
use self::circles::Circles;
use self::pace::Pace;
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
        pace: Pace::new(shared, Instant::now()),
        is_brisk: false,
        looked: Instant::now(),
    };
    let mut cadence = Cadence::new();
    let mut tide = Tide::default();
    let mut circles = Circles::new(Instant::now());
    while !shared.is_stopping() {
        let now = Instant::now();
        let are_left = shared.timers.are_left(now);
        shared.timers.fire(now, 1, Server::Monitor);
        let turn = tide.look(shared, now);
        let round = circles.look(shared, now);
        let look = watch.look(shared, now, cadence.is_by_chance());
        let rest = watch.reserve.rest(shared, now);
        fence::tell_loss();
        let is_lax = cadence.is_lax(are_left || shared.timers.take_wish());
        let limit = match cadence.after(look) {
            Sleep::Through(limit) => Some(limit),
            Sleep::Ajar(limit) => {
                shared.gate.set_ajar();
                Some(limit)
            }
            Sleep::Latched(limit) => {
                shared.gate.latch();
                Some(limit)
            }
            Sleep::Briefly(limit) => {
                shared.gate.close_briefly();
                Some(limit)
            }
            Sleep::Knowing(limit) => {
                shared.gate.close_knowing();
                Some(limit)
            }
            Sleep::Closed => {
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
        let is_kicked = shared.gate.sleep(shared.timers.set_alarm(limit, is_lax));
        shared.timers.take_alarm();
        shared.gate.open();
        cadence.woke(now.elapsed(), is_kicked);
        shared.metrics.add(Counter::MonitorTicks);
    }
}

/// What the monitor remembers from look to look.
struct Watch {
    unproven: UnprovenCall,
    runaways: Runaways,
    reserve: Reserve,
    standstill: Standstill,
    pace: Pace,
    /// What the pace was when it was asked last.
    is_brisk: bool,
    /// When the latter ones were asked last: they have time.
    looked: Instant,
}

impl Watch {
    /// `by_chance`: nobody has asked for this look.
    fn look(&mut self, shared: &Shared, now: Instant, by_chance: bool) -> Look {
        let is_due = now.saturating_duration_since(self.looked) >= NAP / 2;
        if is_due {
            self.looked = now;
            self.is_brisk = self.pace.look(shared, now);
        }
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
            return match self.runaways.look_at_pinned(shared, now, self.is_brisk) {
                true if self.is_brisk => Look::PinnedBrisk,
                true => Look::Pinned,
                false => Look::Quiet,
            };
        }
        self.unproven.look(shared, now);
        let mut look = Look::Waiting;
        if shared.lobby.idle() > 0 {
            // Nothing needs to be taken, but somebody to run what waits.
            if shared.lobby.searching() == 0 {
                shared.rouse(None);
            }
        } else {
            let found = look_at_calls(shared, now, by_chance);
            if is_due {
                self.runaways.look(shared, now);
                let stuck = self.runaways.stuck(shared);
                self.is_brisk &= stuck == 0;
                self.reserve.look(shared, now, stuck);
            }
            look = match found {
                Found::Undecided => Look::Native,
                Found::Met if !self.is_brisk => Look::Native,
                // A call that waits for a thread is looked after as often as ever.
                _ if self.is_brisk && !calls_wait => Look::Brisk,
                Found::Met | Found::None => Look::Waiting,
            };
        }
        if is_due {
            self.standstill.look(shared, now);
        }
        look
    }
}

/// Looks at the native calls of all workers' carriers, and takes workers. `by_chance`: nobody has asked for this look.
fn look_at_calls(shared: &Shared, now: Instant, by_chance: bool) -> Found {
    let Some(mut calls) = shared.calls.try_lock() else {
        // Somebody who has come back looks.
        return Found::Met;
    };
    let (found, taken) = calls.look(shared, now, by_chance);
    drop(calls);
    if !taken.is_empty() {
        taken.iter().for_each(|taken| taken.tell(shared, now));
        taken.into_iter().for_each(|taken| taken.hand_on(shared, |worker| shared.hand_on(worker)));
        // Where one call blocks, others follow: the next worker is not to wait for a thread.
        shared.start_spare();
    }
    found
}
