//! Whom timers have woken together one worker runs, before another is woken for them.
//!
//! A batch of timers wakes some ten tasks, most of which run for a microsecond and sleep again. To wake a thread for
//! half of them takes longer than to run them all, and costs ten times as much. So a worker that was taken to serve
//! timers and has queued nothing but whom they have woken does not call another at once, as who finds work ordinarily
//! does ([`crate::idle`]), but only if something is left after [`PATIENCE`]. It looks at the clock before each turn.
//!
//! A turn may last. Then nobody looks here, and
//!
//! - the monitor does: nothing is put off unless it sleeps until a time that was asked for by timers, 1.6 ms from now
//!   at most (`timer/alarm.rs`). It finds that work waits, and calls another.
//! - So it does if a task leaves for native code, which kicks it: the gate is set ajar (`gate.rs`).
//! - Who gives the worker away looks once more at what is queued, as ever, or its next carrier goes on here.
//!
//! A worker that has seen such a turn puts nothing off for a while.
//!
//! Must not: be asked where no worker that searches has found work.

use super::Worker;
use super::search::stop_searching;
use crate::carrier::Carrier;
use crate::sync::atomic::{Ordering, fence};
use crate::timer::Server;
use std::time::{Duration, Instant};

/// For how long others wait for the worker that serves timers, before another is called.
const PATIENCE: Duration = Duration::from_micros(50);

/// So long a turn is remembered although nobody waits behind it any more. Shorter ones are those of a thread that was kept
/// from its processor by the one that has taken them.
const LASTING: Duration = Duration::from_micros(200);

/// How many tasks may wait for it.
const MOST: usize = 32;

/// How many batches are not put off after a turn that has outlasted the patience.
const IMPATIENCE: u8 = 64;

/// What a worker has put off.
#[derive(Clone, Copy, Debug)]
pub(super) struct PutOff {
    since: Instant,
    /// When its turn began.
    turn: Instant,
}

/// Fires timers whose time has come, by a carrier in its loop. Costs a look where there are no timers.
#[inline]
pub(super) fn fire_timers(carrier: &Carrier, batches: usize) -> bool {
    carrier.shared().timers.has_some() && fire_due(carrier, batches)
}

/// [`fire_timers`], where there are some.
#[inline(never)]
fn fire_due(carrier: &Carrier, batches: usize) -> bool {
    let shared = carrier.shared();
    let timers = &shared.timers;
    // SAFETY: this is the carrier's thread, in its loop.
    let asked = unsafe { carrier.with_worker(|worker| (worker.serves_timers, worker.searching)) };
    let (serves_timers, searches) = asked.unwrap_or_default();
    // Who was woken for timers just now fires those that it has seen, although the last idle worker is its own.
    if !serves_timers || !searches && shared.lobby.idle() == 0 {
        return timers.fire_due(batches, Server::Carrier(carrier.index));
    }
    let keeper = Server::Keeper(carrier.index);
    if searches {
        return timers.fire_due(batches, keeper);
    }
    let now = Instant::now();
    if !timers.is_due(now, keeper) {
        return false;
    }
    // Nobody is to be called for each of them: that is decided before the next turn.
    // SAFETY: as above.
    unsafe { carrier.with_worker(|worker| worker.searching = true) };
    shared.lobby.start_searching();
    timers.fire(now, batches, keeper)
}

/// The carrier's worker has found work, and was searching or has put off to tell of it.
#[cold]
#[inline(never)]
pub(super) fn tell(carrier: &Carrier) {
    let was_last = stop_searching(carrier);
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the worker.
    let tells = unsafe { carrier.with_worker(|worker| tells(carrier, worker, was_last)) };
    if tells == Some(true) {
        carrier.shared().look_again();
    }
}

impl Worker {
    /// Nothing is put off any more. What was, and the time: a turn that others waited behind is over.
    pub(super) fn take_put_off(&mut self) -> Option<(PutOff, Instant)> {
        let put_off = self.put_off.take()?;
        let now = Instant::now();
        let bearable = if self.queues.is_empty() { LASTING } else { PATIENCE };
        if now.saturating_duration_since(put_off.turn) > bearable {
            self.impatience = IMPATIENCE;
        }
        Some((put_off, now))
    }
}

/// Is another to be told of what is queued? If not, either nothing is, or it is put off.
fn tells(carrier: &Carrier, worker: &mut Worker, was_last: bool) -> bool {
    let put_off = worker.take_put_off();
    if !worker.serves_timers {
        return was_last || put_off.is_some();
    }
    if worker.queues.is_empty() {
        // Others' work may have been left to the search.
        return was_last;
    }
    if !was_last && put_off.is_none() {
        return false;
    }
    let (since, now) = match put_off {
        Some((put_off, now)) => (put_off.since, now),
        None => {
            let now = Instant::now();
            (now, now)
        }
    };
    if now.saturating_duration_since(since) > PATIENCE || worker.queues.len() > MOST {
        return true;
    }
    if was_last {
        if worker.impatience > 0 {
            worker.impatience -= 1;
            return true;
        }
        let shared = carrier.shared();
        // ORDERING(idle.counters): SeqCst, between the end of the search and the look at the queues, as in `look_again`.
        fence(Ordering::SeqCst);
        if shared.work_waits_beside(worker.index) || !shared.timers.is_watched(now) {
            return true;
        }
        shared.gate.set_both();
    }
    worker.put_off = Some(PutOff { since, turn: now });
    false
}

#[cfg(test)]
mod tests {
    use super::{IMPATIENCE, LASTING, PutOff, Worker};
    use crate::sync::Arc;
    use crate::sync::atomic::{AtomicBool, Ordering};
    use crate::{Config, this_task, wait};
    use std::time::{Duration, Instant};

    #[test]
    fn a_turn_that_lasts_is_remembered_although_others_have_run_who_waited_behind_it() {
        let rests_after = |lasts: Duration| {
            let mut worker = Worker::new(0, 1);
            let begin = Instant::now().checked_sub(lasts).expect("the machine has run for so long");
            worker.put_off = Some(PutOff { since: begin, turn: begin });
            let _ = worker.rest();
            assert!(worker.put_off.is_none());
            worker.impatience
        };
        assert_eq!(rests_after(2 * LASTING), IMPATIENCE);
        let shorter = (0..1000).any(|_| rests_after(Duration::ZERO) == 0);
        assert!(shorter, "a short turn is none");
    }

    /// How many times a worker has come to a carrier of the current task's runtime.
    fn arrivals() -> u32 {
        let (carrier, _) = wait::managed().expect("in a task");
        let shown = carrier.shared().queues().iter();
        shown.map(|shown| shown.arrivals.load(Ordering::Relaxed)).sum()
    }

    /// A task sleeps that was at home on one carrier, which computes meanwhile: another keeps its time.
    #[test]
    fn who_comes_for_a_timer_that_was_set_elsewhere_fires_it_at_once() {
        const ROUNDS: usize = 64;
        // SAFETY: the tasks have nothing that stays with a thread.
        let scheduler = unsafe { Config::new().workers(2).migrating() }.start().unwrap();
        let mut came: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let is_over = Arc::new(AtomicBool::new(false));
                let its = is_over.clone();
                let sleeper = scheduler.spawn(move || {
                    let before = arrivals();
                    this_task::sleep(Duration::from_millis(3));
                    its.store(true, Ordering::Relaxed);
                    arrivals() - before
                });
                let other = scheduler.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
                other.join().unwrap();
                sleeper.join().unwrap()
            })
            .collect();
        let _ = scheduler.shutdown(Duration::from_secs(10));
        came.sort_unstable();
        assert!(came[ROUNDS * 3 / 4] <= 2, "to come and go until it is late: {came:?}");
    }
}
