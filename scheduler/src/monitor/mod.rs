//! The monitor: the thread that takes workers back, and serves timers.
//!
//! It looks at every worker's carrier, and takes the worker of one whose task is in native code if
//! work waits that could use it and no worker is idle (`calls.rs`). Calls that are known to block do
//! not need it: their worker was handed over before. It also notices tasks that compute without end
//! (`runaway.rs`), and a runtime that stands still (`standstill.rs`).
//!
//! # Cadence
//!
//! Looking costs processor time that belongs to others, so looks are paid for. The monitor has a
//! purse of credits ([`Purse`]); a look after 20 us costs one, and a pause of 2.5 ms, whatever it is
//! for, earns one. However often work comes and goes, the monitor takes less than 0.5 % of a core.
//!
//! | situation | next look |
//! |---|---|
//! | a carrier is in native code, and work waits | 20 us later for a credit, else 2.5 ms |
//! | work waits, but nobody is in native code | 2.5 ms later: a leaver kicks earlier |
//! | no work waits | 2.5 ms later, twice: who queues work behind a native call kicks earlier |
//! | still none | none, but for the next timer: the gate is closed |
//!
//! Without a credit nobody is asked to kick, either. An idle runtime wakes nobody.
//!
//! Must not: run tasks, hold a lock while it calls others, take what nobody needs.

mod calls;

use self::calls::Calls;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use std::time::{Duration, Instant};

const FAST: Duration = Duration::from_micros(20);
const NAP: Duration = Duration::from_micros(2500);
const QUIET_NAPS: u32 = 2;

/// The monitor's thread.
pub(crate) fn main(shared: &Arc<Shared>) {
    sharpen_timers();
    let mut calls = Calls::new(shared);
    let mut purse = Purse::new();
    let mut naps = 0;
    while !shared.is_stopping() {
        let now = Instant::now();
        let due = shared.timers.fire(now);
        let look = look(shared, &mut calls, now);
        if !matches!(look, Look::Quiet) {
            naps = 0;
        }
        let until = match look {
            Look::Native => nearer(Some(purse.pause()), due),
            Look::Waiting => {
                // A sleep that a leaver may end, if there is a credit for the look that follows.
                if purse.spend() {
                    shared.gate.set_ajar();
                }
                nearer(Some(NAP), due)
            }
            Look::Quiet if naps < QUIET_NAPS => {
                // Work that comes and goes would else open and close the gate all the time.
                naps += 1;
                if purse.spend() {
                    shared.gate.close_briefly();
                }
                nearer(Some(NAP), due)
            }
            Look::Quiet => {
                let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits() || shared.timers.next() != due || shared.is_stopping() {
                    shared.gate.open();
                    continue;
                }
                naps = 0;
                let limit = if closed { None } else { Some(NAP) };
                nearer(limit, due)
            }
        };
        shared.gate.sleep(until);
        shared.gate.open();
        purse.earn(now.elapsed());
        shared.metrics.add(Counter::MonitorTicks);
    }
}

/// The nearer of a pause and the time until `due`.
fn nearer(pause: Option<Duration>, due: Option<Instant>) -> Option<Duration> {
    let due = due.map(|due| due.saturating_duration_since(Instant::now()));
    match (pause, due) {
        (Some(pause), Some(due)) => Some(pause.min(due)),
        (pause, due) => pause.or(due),
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

fn look(shared: &Shared, calls: &mut Calls, now: Instant) -> Look {
    if !shared.work_waits() {
        calls.forget();
        return Look::Quiet;
    }
    calls.look_at_unproven(shared, now);
    if shared.lobby.idle() > 0 {
        // Nothing needs to be taken, but somebody to run what waits.
        if shared.lobby.searching() == 0 {
            shared.rouse();
        }
        return Look::Waiting;
    }
    if calls.look(shared, now) { Look::Native } else { Look::Waiting }
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

    /// Until the next look at native calls.
    fn pause(&mut self) -> Duration {
        if self.spend() { FAST } else { NAP }
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

/// Asks the kernel not to round this thread's sleeps up by its usual 50 us.
fn sharpen_timers() {
    // SAFETY: sets a property of the calling thread; touches no memory.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}
