//! What tasks that yield have of a worker's time beside tasks that leave for native code.
//!
//! The deque goes before those that yielded, and a task that leaves for a call which blocks is out of the way in no
//! time: what it costs is one thread to be woken and two switches of threads. Where hundreds leave one after the other
//! those that yield had no turn until the last was gone; each was on a thread of its own by then, and the threads'
//! memory had left the caches. So after a number of departures those that yielded have a turn, which takes about as
//! long as the departures and the returns cost.
//!
//! After a number, not after each: of calls that begin together some end together, and fewer interrupts take their
//! time from those that compute.
//!
//! Must not: let the worker rest, make the departures slower than that pace for long, but where they alone take more than
//! half of its time, or hold up what was woken just now (the newest task, if none was picked since it was queued).

use super::Worker;
use crate::task::TaskRef;
use std::time::{Duration, Instant};

/// So many departures are followed by a turn.
const BATCH: u32 = 16;

/// What each of them has of the time until the end of the turn, where no other worker runs beside this one.
const EACH: Duration = Duration::from_micros(26);

/// The same, where others do. A thread that is woken on another processor, and comes back to find its task's worker there,
/// costs nearly twice as much, and half of it where others compute.
const EACH_BESIDE_OTHERS: Duration = Duration::from_micros(38);

/// How often a turn looks at the clock until its picks have doubled: it may last longer than it should by such a part.
const LOOKS: u32 = 8;

/// Travels with the worker.
#[derive(Debug)]
pub(crate) struct Share {
    /// What the departures and their turn may take.
    time: Duration,
    /// Departures since the last turn.
    departures: u32,
    /// When the first of them was.
    began: Option<Instant>,
    /// The end of the turn that is under way.
    until: Option<Instant>,
    /// Picks of the turn.
    picks: u32,
    /// The one that looks at the clock next.
    look: u32,
}

impl Share {
    /// For a worker of so many that run side by side.
    pub(super) fn new(workers: usize) -> Share {
        let each = if workers > 1 { EACH_BESIDE_OTHERS } else { EACH };
        Share::lasting(BATCH * each)
    }

    fn lasting(time: Duration) -> Share {
        Share { time, departures: 0, began: None, until: None, picks: 0, look: 0 }
    }

    /// From now on there were no departures.
    pub(super) fn reset(&mut self) {
        *self = Share::lasting(self.time);
    }

    /// A task leaves for native code, and the worker goes on with others.
    pub(crate) fn count_departure(&mut self) {
        if self.departures == 0 {
            self.began = Some(Instant::now());
        }
        self.departures += 1;
    }

    /// Is it the turn of those that yielded? `wait`: there are some.
    #[inline]
    fn is_theirs(&mut self, wait: impl FnOnce() -> bool) -> bool {
        self.departures >= BATCH && self.goes_on(wait)
    }

    #[cold]
    fn goes_on(&mut self, wait: impl FnOnce() -> bool) -> bool {
        self.picks += 1;
        let goes_on = !self.is_over() && wait();
        if !goes_on {
            self.reset();
        }
        goes_on
    }

    /// Has the turn taken its time? Its first picks ask the clock, of the later ones fewer and fewer: it costs a thirtieth
    /// of a pick that computes for a microsecond.
    fn is_over(&mut self) -> bool {
        if self.picks < self.look {
            return false;
        }
        self.look = self.picks + self.picks / LOOKS + 1;
        let now = Instant::now();
        let end = self.end_from(now);
        now >= *self.until.get_or_insert(end)
    }

    /// When a turn ends that begins now: it has what the departures have left, and half of the time at least.
    fn end_from(&self, now: Instant) -> Instant {
        let least = now + self.time / 2;
        self.began.map_or(least, |began| least.max(began + self.time))
    }
}

impl Worker {
    /// The newest task; in the turn of those that yielded, only if none was picked since it was queued.
    #[inline]
    pub(super) fn pop_newest(&mut self) -> Option<TaskRef> {
        let Worker { share, queues, .. } = self;
        if share.is_theirs(|| queues.has_yielded()) { queues.pop_fresh() } else { queues.pop() }
    }

    /// The oldest task of the deque; not in the turn of those that yielded.
    pub(super) fn pop_oldest(&mut self) -> Option<TaskRef> {
        let Worker { share, queues, .. } = self;
        if share.is_theirs(|| queues.has_yielded()) { None } else { queues.pop_oldest() }
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, LOOKS, Share};
    use std::thread;
    use std::time::Instant;

    fn after(departures: u32) -> Share {
        let mut share = Share::new(1);
        (0..departures).for_each(|_| share.count_departure());
        share
    }

    #[test]
    fn a_turn_follows_a_batch_and_ends() {
        assert!(!after(BATCH - 1).is_theirs(|| true));
        let mut share = after(BATCH);
        assert!(share.is_theirs(|| true), "a turn has a first pick at least");
        // Those of the turn leave too: that makes it no longer.
        (0..BATCH).for_each(|_| share.count_departure());
        thread::sleep(share.time);
        assert!(!share.is_theirs(|| true), "its time is over");
        assert!(!share.is_theirs(|| true), "the deque comes before the next");
        (0..BATCH).for_each(|_| share.count_departure());
        assert!(share.is_theirs(|| true));
    }

    #[test]
    fn a_turn_has_what_its_departures_have_left() {
        let mut share = after(BATCH);
        let (began, time) = (Instant::now(), share.time);
        share.began = Some(began);
        let left = |ago| share.end_from(began + ago) - (began + ago);
        assert_eq!(left(time / 8), time - time / 8);
        assert_eq!(left(time / 2), time / 2);
        assert_eq!(left(10 * time), time / 2, "however long they took");
        assert!(Share::new(2).time > time, "beside others they cost more");
    }

    /// What came long before them is none of their time.
    #[test]
    fn the_time_begins_with_the_first_departure() {
        let mut share = after(BATCH);
        thread::sleep(share.time);
        while share.is_theirs(|| true) {}
        let before = Instant::now();
        share.count_departure();
        let began = share.began.expect("it has begun");
        thread::sleep(share.time);
        (1..BATCH).for_each(|_| share.count_departure());
        assert!(began >= before && share.began == Some(began));
    }

    #[test]
    fn a_turn_of_many_picks_ends_soon_after_its_time() {
        let mut share = after(BATCH);
        // Who is driven off its processor meanwhile begins again.
        while !(0..20).all(|_| share.is_theirs(|| true)) {
            share = after(BATCH);
        }
        thread::sleep(share.time);
        let late = (0..).take_while(|_| share.is_theirs(|| true)).count();
        assert!(late <= 20 / LOOKS as usize, "{late} picks more");
    }

    #[test]
    fn a_turn_that_nobody_wants_is_over() {
        let mut share = after(BATCH);
        assert!(!share.is_theirs(|| false));
        assert!(!share.is_theirs(|| true));
    }
}
