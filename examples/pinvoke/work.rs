//! What the tasks do: many short calls first, then many that block, and a heartbeat through both.

use crate::foreign::{self, Wrong};
use crate::heartbeat::{Beats, Heartbeat};
use crate::progress::Steps;
use sortie::JoinHandle;
use std::time::{Duration, Instant};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Tasks that make short calls.
    pub(crate) callers: u64,
    /// How often each calls every function.
    pub(crate) rounds: u64,
    /// Tasks that sit in `nanosleep`.
    pub(crate) sleepers: u64,
    /// For how long.
    pub(crate) sleep: Duration,
    /// Whether zlib is there.
    pub(crate) zlib: bool,
}

/// What came of it.
pub(crate) struct Outcome {
    /// The heartbeat task's ticks, and those of the thread beside it.
    pub(crate) beats: Beats,
    pub(crate) thread_beats: Beats,
    /// When it all began.
    pub(crate) start: Instant,
    /// When the first task went to `nanosleep`, and when the last was back.
    pub(crate) sleep_start: Instant,
    pub(crate) sleep_end: Instant,
    /// Calls that answered as they should.
    pub(crate) right: u64,
    /// Calls that did not.
    pub(crate) wrong: Vec<Wrong>,
}

impl Plan {
    /// How many steps a run reports.
    pub(crate) fn steps(&self) -> u64 {
        self.callers * self.rounds + self.sleepers
    }

    /// Does it all. To be run as a task.
    pub(crate) fn run(self, steps: &Steps) -> Outcome {
        let start = Instant::now();
        let heartbeat = Heartbeat::start();
        let mut checks = Checks::default();

        let callers = (0..self.callers).map(|caller| {
            let steps = steps.clone();
            sortie::spawn(move || self.call(caller, &steps))
        });
        checks.join(callers.collect());

        let sleep_start = Instant::now();
        let sleepers = (0..self.sleepers).map(|_| {
            let steps = steps.clone();
            sortie::spawn(move || {
                let mut checks = Checks::default();
                checks.add(foreign::check_nanosleep(self.sleep));
                steps.step();
                checks
            })
        });
        checks.join(sleepers.collect());
        let sleep_end = Instant::now();

        let (beats, thread_beats) = heartbeat.stop();
        Outcome {
            beats,
            thread_beats,
            start,
            sleep_start,
            sleep_end,
            right: checks.right,
            wrong: checks.wrong,
        }
    }

    /// One caller: every short function, round after round.
    fn call(self, caller: u64, steps: &Steps) -> Checks {
        const TEXTS: [&std::ffi::CStr; 4] = [c"", c"sortie", c"123456789", c"out, and back again"];
        let mut checks = Checks::default();
        for round in 0..self.rounds {
            let seed = caller * self.rounds + round;
            let text = TEXTS[seed as usize % TEXTS.len()];
            checks.add(foreign::check_cos(seed as f64 / 100.0));
            checks.add(foreign::check_qsort(seed));
            checks.add(foreign::check_strlen(text));
            checks.add(foreign::check_getpid());
            if self.zlib {
                checks.add(foreign::check_crc32(text));
            }
            steps.step();
            // A native call is no turn for others as long as nobody takes the worker.
            sortie::yield_now();
        }
        checks
    }
}

/// What the checks of one or more tasks said.
#[derive(Default)]
struct Checks {
    right: u64,
    wrong: Vec<Wrong>,
}

impl Checks {
    fn add(&mut self, check: Result<(), Wrong>) {
        match check {
            Ok(()) => self.right += 1,
            Err(wrong) => self.wrong.push(wrong),
        }
    }

    fn join(&mut self, tasks: Vec<JoinHandle<Checks>>) {
        for task in tasks {
            match task.join() {
                Ok(checks) => {
                    self.right += checks.right;
                    self.wrong.extend(checks.wrong);
                }
                Err(error) => self.wrong.push(format!("a task has no result: {error}")),
            }
        }
    }
}
