//! The barrier: so many wait for each other.

use sortie_scheduler::wait::{WaitList, Waiter, deadline};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A point that none of so many passes before all have come.
///
/// In the shape of `std::sync::Barrier`. It may be used again and again by the same ones: the next round begins
/// when all of this one are there. A wait is a suspension point. A task that is aborted in it, or whose time has
/// come, has not arrived: the others wait for another in its place.
///
/// ```
/// use sortie::sync::Barrier;
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         runtime.spawn(move || barrier.wait().is_leader())
///     })
///     .collect();
/// let leaders = tasks.into_iter().filter_map(|task| task.join().unwrap().then_some(())).count();
/// assert_eq!(leaders, 1);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Barrier {
    size: u32,
    /// The round in the high half, how many have arrived in the low one.
    word: AtomicU64,
    list: WaitList,
}

/// What a [`Barrier`]'s wait says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierWaitResult {
    is_leader: bool,
}

impl BarrierWaitResult {
    /// True for one of each round: the one that came last.
    ///
    /// ```
    /// let alone = sortie::sync::Barrier::new(1);
    /// assert!(alone.wait().is_leader());
    /// ```
    #[must_use]
    pub fn is_leader(self) -> bool {
        self.is_leader
    }
}

/// Half of the word.
const HALF: u32 = 32;

/// One who has arrived. Dropped in its round, it has not.
struct Arrival<'a> {
    barrier: &'a Barrier,
    round: u64,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.barrier.withdraw(self.round);
    }
}

impl Barrier {
    /// A barrier for `size`; 0 is as 1: nobody waits.
    ///
    /// # Panics
    /// If `size` does not fit into 32 bits.
    ///
    /// ```
    /// static TWO: sortie::sync::Barrier = sortie::sync::Barrier::new(2);
    /// ```
    #[must_use]
    pub const fn new(size: usize) -> Barrier {
        assert!(size <= u32::MAX as usize, "a barrier is for at most 2^32 - 1");
        Barrier { size: size as u32, word: AtomicU64::new(0), list: WaitList::new() }
    }

    /// Waits until all have come.
    ///
    /// A task that is aborted meanwhile has not arrived, and unwinds. If all had come before, it has: the abort is raised at
    /// its next suspension point.
    ///
    /// # Panics
    /// In debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// use sortie::sync::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// std::thread::scope(|threads| {
    ///     let other = threads.spawn(|| barrier.wait().is_leader());
    ///     assert!(barrier.wait().is_leader() != other.join().unwrap());
    /// });
    /// ```
    pub fn wait(&self) -> BarrierWaitResult {
        self.wait_for(None).expect("a wait without a limit ends when all have come")
    }

    /// As [`Barrier::wait`], but no longer than `timeout`. `None`: not all came in that time, and this one has not
    /// arrived.
    ///
    /// # Panics
    /// As [`Barrier::wait`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let barrier = sortie::sync::Barrier::new(2);
    /// assert_eq!(barrier.wait_timeout(Duration::from_millis(1)), None);
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Option<BarrierWaitResult> {
        self.wait_until(deadline(timeout))
    }

    /// As [`Barrier::wait_timeout`], until this time.
    ///
    /// # Panics
    /// As [`Barrier::wait`].
    ///
    /// ```
    /// use sortie::sync::Barrier;
    /// use std::time::Instant;
    ///
    /// assert!(Barrier::new(2).wait_until(Instant::now()).is_none());
    /// ```
    pub fn wait_until(&self, until: Instant) -> Option<BarrierWaitResult> {
        self.wait_for(Some(until))
    }

    fn wait_for(&self, until: Option<Instant>) -> Option<BarrierWaitResult> {
        let waits = self.size > 1;
        // Before the arrival: it may panic.
        // SAFETY: it stays in this frame.
        let waiter = waits.then(|| unsafe { Waiter::new("a wait at a barrier") });
        let (round, is_leader) = self.arrive();
        if is_leader {
            if waits {
                self.list.notify_all();
            }
            return Some(BarrierWaitResult { is_leader });
        }
        let waiter = waiter.expect("only the last does not wait");
        let arrival = Arrival { barrier: self, round };
        let mut in_time = true;
        while self.round() == round && in_time {
            let place = self.list.enter(&waiter);
            if self.round() == round {
                in_time = place.wait_unraised(until);
            }
        }
        std::mem::forget(arrival);
        // Out of time, or aborted, but all may have come all the same.
        if in_time || !self.withdraw(round) {
            return Some(BarrierWaitResult { is_leader });
        }
        sortie_scheduler::checkpoint();
        None
    }

    fn round(&self) -> u64 {
        // ORDERING(barrier.word): Acquire, pairs with the Release in `arrive`: who goes on sees what all did before.
        self.word.load(Ordering::Acquire) >> HALF
    }

    /// One more is there. Its round, and whether it is the last of it, which begins the next.
    fn arrive(&self) -> (u64, bool) {
        let next = |now: u64| match now as u32 + 1 >= self.size {
            true => ((now >> HALF) + 1) << HALF,
            false => now + 1,
        };
        // ORDERING(barrier.word): AcqRel, pairs with itself and with `round`: the last one's has all others' before
        // it.
        let before =
            self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |now| Some(next(now)));
        let before = before.expect("every arrival has a next word");
        (before >> HALF, before as u32 + 1 >= self.size)
    }

    /// One that has arrived has not. False: its round is over.
    fn withdraw(&self, round: u64) -> bool {
        let less = |now: u64| (now >> HALF == round).then(|| now - 1);
        // ORDERING(barrier.word): AcqRel, as in `arrive`; Acquire if the round is over, as in `round`.
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }
}
