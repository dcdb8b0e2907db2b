//! Counters of what happened. Kept without locks, read without stopping anybody.

use crate::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Counter {
    /// Tasks spawned.
    Spawned,
    /// Tasks ended.
    Finished,
    /// Tasks taken from another worker.
    Steals,
    /// Workers that the monitor took from a carrier in native code.
    Retakes,
    /// Workers that a carrier gave away: before a native call, or because its task waits in place.
    HandOffs,
    /// Tasks that came back from native code and had to wait for a worker.
    Reentries,
    /// Carriers started.
    CarriersStarted,
    /// Carriers ended.
    CarriersEnded,
    /// Times that work waited and no carrier could be had for it.
    Saturations,
    /// Times that the monitor asked a task to let others run.
    YieldRequests,
    /// Times that a task has yielded because it was asked to.
    ForcedYields,
    /// Times that an extra worker was sent out.
    Compensations,
    /// Carriers started beyond the cap.
    Bursts,
    /// Layers of tasks that nobody has closed.
    LayersLeftOpen,
    /// Times that the monitor woke.
    MonitorTicks,
}

const COUNTERS: usize = Counter::MonitorTicks as usize + 1;

/// One set of counters.
#[derive(Debug, Default)]
pub(crate) struct Counts([AtomicU64; COUNTERS]);

/// The counters that a worker's owner keeps.
pub(crate) type WorkerMetrics = Counts;

impl Counts {
    /// Counts one, by the only one who writes here.
    #[inline]
    pub(crate) fn add_owned(&self, counter: Counter) {
        let word = &self.0[counter as usize];
        // ORDERING(metrics.count): Release, pairs with the Acquire in `get`: who sees a task counted
        // as ended sees it counted as spawned. The owner alone writes, so its load is Relaxed.
        word.store(word.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Counts one, by anybody.
    pub(crate) fn add(&self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// Counts so many, by anybody.
    pub(crate) fn add_many(&self, counter: Counter, many: u64) {
        // ORDERING(metrics.count): Release, as in `add_owned`.
        self.0[counter as usize].fetch_add(many, Ordering::Release);
    }

    /// What was counted has not come about. By anybody.
    pub(crate) fn take_back(&self, counter: Counter) {
        // ORDERING(metrics.count): Release, as in `add_owned`.
        self.0[counter as usize].fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn get(&self, counter: Counter) -> u64 {
        // ORDERING(metrics.count): Acquire, pairs with the Release in `add_many` and `add_owned`.
        self.0[counter as usize].load(Ordering::Acquire)
    }
}
