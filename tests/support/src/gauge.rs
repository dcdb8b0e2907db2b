//! How many tasks run managed code at once: never more than there are workers.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts those who are inside, and remembers the most.
#[derive(Debug, Default)]
pub struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    /// Nobody is inside.
    #[must_use]
    pub const fn new() -> Gauge {
        Gauge { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// Runs `f` inside. It must not suspend: who is suspended is not inside.
    pub fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let value = f();
        self.now.fetch_sub(1, Ordering::SeqCst);
        value
    }

    /// How many are inside now.
    #[must_use]
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    /// How many were inside at most.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
