//! What every runtime under test has to do.

use crate::round::Sample;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What the runtime knows of the function that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: this is the first call ever, and it blocks.
    Unknown,
    /// It was short ten thousand times, and now it blocks.
    TurnsLong,
    /// As above, and this is the second time that it blocks.
    TurnedLong,
    /// It always blocked.
    Long,
    /// It computes, and does not block.
    Burning,
    /// It blocks. For runtimes that learn nothing.
    Any,
}

/// The thread that is to run the next task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spare {
    /// Was free for less than 50 us.
    Hot,
    /// Has slept for some milliseconds.
    Parked,
    /// There are none in this runtime.
    Absent,
}

/// A trial that is ready to be run, from the main thread.
pub(crate) type Trial<'a> = Box<dyn FnOnce() -> Sample + 'a>;

/// A runtime under test.
pub(crate) trait Contender {
    fn name(&self) -> &'static str;
    fn kinds(&self) -> &'static [Kind];
    fn spares(&self) -> &'static [Spare];
    /// Does all that must have happened beforehand. The trial follows, after a rest if the spare is to be
    /// parked.
    fn prepare(&self, kind: Kind, spare: Spare) -> Trial<'_>;
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Kind::Unknown => "unknown, blocks",
            Kind::TurnsLong => "short, turns long: first time",
            Kind::TurnedLong => "short, turns long: afterwards",
            Kind::Long => "long",
            Kind::Burning => "burning",
            Kind::Any => "any that blocks",
        }
    }
}

impl Spare {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Spare::Hot => "hot",
            Spare::Parked => "parked",
            Spare::Absent => "-",
        }
    }
}

/// Tasks that keep all workers but one busy, so that the next task has nobody but the caller's worker.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    present: AtomicUsize,
    dismissed: AtomicBool,
}

/// A crowd that leaves when this is dropped.
pub(crate) struct Gathered(Arc<Crowd>);

impl Crowd {
    /// Spawns `tasks` of them, and waits until each has a worker. On the main thread.
    pub(crate) fn gather(tasks: usize, spawn: impl Fn(Arc<Crowd>)) -> Gathered {
        let gathered = Gathered(Arc::new(Crowd::default()));
        let crowd = &gathered.0;
        (0..tasks).for_each(|_| spawn(crowd.clone()));
        let start = Instant::now();
        // ORDERING: Relaxed, a count that stands for itself.
        while crowd.present.load(Ordering::Relaxed) < tasks {
            assert!(start.elapsed() < Duration::from_secs(10), "the workers do not start");
            std::thread::yield_now();
        }
        gathered
    }

    /// All that such a task does.
    pub(crate) fn occupy(&self) {
        // ORDERING: Relaxed, as in `gather`.
        self.present.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed, nothing is published by it.
        while !self.dismissed.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        // ORDERING: Relaxed, as in `occupy`.
        self.0.dismissed.store(true, Ordering::Relaxed);
    }
}
