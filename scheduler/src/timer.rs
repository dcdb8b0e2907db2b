//! Timers: who is to be woken when. Served by the monitor.
//!
//! A sorted map under a lock. Who sets a timer may take it back until it fires; one that fires as it is
//! taken back wakes a task that no longer waits for it, which every wait tolerates.

use crate::sync::Mutex;
use crate::task::Waker;
use std::collections::BTreeMap;
use std::time::Instant;

/// Names a timer that was set: its time, and its number. Timers of one instant fire in the order in which
/// they were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    at: Instant,
    order: u64,
}

/// What came of setting a timer.
#[must_use = "whoever serves timers must be told of a new first one"]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    /// To take it back.
    pub(crate) key: TimerKey,
    /// It is now the first: whoever serves timers must be told.
    pub(crate) is_first: bool,
}

#[derive(Default)]
struct Sorted {
    timers: BTreeMap<TimerKey, Waker>,
    set: u64,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Timers(Mutex<Sorted>);

impl Timers {
    /// Sets a timer. After [`Timers::close`] its waker is dropped.
    pub(crate) fn set(&self, at: Instant, waker: Waker) -> Set {
        let mut sorted = self.0.lock();
        let key = TimerKey { at, order: sorted.set };
        if sorted.closed {
            // Nobody will serve it, and it would keep the runtime's memory through its task.
            return Set { key, is_first: false };
        }
        sorted.set += 1;
        let is_first = sorted.timers.first_key_value().is_none_or(|(first, _)| at < first.at);
        sorted.timers.insert(key, waker);
        Set { key, is_first }
    }

    /// Takes a timer back, if it has not fired.
    pub(crate) fn remove(&self, key: TimerKey) {
        let removed = self.0.lock().timers.remove(&key);
        // The waker is dropped without the lock.
        drop(removed);
    }

    /// When the first timer is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.lock().timers.first_key_value().map(|(first, _)| first.at)
    }

    /// Wakes all whose time has come. Returns when the next is due.
    pub(crate) fn fire(&self, now: Instant) -> Option<Instant> {
        loop {
            let mut sorted = self.0.lock();
            match sorted.timers.first_key_value() {
                Some((first, _)) if first.at <= now => {}
                next => return next.map(|(first, _)| first.at),
            }
            let due = sorted.timers.pop_first();
            drop(sorted);
            if let Some((_, waker)) = due {
                waker.wake();
            }
        }
    }

    /// Forgets all timers, at the end, and takes none any more.
    pub(crate) fn close(&self) {
        let mut sorted = self.0.lock();
        sorted.closed = true;
        let timers = std::mem::take(&mut sorted.timers);
        // Wakers are dropped without the lock.
        drop(sorted);
        drop(timers);
    }
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers").field("next", &self.next()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::park::Parker;
    use crate::sync::Arc;
    use std::time::Duration;

    fn parkers<const N: usize>() -> [Arc<Parker>; N] {
        std::array::from_fn(|_| Arc::new(Parker::new()))
    }

    fn is_woken(parker: &Parker) -> bool {
        parker.park_timeout(Duration::ZERO)
    }

    #[test]
    fn timers_fire_when_due_and_not_before() {
        let timers = Timers::default();
        let now = Instant::now();
        let parkers = parkers::<4>();
        for (n, place) in [2, 0, 3, 1].into_iter().zip([false, true, false, false]) {
            let at = now + Duration::from_millis(n);
            let waker = Waker::Thread(parkers[n as usize].clone());
            assert_eq!(timers.set(at, waker).is_first, n == 2 || place);
        }
        let next = timers.fire(now + Duration::from_millis(1));
        assert_eq!(next, Some(now + Duration::from_millis(2)));
        assert_eq!(parkers.each_ref().map(|it| is_woken(it)), [true, true, false, false]);
        assert_eq!(timers.fire(now + Duration::from_secs(1)), None);
        assert_eq!(parkers.each_ref().map(|it| is_woken(it)), [false, false, true, true]);
    }

    #[test]
    fn a_timer_that_is_taken_back_wakes_nobody_and_keeps_nothing() {
        let timers = Timers::default();
        let at = Instant::now();
        let [parker] = parkers();
        let [first, second] = [(); 2].map(|()| timers.set(at, Waker::Thread(parker.clone())).key);
        timers.remove(first);
        assert_eq!(timers.next(), Some(at));
        timers.remove(second);
        assert_eq!(timers.next(), None);
        assert_eq!(Arc::strong_count(&parker), 1);
        timers.fire(at);
        assert!(!is_woken(&parker));
        // Once more, and after it has fired, is nothing.
        timers.remove(second);
    }

    #[test]
    fn closed_timers_take_none() {
        let timers = Timers::default();
        let [parker] = parkers();
        let waker = || Waker::Thread(parker.clone());
        let key = timers.set(Instant::now(), waker()).key;
        timers.close();
        assert!(!timers.set(Instant::now(), waker()).is_first);
        timers.remove(key);
        assert_eq!((timers.next(), Arc::strong_count(&parker)), (None, 1));
    }
}
