//! What figures are held against: what Sortie must reach, and what the machine allows.
//!
//! The figures are nanoseconds on the machine that the project is developed on. On another one compare the
//! ratios: what stands beside a peer's figure of the same run.

use crate::bench::case::Peer;
use crate::bench::report::Row;

/// Which figure of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// Nanoseconds an operation.
    Time,
    /// A further figure, by its name.
    Further(&'static str),
    /// The time, as a multiple of corosensei's in the same run.
    OverCorosensei,
}

/// On which side of the bound the figure must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    AtMost,
    AtLeast,
}

/// One thing that Sortie must reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) workload: &'static str,
    pub(super) figure: Figure,
    pub(super) bound: Bound,
    /// With one worker, and with two.
    pub(super) value: [f64; 2],
}

const fn time(workload: &'static str, value: [f64; 2]) -> Goal {
    Goal { workload, figure: Figure::Time, bound: Bound::AtMost, value }
}

const fn further(workload: &'static str, name: &'static str, bound: Bound, value: f64) -> Goal {
    Goal { workload, figure: Figure::Further(name), bound, value: [value; 2] }
}

/// All of them, in the order of the workloads.
pub(super) const GOALS: &[Goal] = &[
    Goal {
        workload: "switch",
        figure: Figure::OverCorosensei,
        bound: Bound::AtMost,
        value: [1.15; 2],
    },
    time("yield1", [10.0, 10.0]),
    time("yield1k", [22.0, 14.0]),
    time("spawnseq", [45.0, 90.0]),
    time("spawnbatch", [80.0, 80.0]),
    time("skynet", [50.0, 38.0]),
    time("fib", [260.0, 150.0]),
    time("pingpong", [90.0, 130.0]),
    time("spsc", [15.0, 25.0]),
    time("mpsc8", [20.0, 30.0]),
    time("mutex", [13.0, 24.0]),
    further("native_nop", "over_plain_ns", Bound::AtMost, 2.5),
    further("native_nop_thread_stack", "over_plain_ns", Bound::AtMost, 5.5),
    further("native_nop_c", "over_plain_ns", Bound::AtMost, 11.0),
    time("native_yield", [25.0, 25.0]),
    time("offload", [6_000.0, 6_000.0]),
    time("callback", [12.0, 12.0]),
    time("callback_suspend", [60.0, 60.0]),
    time("foreign_attach", [150.0, 150.0]),
    time("blk1000", [40_000.0, 34_000.0]),
    further("blk1000", "compute_kept_percent", Bound::AtLeast, 65.0),
    time("blkstress", [5_500.0, 5_500.0]),
    time("idle1m", [2_500.0, 2_500.0]),
    further("idle1m", "bytes_each", Bound::AtMost, 4_500.0),
    further("timers", "cpu_ms", Bound::AtMost, 200.0),
    further("timers", "late_p50_ms", Bound::AtMost, 0.1),
    further("timers", "late_p99_ms", Bound::AtMost, 2.0),
];

/// What the machine allows, whoever does it: nanoseconds an operation, with one worker and with two.
const LIMITS: &[(&str, [f64; 2])] = &[
    ("yield1", [5.0, 5.0]),
    ("yield1k", [17.0, 8.5]),
    ("spawnseq", [13.0, 13.0]),
    ("skynet", [23.0, 11.5]),
    ("fib", [171.0, 82.0]),
    ("pingpong", [60.0, 60.0]),
    ("spsc", [10.0, 10.0]),
    ("mpsc8", [10.0, 10.0]),
    ("mutex", [12.0, 12.0]),
    ("native_yield", [8.0, 8.0]),
    ("blk1000", [13_000.0, 13_000.0]),
    ("blkstress", [4_100.0, 4_100.0]),
];

/// The physical limit of a workload, where one is known.
pub(super) fn limit(workload: &str, workers: usize) -> Option<f64> {
    let (_, limits) = LIMITS.iter().find(|(name, _)| *name == workload)?;
    limits.get(workers.checked_sub(1)?).copied()
}

impl Goal {
    /// The bound for so many workers; none is set for more than two.
    pub(super) fn bound_for(&self, workers: usize) -> Option<f64> {
        self.value.get(workers.checked_sub(1)?).copied()
    }

    /// What it is in this row. `rows` are all of the run.
    pub(super) fn found(&self, row: &Row, rows: &[Row]) -> Option<f64> {
        match self.figure {
            Figure::Time => row.ns_per_op,
            Figure::Further(name) => row.extra.get(name)?.as_f64(),
            Figure::OverCorosensei => {
                let raw = rows.iter().find(|it| {
                    it.peer == Peer::Corosensei && (&it.workload, it.workers) == (&row.workload, 1)
                });
                // Measured within the same process too, a slice each.
                let ratio = row.extra.get("ratio").and_then(|it| it.as_f64());
                ratio.or_else(|| Some(row.ns_per_op? / raw?.ns_per_op?))
            }
        }
    }

    /// By how much the bound is missed, as a part of it; none if it is met.
    pub(super) fn missed_by(&self, found: f64, bound: f64) -> Option<f64> {
        let beyond = match self.bound {
            Bound::AtMost => found / bound - 1.0,
            Bound::AtLeast => 1.0 - found / bound,
        };
        (beyond > 0.0).then_some(beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, GOALS, LIMITS, limit, time};

    #[test]
    fn a_figure_beyond_its_bound_is_missed_by_a_part_of_it() {
        let goal = time("yield1", [10.0, 20.0]);
        assert_eq!(goal.missed_by(10.0, 10.0), None);
        assert_eq!(goal.missed_by(15.0, 10.0), Some(0.5));
        assert_eq!(goal.bound_for(2), Some(20.0));
        assert_eq!(goal.bound_for(8), None);
        let goal = super::Goal { bound: Bound::AtLeast, ..goal };
        assert_eq!(goal.missed_by(70.0, 65.0), None);
        assert_eq!(goal.missed_by(32.5, 65.0), Some(0.5));
    }

    #[test]
    fn no_goal_lies_below_its_limit() {
        for goal in GOALS.iter().filter(|it| it.figure == super::Figure::Time) {
            for workers in [1, 2] {
                if let Some(limit) = limit(goal.workload, workers) {
                    assert!(goal.bound_for(workers).unwrap() >= limit, "{}", goal.workload);
                }
            }
        }
        assert!(LIMITS.iter().all(|(name, _)| GOALS.iter().any(|it| it.workload == *name)));
    }
}
