//! Native calls that wait for a thread, and when that is for the better.
//!
//! A spare that is woken for a call, and sleeps again after it, costs two system calls and two switches of threads
//! more than one that goes on with the next call at once. Where many calls are out some thread comes back every few
//! microseconds. So where the processors are busy anyhow a call is *left for one that comes back*, if the last ones
//! tell that this is soon enough: within a sixteenth of what calls take, and a millisecond. What is left so has a time
//! by which it is *due*.
//!
//! Other calls that wait are due at once: there was no spare, and threads that are started, one for each processor at a
//! time, go on with them, and start the next.
//!
//! Calls wait first come, first served. All of it is decided under one lock, held for a few instructions.
//!
//! INVARIANT(backlog.starting): while a call that is due finds no spare, a thread is being started, or one was refused.
//! A start is counted before, and the thread looks here after it has taken itself off the count: the lock orders
//! that look and the push of who found enough of them under way. It takes itself off when it is one of the spares, so
//! that who finds nobody on the count finds it there.
//!
//! Must not: know of spares or wake anybody; drop a task under its lock.

use crate::ebb::give_room;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::time::Duration;

/// The part of a call's own time that it may be late by.
const SHARE: u32 = 16;

/// Calls that are shorter are over before it pays to look at their pace.
const WORTH_IT: Duration = Duration::from_micros(64);

/// How long a call is left for one that comes back, at most.
const MOST: Duration = Duration::from_millis(1);

/// See the module. `T` is a task by value.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    inner: Mutex<Inner<T>>,
    /// How many calls wait.
    len: AtomicUsize,
    /// The call that was over last was worth a look at the pace. A hint.
    is_paced: AtomicBool,
}

#[derive(Debug)]
struct Inner<T> {
    /// Each with the time by which it is due, from the runtime's start.
    calls: VecDeque<(Duration, T)>,
    /// So many, the first, are due at once.
    owed: usize,
    /// Threads on their way here.
    starting: usize,
    pace: Pace,
}

impl<T> Backlog<T> {
    pub(crate) fn new() -> Backlog<T> {
        let inner = Inner { calls: VecDeque::new(), owed: 0, starting: 0, pace: Pace::default() };
        Backlog {
            inner: Mutex::new(inner),
            len: AtomicUsize::new(0),
            is_paced: AtomicBool::new(false),
        }
    }

    /// Does no call wait?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, a look. Who must not miss a call is ordered by a lock that both sides take later
        // (offload.matched, backlog.starting), or by the fences of the gate.
        self.len.load(Ordering::Relaxed) == 0
    }

    fn count(&self, inner: &Inner<T>) {
        // ORDERING: Relaxed, as in `is_empty`.
        self.len.store(inner.calls.len(), Ordering::Relaxed);
    }

    /// A call that is due at once waits.
    pub(super) fn push(&self, task: T) {
        let mut inner = self.inner.lock();
        inner.calls.push_back((Duration::ZERO, task));
        inner.owed = inner.calls.len();
        self.count(&inner);
    }

    /// Do calls take so long that one may be left for a thread that comes back?
    #[inline]
    pub(super) fn is_paced(&self) -> bool {
        // ORDERING: Relaxed, a hint.
        self.is_paced.load(Ordering::Relaxed)
    }

    /// Leaves a call for a thread that comes back.
    ///
    /// # Errors
    /// The task: nobody is expected soon enough.
    pub(super) fn leave(&self, task: T, now: Duration) -> Result<(), T> {
        let mut inner = self.inner.lock();
        let Some(due) = inner.pace.due(now, inner.calls.len()) else { return Err(task) };
        inner.calls.push_back((due, task));
        self.count(&inner);
        Ok(())
    }

    /// The call that has waited longest.
    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.inner.lock();
        let (_, task) = inner.calls.pop_front()?;
        give_room(&mut inner.calls);
        inner.owed = inner.owed.saturating_sub(1);
        self.count(&inner);
        Some(task)
    }

    /// Has a call waited for as long as it may?
    pub(super) fn is_due(&self, now: Duration) -> bool {
        if self.is_empty() {
            return false;
        }
        let inner = self.inner.lock();
        inner.owed > 0 || inner.calls.front().is_some_and(|(due, _)| *due <= now)
    }

    /// A thread is to be started without a worker. False: so many, or more, are on their way here.
    pub(crate) fn begin_start(&self, most: usize) -> bool {
        let mut inner = self.inner.lock();
        let may = inner.starting < most;
        inner.starting += usize::from(may);
        may
    }

    /// A thread that was started is here, or was refused.
    pub(crate) fn end_start(&self) {
        self.inner.lock().starting -= 1;
    }

    /// A thread has come back from a call, and makes the next if one waits.
    #[inline]
    pub(super) fn came_back(&self, now: Duration, took: Duration) {
        let is_paced = took >= WORTH_IT;
        if is_paced != self.is_paced() {
            // ORDERING: Relaxed, a hint.
            self.is_paced.store(is_paced, Ordering::Relaxed);
        }
        if is_paced {
            self.inner.lock().pace.came_back(now, took);
        }
    }
}

/// How calls go, as far as the last ones tell.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// When a thread came back last.
    back: Duration,
    /// From one that came back to the next.
    gap: Duration,
    /// How long calls take.
    took: Duration,
}

impl Pace {
    fn came_back(&mut self, now: Duration, took: Duration) {
        // After a pause the next few tell how it is now.
        let gap = now.saturating_sub(self.back).min(MOST);
        *self = Pace { back: now, gap: (3 * self.gap + gap) / 4, took: (3 * self.took + took) / 4 };
    }

    /// By when one more call is due, if it is left behind so many others; `None` if it is not to wait.
    fn due(&self, now: Duration, others: usize) -> Option<Duration> {
        let most = (self.took / SHARE).min(MOST);
        let ahead = u32::try_from(others).ok()?.checked_add(1)?;
        let wait = self.gap.checked_mul(ahead)?;
        let is_alive = now.saturating_sub(self.back) <= most;
        (is_alive && wait <= most).then(|| now + most)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, MOST, Pace};
    use std::time::Duration;

    const fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    /// Threads have come back from calls that took so long, at such distances, until one second.
    fn pace(took: Duration, gap: Duration) -> Pace {
        let mut pace = Pace::default();
        (0..100).rev().for_each(|ago| pace.came_back(us(1_000_000) - ago * gap, took));
        pace
    }

    #[test]
    fn nobody_is_expected_where_nobody_came_back() {
        assert_eq!(Pace::default().due(us(1_000_000), 0), None);
        // So quick that to wait would be most of it.
        assert_eq!(pace(us(2), us(5)).due(us(1_000_001), 0), None);
        // Too seldom.
        assert_eq!(pace(us(10_000), us(900)).due(us(1_000_001), 0), None);
    }

    #[test]
    fn a_call_is_left_for_as_many_as_come_back_in_time() {
        let now = us(1_000_010);
        let pace = pace(us(8_000), us(50));
        let due = pace.due(now, 0).expect("one comes back within 50 us");
        assert!((us(499)..=us(500)).contains(&(due - now)), "{due:?}");
        let left = (0..).take_while(|others| pace.due(now, *others).is_some()).count();
        assert!((9..=11).contains(&left), "{left}");
    }

    #[test]
    fn long_calls_wait_no_longer_than_a_bound() {
        let pace = pace(Duration::from_secs(10), us(50));
        assert_eq!(pace.due(us(1_000_010), 0), Some(us(1_000_010) + MOST));
        // Nobody has come back for longer than that.
        assert_eq!(pace.due(us(1_000_001) + MOST, 0), None);
    }

    #[test]
    fn after_a_pause_it_is_learned_anew() {
        let mut pace = pace(us(8_000), us(50));
        let later = us(9_000_000);
        pace.came_back(later, us(8_000));
        assert!(pace.due(later, 9).is_none(), "one is no pace");
        (1..30).for_each(|n| pace.came_back(later + n * us(50), us(8_000)));
        assert!(pace.due(later + us(1_500), 7).is_some());
    }

    /// One in which a call was left at one second, due after half a millisecond.
    fn with_one_left() -> Backlog<u8> {
        let backlog = Backlog::new();
        backlog.inner.lock().pace = pace(us(8_000), us(50));
        assert_eq!(backlog.leave(1, us(1_000_000)), Ok(()));
        backlog
    }

    #[test]
    fn a_call_that_was_left_is_due_when_its_time_has_come() {
        let backlog = with_one_left();
        assert!(!backlog.is_due(us(1_000_400)));
        assert!(backlog.is_due(us(1_000_500)));
        assert_eq!(backlog.pop(), Some(1));
        assert!(!backlog.is_due(us(1_000_500)));
    }

    #[test]
    fn a_call_that_is_due_at_once_brings_those_before_it_along() {
        let backlog = with_one_left();
        backlog.push(2);
        assert_eq!(backlog.leave(3, us(1_000_000)), Ok(()));
        for call in [1, 2] {
            assert!(backlog.is_due(us(1_000_000)));
            assert_eq!(backlog.pop(), Some(call));
        }
        assert!(!backlog.is_due(us(1_000_000)), "who came later may wait still");
        assert_eq!(backlog.pop(), Some(3));
    }

    #[test]
    fn so_many_threads_are_started_at_a_time() {
        let backlog = Backlog::<u8>::new();
        assert!(backlog.begin_start(2));
        assert!(backlog.begin_start(2));
        assert!(!backlog.begin_start(2));
        backlog.end_start();
        assert!(backlog.begin_start(2));
        assert!(backlog.is_empty() && !backlog.is_due(us(1)) && backlog.pop().is_none());
    }
}
