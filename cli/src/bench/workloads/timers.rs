//! `timers`: the price of a hundred thousand sleeps at once, and how late they end.
//!
//! The sleeps are of 1 to 1000 ms, in no order. A runtime does nothing most of the time, so what counts is
//! the processor time of the whole process, spawns and joins included, and not how long it took.

use super::{end, runtime};
use crate::bench::case::Peer;
use crate::bench::workload::{Contender, Failure, Sample, Trial, WarmUp, Workload};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use sortie::{JoinHandle, Runtime};
use std::time::{Duration, Instant};

const LONGEST_MS: u64 = 1000;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "timers",
    definition: "100,000 tasks each sleep 1 to 1,000 ms: the time until all are joined, by their number; the \
                 processor time of the process (`cpu_ms`); how late they wake",
    ops: 100_000,
    unit: |_| 1,
    warm_up: WarmUp::Whole,
    tasks: None,
    contenders: &[Contender {
        peer: Peer::Sortie,
        start: |setup| Ok(Box::new(Sleepers(runtime(setup)?))),
    }],
};

struct Sleepers(Runtime);

impl Trial for Sleepers {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let sample = self.0.run(move || {
            let clocks = Clocks::now();
            let tasks: Vec<JoinHandle<u64>> = (0..ops)
                .map(|n| {
                    sortie::spawn(move || {
                        let duration = duration(n);
                        let start = Instant::now();
                        sortie::sleep(duration);
                        lateness(start, duration)
                    })
                })
                .collect();
            let late = tasks.into_iter().map(|task| task.join().expect("a sleep does not fail"));
            clocks.sample(late.collect())
        });
        Ok(sample)
    }

    fn finish(self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        end(self.0)?;
        Ok(Vec::new())
    }
}

/// How long the task of this number sleeps.
pub(crate) fn duration(n: u64) -> Duration {
    // A prime that is no factor of the range: neighbours are far from each other, all are as many.
    Duration::from_millis(1 + n * 7919 % LONGEST_MS)
}

/// By how many nanoseconds a sleep that began then ends too late now.
pub(crate) fn lateness(start: Instant, duration: Duration) -> u64 {
    let late = start.elapsed().checked_sub(duration).expect("a sleep is not too short");
    u64::try_from(late.as_nanos()).expect("a run does not last for centuries")
}

/// The clocks at the beginning of a run.
pub(crate) struct Clocks {
    start: Instant,
    processor: Duration,
}

impl Clocks {
    pub(crate) fn now() -> Clocks {
        Clocks { processor: processor_time(), start: Instant::now() }
    }

    /// The run is over. What the tasks have said, who panic if a sleep is too short.
    pub(crate) fn sample(&self, mut late_ns: Vec<u64>) -> Sample {
        let (took, processor) = (self.start.elapsed(), processor_time() - self.processor);
        late_ns.sort_unstable();
        let quantile_ms = |percent: usize| {
            let at = (late_ns.len() * percent / 100).min(late_ns.len().saturating_sub(1));
            late_ns.get(at).map_or(0.0, |ns| *ns as f64 / 1e6)
        };
        let extra = vec![
            ("cpu_ms", processor.as_secs_f64() * 1e3),
            ("late_p50_ms", quantile_ms(50)),
            ("late_p99_ms", quantile_ms(99)),
        ];
        Sample { took, extra }
    }
}

/// What the process has used of processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("processor time is not negative")
}
