//! A runtime that stands still.
//!
//! At the cap of carriers, or where the kernel refuses threads, what is ready waits until a call
//! returns. Mostly one does. But if all of them wait for what is queued (callbacks that wait for fresh
//! tasks, native code that waits for another's), none ever will. So while work waits:
//!
//! | nothing has moved for | then |
//! |---|---|
//! | 20 ms | at the cap, one carrier more may start: a *burst*, up to an eighth beyond the cap, at least four |
//! | 1.1 s | the event "deadlock suspected" names who is where, once per standstill |
//!
//! Nothing *moves* if no worker picks or changes hands, and no carrier's word changes: no call begins
//! or returns. With the first move the cap is the cap again, and carriers beyond it end as soon as they
//! have nothing to do.

use crate::carrier::CarrierRef;
use crate::crossing::word::Phase;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use std::fmt;
use std::time::{Duration, Instant};

/// After what time a carrier may start beyond the cap.
const BURST: Duration = Duration::from_millis(20);
/// After what time a deadlock is suspected: a little after the second for which a call may burn where it is
/// crowded, in `calls.rs`.
const SUSPICION: Duration = Duration::from_millis(1100);
/// How often all carriers are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The monitor itself did not run for so long: the process was stopped, and nothing could move.
const GAP: Duration = Duration::from_millis(250);
/// How many carriers are named.
const NAMED: usize = 8;
/// How many targets are named.
const TOP: usize = 5;

/// What the monitor remembers of moves from look to look.
pub(super) struct Standstill {
    /// Of all workers.
    turns: u64,
    /// Of all carriers, and when they were looked at.
    words: Option<u64>,
    looked: Instant,
    /// The last move.
    since: Instant,
    /// The last burst, if there was one since.
    burst: Option<Instant>,
    suspected: bool,
}

impl Standstill {
    pub(super) fn new(now: Instant) -> Standstill {
        Standstill { turns: 0, words: None, looked: now, since: now, burst: None, suspected: false }
    }

    /// Work waits: does what the module says.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) {
        let turns = shared.turns();
        let gap = now.saturating_duration_since(self.looked);
        if turns != self.turns || gap > GAP {
            self.turns = turns;
            self.words = None;
            self.looked = now;
            return self.moved(shared, now);
        }
        if self.words.is_some() && gap < LOOK {
            return;
        }
        let words = shared.arena.all().into_iter().map(|carrier| carrier.word.load().bits());
        let words = words.fold(0, u64::wrapping_add);
        self.looked = now;
        if self.words.replace(words) != Some(words) {
            return self.moved(shared, now);
        }
        let still = now.saturating_duration_since(self.since);
        if now.saturating_duration_since(self.burst.unwrap_or(self.since)) >= BURST {
            self.burst = Some(now);
            burst(shared);
        }
        if still >= SUSPICION && !self.suspected {
            self.suspected = true;
            suspect(shared, still);
        }
    }

    /// No work waits.
    pub(super) fn forget(&mut self, shared: &Shared, now: Instant) {
        self.words = None;
        self.looked = now;
        self.moved(shared, now);
    }

    fn moved(&mut self, shared: &Shared, now: Instant) {
        self.since = now;
        self.suspected = false;
        if self.burst.take().is_some() {
            // ORDERING: Relaxed, a limit for those who come later.
            shared.thread_limit.store(shared.config.carrier_cap(), Ordering::Relaxed);
        }
    }
}

/// Lets one carrier more start, and one who needs it start it.
fn burst(shared: &Shared) {
    // ORDERING: Relaxed, a look.
    let threads = shared.threads.load(Ordering::Relaxed);
    let limit = (threads + 1).clamp(shared.config.carrier_cap(), shared.config.burst_cap());
    // ORDERING: Relaxed, as above. For an extra worker, the monitor's next look needs it.
    shared.thread_limit.store(limit, Ordering::Relaxed);
    if !shared.offloaded.is_empty() {
        // Those that are spare hold tasks, or would have taken it.
        shared.hurry_calls();
    } else if shared.lobby.idle() > 0 {
        shared.rouse(None);
    }
}

/// Nothing has moved for long.
#[cold]
fn suspect(shared: &Shared, still: Duration) {
    let carriers: Vec<_> = shared.arena.all();
    let tasks = shared.tasks_on(carriers.iter().map(|carrier| &**carrier));
    let mut stuck = Vec::new();
    let mut more = 0;
    for (carrier, task) in carriers.iter().zip(tasks) {
        let Some(task) = task.filter(|_| is_inside(*carrier)) else { continue };
        if stuck.len() == NAMED {
            more += 1;
            continue;
        }
        let word = carrier.word.load();
        // ORDERING: Relaxed, after the Acquire look at the word. Nothing has moved for a second.
        let target = carrier.target.load(Ordering::Relaxed);
        stuck.push(match word.phase() {
            Phase::Native => format!("{task} in native code of {}", shared.named(target)),
            Phase::Run => format!("{task} in managed code, without a switch"),
            Phase::Waiting | Phase::Spare => format!("{task} waits in place"),
        });
    }
    tracing::error!(
        target: "sortie::carrier",
        still = ?still,
        // ORDERING: Relaxed, a count for the record.
        carriers = shared.threads.load(Ordering::Relaxed),
        cap = shared.config.carrier_cap(),
        stuck = stuck.join("; "),
        more,
        "deadlock suspected: work waits, and nothing moves. If these wait for what is queued, raise \
         `max_carriers`, offload the calls, or let fewer of them begin at once (a bulkhead)"
    );
}

/// Is the carrier in the runtime's code, or in code that this has called?
fn is_inside(carrier: CarrierRef) -> bool {
    // ORDERING: Relaxed, a look.
    !carrier.foreign || carrier.visited.load(Ordering::Relaxed)
}

/// The targets that most carriers are in, to be written.
#[derive(Debug)]
pub(crate) struct Crowds<'a> {
    shared: &'a Shared,
    /// How many are in each target, the most first.
    crowds: Vec<(usize, usize)>,
}

impl Crowds<'_> {
    pub(crate) fn new(shared: &Shared) -> Crowds<'_> {
        let mut targets: Vec<usize> = shared.arena.all().into_iter().filter_map(target).collect();
        targets.sort_unstable();
        let mut crowds: Vec<_> =
            targets.chunk_by(|a, b| a == b).map(|crowd| (crowd.len(), crowd[0])).collect();
        crowds.sort_unstable_by(|a, b| b.cmp(a));
        crowds.truncate(TOP);
        Crowds { shared, crowds }
    }
}

/// What a carrier is in, if it is in native code.
fn target(carrier: CarrierRef) -> Option<usize> {
    let word = carrier.word.load();
    // ORDERING: Relaxed, after the Acquire look at the word, and checked by a second one.
    let target = carrier.target.load(Ordering::Relaxed);
    (word.phase() == Phase::Native && is_inside(carrier) && carrier.word.load() == word)
        .then_some(target)
}

impl fmt::Display for Crowds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.crowds.is_empty() {
            return f.write_str("none");
        }
        for (place, (count, target)) in self.crowds.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            write!(f, "{between}{} ({count})", self.shared.named(*target))?;
        }
        Ok(())
    }
}
