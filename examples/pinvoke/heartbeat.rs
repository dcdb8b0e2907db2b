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
    /// How often it ticked.
    pub(crate) fn ticks(&self) -> usize {
        self.0.len() - 1
    }

    /// How often it ticked in the time that began at `start`.
    pub(crate) fn ticks_within(&self, start: Instant, time: Duration) -> usize {
        let woke = &self.0[1..];
        woke.iter().filter(|woke| (start..start + time).contains(woke)).count()
    }

    /// The longest time between two ticks that follow each other, of those that end in this time.
    pub(crate) fn worst_gap(&self, from: Instant, to: Instant) -> Duration {
        let pairs = self.0.windows(2);
        let gaps = pairs.filter(|pair| (from..to).contains(&pair[1])).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }
}
