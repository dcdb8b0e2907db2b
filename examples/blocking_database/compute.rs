//! Tasks that compute and let others in now and then, and how steadily they went.

use sortie::JoinHandle;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Steps of one piece of work: some tens of microseconds.
const STEPS: u32 = 20_000;

/// Computing tasks that run.
pub(crate) struct Computing {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Pace>>,
}

/// How far a computing task came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Pieces of work done.
    pub(crate) pieces: u64,
    /// The longest time from the end of one piece to the end of the next.
    pub(crate) longest_stall: Duration,
}

impl Computing {
    /// Spawns `tasks` of them on the current task's runtime.
    pub(crate) fn start(tasks: u16) -> Computing {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..tasks).map(|n| {
            let stop = stop.clone();
            sortie::task::Builder::new()
                .name(format!("computing {n}"))
                .spawn(move || compute(n.into(), &stop))
        });
        Computing { tasks: tasks.collect(), stop }
    }

    /// Ends them, and adds up what they did; of the stalls the longest.
    pub(crate) fn stop(self) -> Result<Pace, sortie::JoinError> {
        // ORDERING: Relaxed, nothing is published by it; the joins order the paces.
        self.stop.store(true, Ordering::Relaxed);
        let mut tasks = self.tasks.into_iter();
        tasks.try_fold(Pace::default(), |sum, task| {
            let pace = task.join()?;
            Ok(Pace {
                pieces: sum.pieces + pace.pieces,
                longest_stall: sum.longest_stall.max(pace.longest_stall),
            })
        })
    }
}

fn compute(seed: u64, stop: &AtomicBool) -> Pace {
    let mut pace = Pace::default();
    let mut state = seed;
    let mut last = Instant::now();
    // ORDERING: Relaxed, as in `stop`.
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..STEPS {
            // A linear congruential generator: each step needs the one before.
            state = black_box(state)
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
        }
        sortie::yield_now();
        let now = Instant::now();
        pace.pieces += 1;
        pace.longest_stall = pace.longest_stall.max(now - last);
        last = now;
    }
    pace
}
