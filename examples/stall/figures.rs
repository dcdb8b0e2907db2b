//! The trials of one row, what they say, and what they should say.

use crate::contender::{Contender, Kind, Spare};
use crate::round::Sample;
use crate::time::time;
use indicatif::ProgressBar;
use std::time::Duration;

/// How often a trial is made again whose spare was not hot, at most.
const AGAIN: u32 = 10;

/// How many trials, and how long the runtime rests before one with a parked spare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) trials: u32,
    pub(crate) rest: Duration,
}

impl Plan {
    /// How many trials a row has: fewer where each takes tens of milliseconds.
    fn trials(&self, kind: Kind, spare: Spare) -> u32 {
        match (kind, spare) {
            (Kind::Burning, _) | (_, Spare::Absent) => self.trials.div_ceil(8),
            _ => self.trials,
        }
    }

    /// All rows of a runtime.
    fn rows(&self, contender: &dyn Contender) -> impl Iterator<Item = (Kind, Spare, u32)> {
        let spares = contender.spares();
        contender.kinds().iter().flat_map(move |&kind| {
            spares.iter().map(move |&spare| (kind, spare, self.trials(kind, spare)))
        })
    }

    /// Measures all rows of a runtime. On the main thread.
    pub(crate) fn measure(&self, contender: &dyn Contender, bar: &ProgressBar) -> Vec<Figures> {
        bar.set_message(contender.name());
        bar.set_position(0);
        bar.set_length(self.rows(contender).map(|(.., trials)| u64::from(trials)).sum());
        let rows = self.rows(contender).map(|(kind, spare, trials)| {
            let mut left_out = 0;
            let samples = (0..trials).map(|_| {
                let mut sample = self.trial(contender, kind, spare);
                let mut again = 0;
                while sample.is_too_late() && again < AGAIN {
                    sample = self.trial(contender, kind, spare);
                    again += 1;
                }
                left_out += again;
                bar.inc(1);
                sample
            });
            let samples = samples.collect();
            Figures::new(contender.name(), kind, spare, samples, left_out)
        });
        rows.collect()
    }

    fn trial(&self, contender: &dyn Contender, kind: Kind, spare: Spare) -> Sample {
        let trial = contender.prepare(kind, spare);
        if spare == Spare::Parked {
            std::thread::sleep(self.rest);
        }
        trial()
    }
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) runtime: &'static str,
    pub(crate) kind: Kind,
    pub(crate) spare: Spare,
    /// The shortest first; never empty.
    pub(crate) waits: Vec<Duration>,
    /// How long the spare had been free, the shortest first; empty if it was not to be hot.
    pub(crate) spare_free: Vec<Duration>,
    /// Trials that do not count, for the spare was to be hot and was not.
    pub(crate) left_out: u32,
    /// Trials that count although it was not: it was tried often enough.
    pub(crate) not_hot: usize,
}

impl Figures {
    fn new(
        runtime: &'static str,
        kind: Kind,
        spare: Spare,
        samples: Vec<Sample>,
        left_out: u32,
    ) -> Figures {
        let not_hot = samples.iter().filter(|sample| sample.is_too_late()).count();
        let mut waits: Vec<_> = samples.iter().map(|sample| sample.wait).collect();
        waits.sort_unstable();
        let mut spare_free: Vec<_> =
            samples.iter().filter_map(|sample| sample.spare_free).collect();
        spare_free.sort_unstable();
        Figures { runtime, kind, spare, waits, spare_free, left_out, not_hot }
    }

    /// The wait that this share of the trials does not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        // The nearest rank: a wait that there was.
        self.waits[(self.waits.len() * percent).div_ceil(100).max(1) - 1]
    }

    pub(crate) fn max(&self) -> Duration {
        self.percentile(100)
    }

    /// What the figures should be; `None` for the peers.
    pub(crate) fn goal(&self) -> Option<Goal> {
        let us = Duration::from_micros;
        let quick = match self.spare {
            Spare::Hot => Goal::Usual { p50: us(2), p99: us(200) },
            Spare::Parked => Goal::Usual { p50: us(20), p99: us(200) },
            Spare::Absent => return None,
        };
        match self.kind {
            Kind::Unknown | Kind::TurnedLong | Kind::Long => Some(quick),
            Kind::TurnsLong => Some(Goal::Always(Duration::from_millis(10))),
            // The peers have this row too.
            Kind::Burning if self.runtime == "Sortie" => {
                Some(Goal::Always(Duration::from_millis(12)))
            }
            Kind::Burning | Kind::Any => None,
        }
    }

    /// Is that what they are? `None` where there is no goal.
    pub(crate) fn met(&self) -> Option<bool> {
        self.goal().map(|goal| match goal {
            Goal::Usual { p50, p99 } => self.percentile(50) <= p50 && self.percentile(99) <= p99,
            Goal::Always(limit) => self.max() < limit,
        })
    }
}

/// What the figures of a row should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Not above these.
    Usual { p50: Duration, p99: Duration },
    /// Every wait is below this.
    Always(Duration),
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::Usual { p50, p99 } => write!(f, "p50 {}, p99 {}", time(*p50), time(*p99)),
            Goal::Always(limit) => write!(f, "below {}", time(*limit)),
        }
    }
}
