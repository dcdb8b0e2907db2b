//! The monitor: the thread that takes workers back, and serves timers.
//!
//! It looks at every carrier, and takes the worker of one whose task is in native code if work
//! waits that could use it and no worker is idle. A call is taken when it was seen for 15 us, so a
//! short call is left alone.
//!
//! # Cadence
//!
//! | situation | next look |
//! |---|---|
//! | a worker was taken in the last 100 us, and work waits | at once: where one call blocks, others follow |
//! | a carrier is in native code, and work waits | 20 us later for the first 20 looks, then 100 us up to 60, then 1 ms; every other look follows after 20 us, to see again what the one before has seen |
//! | work waits, but nobody is in native code | 2 ms later: a leaver kicks earlier |
//! | no work waits | 2 ms later, twice, with the gate ajar |
//! | still none | none, but for the next timer: the gate is closed |
//!
//! A retake, or a look that finds no work, starts the cadence anew. An idle runtime wakes nobody.
//!
//! Must not: run tasks, hold a lock while it calls others, take what nobody needs.

use crate::carrier::CarrierRef;
use crate::crossing::word::Snapshot;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use std::time::{Duration, Instant};

/// How long a call was seen before it is taken.
const AGE: Duration = Duration::from_micros(15);
/// How long the monitor stays awake after a retake.
const HOT: Duration = Duration::from_micros(100);
const FAST: Duration = Duration::from_micros(20);
const FAST_LOOKS: u32 = 20;
const MIDDLE: Duration = Duration::from_micros(100);
const MIDDLE_LOOKS: u32 = 60;
const SLOW: Duration = Duration::from_millis(1);
const NAP: Duration = Duration::from_millis(2);
const QUIET_NAPS: u32 = 2;

/// The monitor's thread.
pub(crate) fn main(shared: &Arc<Shared>) {
    sharpen_timers();
    let mut eye = Eye::new();
    while !shared.is_stopping() {
        let now = Instant::now();
        let due = shared.timers.fire(now);
        let until = match eye.look(shared, now) {
            Look::Native(_) | Look::Waiting if eye.is_hot(now) => {
                // Whoever needs this core more goes first.
                std::thread::yield_now();
                continue;
            }
            Look::Native(pause) => nearer(Some(pause), due),
            Look::Waiting => {
                shared.gate.set_ajar();
                nearer(Some(NAP), due)
            }
            Look::Quiet if eye.naps < QUIET_NAPS => {
                // Work that comes and goes would else open and close the gate all the time.
                eye.naps += 1;
                shared.gate.set_ajar();
                nearer(Some(NAP), due)
            }
            Look::Quiet => {
                let closed = shared.gate.close();
                // The second look: see the gate's protocol.
                if shared.work_waits() || shared.timers.next() != due || shared.is_stopping() {
                    shared.gate.open();
                    continue;
                }
                let limit = if closed { None } else { Some(NAP) };
                nearer(limit, due)
            }
        };
        shared.gate.sleep(until);
        shared.gate.open();
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
    /// A task is in native code and work waits: look again after this.
    Native(Duration),
    /// Work waits, and nobody is in native code.
    Waiting,
    /// No work waits.
    Quiet,
}

/// What the monitor remembers from look to look.
struct Eye {
    carriers: Vec<CarrierRef>,
    /// What each carrier was first seen in, and when.
    seen: Vec<(Snapshot, Instant)>,
    looks: u32,
    /// The next look is to see the same calls again.
    confirms: bool,
    naps: u32,
    taken: Option<Instant>,
}

impl Eye {
    fn new() -> Eye {
        Eye {
            carriers: Vec::new(),
            seen: Vec::new(),
            looks: 0,
            confirms: false,
            naps: 0,
            taken: None,
        }
    }

    /// Was a worker taken just now?
    fn is_hot(&self, now: Instant) -> bool {
        self.taken.is_some_and(|taken| now.saturating_duration_since(taken) < HOT)
    }

    fn look(&mut self, shared: &Shared, now: Instant) -> Look {
        if !shared.work_waits() {
            // What is seen now is no first sight of a call that stands in the way.
            self.seen.fill((Snapshot::NONE, now));
            self.looks = 0;
            return Look::Quiet;
        }
        self.naps = 0;
        if shared.lobby.idle() > 0 {
            // Nothing needs to be taken, but somebody to run what waits.
            if shared.lobby.searching() == 0 {
                shared.rouse();
            }
            return Look::Waiting;
        }
        if self.carriers.len() < shared.arena.len() {
            self.carriers = shared.arena.all();
            self.seen.resize(self.carriers.len(), (Snapshot::NONE, now));
        }
        let mut natives = false;
        for (carrier, seen) in self.carriers.iter().zip(&mut self.seen) {
            let word = carrier.word.load();
            natives |= word.is_native();
            if word != seen.0 {
                *seen = (word, now);
            } else if word.is_native()
                && now.saturating_duration_since(seen.1) >= AGE
                && retake(shared, *carrier, word)
            {
                self.looks = 0;
                self.taken = Some(now);
            }
        }
        if !natives {
            return Look::Waiting;
        }
        self.looks += 1;
        self.confirms = !self.confirms;
        Look::Native(match self.looks {
            // What was seen for the first time just now is looked at once more soon.
            _ if self.confirms => FAST,
            ..=FAST_LOOKS => FAST,
            looks if looks <= MIDDLE_LOOKS => MIDDLE,
            _ => SLOW,
        })
    }
}

/// Takes the worker of a carrier that is still in the call that was `seen`.
fn retake(shared: &Shared, carrier: CarrierRef, seen: Snapshot) -> bool {
    let Some(worker) = carrier.retake(seen) else {
        return false;
    };
    // ORDERING: Relaxed, for the record only.
    let target = carrier.target.load(std::sync::atomic::Ordering::Relaxed);
    shared.metrics.add(Counter::Retakes);
    shared.hand_on(worker);
    // Where one call blocks, others follow: the next worker is not to wait for a thread.
    if shared.lobby.spares() == 0 {
        shared.start_spare();
    }
    tracing::debug!(
        target: "sortie::monitor",
        carrier = carrier.index,
        target = format_args!("{target:#x}"),
        "retake"
    );
    true
}

/// Asks the kernel not to round this thread's sleeps up by its usual 50 us.
fn sharpen_timers() {
    // SAFETY: sets a property of the calling thread; touches no memory.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}
