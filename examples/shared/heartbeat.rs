//! One task that sleeps a millisecond at a time and writes down when it woke: if anybody stalls the
//! workers, it shows here.
//!
//! A plain thread does the same beside it, outside of the runtime: how late the machine itself is,
//! which no runtime can undo.

use sortie::JoinHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long it sleeps.
const BEAT: Duration = Duration::from_millis(1);

/// A running heartbeat.
pub(crate) struct Heartbeat {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Instant>>,
    thread: std::thread::JoinHandle<Vec<Instant>>,
}

/// When the heartbeat woke.
pub(crate) struct Beats(Vec<Instant>);

impl Heartbeat {
    /// Spawns the task, on the current task's runtime, and the thread.
    pub(crate) fn start() -> Heartbeat {
        let stop = Arc::new(AtomicBool::new(false));
        let (by_task, by_thread) = (stop.clone(), stop.clone());
        Heartbeat {
            stop,
            task: sortie::task::Builder::new()
                .name("heartbeat")
                .spawn(move || beat(&by_task, || sortie::sleep(BEAT))),
            thread: std::thread::spawn(move || beat(&by_thread, || std::thread::sleep(BEAT))),
        }
    }

    /// Lets both tick once more, and takes what they wrote down: the task, then the thread.
    pub(crate) fn stop(self) -> (Beats, Beats) {
        // ORDERING: Relaxed, as in `beat`.
        self.stop.store(true, Ordering::Relaxed);
        let task = self.task.join().expect("a heartbeat does not panic");
        // The thread ends within a beat, so that this blocks nobody for long.
        let thread = self.thread.join().expect("a heartbeat does not panic");
        (Beats(task), Beats(thread))
    }
}

fn beat(stop: &AtomicBool, sleep: impl Fn()) -> Vec<Instant> {
    let mut beats = Vec::with_capacity(4096);
    beats.push(Instant::now());
    // ORDERING: Relaxed, nothing is published by it; the joins order the beats.
    while !stop.load(Ordering::Relaxed) {
        sleep();
        beats.push(Instant::now());
    }
    beats
}

impl Beats {
    /// How it went from one time to another: all gaps of which a part lies in between, so that a
    /// stall to the end, and past it, counts.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Pulse {
        let pairs = self.0.windows(2).filter(|pair| pair[0] < to && pair[1] >= from);
        let mut gaps: Vec<_> = pairs.map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let ticks = self.0[1..].iter().filter(|woke| (from..to).contains(woke)).count();
        Pulse { gaps, ticks }
    }
}

/// How a heartbeat went for some time.
pub(crate) struct Pulse {
    /// The times between two ticks that follow each other, the shortest first.
    gaps: Vec<Duration>,
    ticks: usize,
}

impl Pulse {
    /// How often it ticked.
    pub(crate) fn ticks(&self) -> usize {
        self.ticks
    }

    /// The gap that this share of all gaps does not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        // The nearest rank: a gap that there was.
        let rank = (self.gaps.len() * percent).div_ceil(100).max(1);
        self.gaps.get(rank - 1).copied().unwrap_or_default()
    }

    /// The longest gap.
    pub(crate) fn worst_gap(&self) -> Duration {
        self.percentile(100)
    }
}
