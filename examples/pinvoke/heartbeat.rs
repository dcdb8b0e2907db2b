//! One task that sleeps a millisecond at a time and writes down when it woke: if anybody stalls the
//! workers, it shows here.

use sortie::JoinHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A running heartbeat.
pub(crate) struct Heartbeat {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Instant>>,
}

/// When the heartbeat woke, its start and its end among it.
pub(crate) struct Beats(Vec<Instant>);

impl Heartbeat {
    /// Spawns the task, on the current task's runtime.
    pub(crate) fn start() -> Heartbeat {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = sortie::task::Builder::new()
            .name("heartbeat")
            .spawn(move || {
                let mut beats = Vec::with_capacity(4096);
                beats.push(Instant::now());
                // ORDERING: Relaxed, nothing is published by it; the join orders the beats.
                while !stopped.load(Ordering::Relaxed) {
                    sortie::sleep(Duration::from_millis(1));
                    beats.push(Instant::now());
                }
                beats
            });
        Heartbeat { stop, task }
    }

    /// Lets it tick once more, and takes what it wrote down.
    pub(crate) fn stop(self) -> Result<Beats, sortie::JoinError> {
        // ORDERING: Relaxed, as in `start`.
        self.stop.store(true, Ordering::Relaxed);
        self.task.join().map(Beats)
    }
}

impl Beats {
    /// How often it ticked.
    pub(crate) fn ticks(&self) -> usize {
        self.0.len() - 1
    }

    /// How often it ticked in the time that began at `start`.
    pub(crate) fn ticks_within(&self, start: Instant, time: Duration) -> usize {
        let woke = &self.0[1..];
        woke.iter()
            .filter(|woke| (start..start + time).contains(woke))
            .count()
    }

    /// The longest time between two ticks that follow each other.
    pub(crate) fn worst_gap(&self) -> Duration {
        let gaps = self.0.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }

    /// The longest of the gaps that end after `start`.
    pub(crate) fn worst_gap_since(&self, start: Instant) -> Duration {
        let gaps = self.0.windows(2).filter(|pair| pair[1] >= start);
        gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}
