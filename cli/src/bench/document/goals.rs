//! What figures are held against: what Sortie must reach, and what the machine allows.
//!
//! The figures are those of the machine that the project is developed on. On another one compare the
//! ratios: what stands beside a peer's figure of the same run.

use super::figures::Figure;
use crate::bench::case::Peer;
use crate::bench::report::Row;

/// On which side of the bound the figure must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    AtMost,
    AtLeast,
}

impl Bound {
    /// Which of two figures is the better one.
    pub(super) fn better(self, one: f64, other: f64) -> f64 {
        match self {
            Bound::AtMost => one.min(other),
            Bound::AtLeast => one.max(other),
        }
    }
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

/// What the machine allows, whoever does it: the same by hand, without a runtime. With one worker, and with two.
struct Limit {
    workload: &'static str,
    figure: Figure,
    value: [f64; 2],
}

const fn least(workload: &'static str, value: [f64; 2]) -> Limit {
    Limit { workload, figure: Figure::Time, value }
}

const fn least_further(workload: &'static str, name: &'static str, value: f64) -> Limit {
    Limit { workload, figure: Figure::Further(name), value: [value; 2] }
}

const LIMITS: &[Limit] = &[
    least("yield1", [5.0, 5.0]),
    // A ring of coroutines on one thread; and half of that on two.
    least("yield1k", [17.0, 8.5]),
    least("spawnseq", [13.0, 13.0]),
    least("skynet", [23.0, 11.5]),
    // The leaves' own work.
    least("fib", [171.0, 82.0]),
    least("pingpong", [60.0, 60.0]),
    least("spsc", [10.0, 10.0]),
    least("mpsc8", [10.0, 10.0]),
    least("mutex", [12.0, 12.0]),
    // A call between two stores; with an exchange at its end; on another stack.
    least("native_nop", [1.5, 1.5]),
    least("native_nop_c", [8.7, 8.7]),
    least("native_nop_thread_stack", [3.5, 3.5]),
    least("native_yield", [8.0, 8.0]),
    // The bare call of a function that calls back.
    least("callback", [2.1, 2.1]),
    // The sleep, and the start of a thread for each.
    least("blk1000", [13_000.0, 13_000.0]),
    least_further("blk1000", "compute_kept_percent", 80.0),
    least("blkstress", [4_100.0, 4_100.0]),
    // A page of stack, and a header.
    least_further("idle1m", "bytes_each", 4_200.0),
    least_further("timers", "cpu_ms", 190.0),
    least_further("timers", "late_p50_ms", 0.01),
];

/// The physical limit of a figure, where one is known. That of a switch is the raw coroutine of the same run.
pub(super) fn limit(rows: &[Row], workload: &str, figure: Figure, workers: usize) -> Option<f64> {
    match figure {
        Figure::Time if workload == "switch" => raw_switch(rows),
        Figure::OverCorosensei => Some(1.0),
        _ => {
            let limit = LIMITS.iter().find(|it| (it.workload, it.figure) == (workload, figure))?;
            limit.value.get(workers.checked_sub(1)?).copied()
        }
    }
}

/// What of a workload stands for the whole: its time, but that of sleeps is the longest sleep's.
pub(super) fn main_figure(workload: &str) -> Figure {
    if workload == "timers" { Figure::Further("cpu_ms") } else { Figure::Time }
}

/// What must be reached of a figure, if anything.
pub(super) fn goal(workload: &str, figure: Figure) -> Option<&'static Goal> {
    GOALS.iter().find(|it| (it.workload, it.figure) == (workload, figure))
}

/// The raw coroutine's switch, which has no workers.
fn raw_switch(rows: &[Row]) -> Option<f64> {
    rows.iter().find(|it| (it.peer, &*it.workload) == (Peer::Corosensei, "switch"))?.ns_per_op
}

impl Goal {
    /// The bound for so many workers; none is set for more than two.
    pub(super) fn bound_for(&self, workers: usize) -> Option<f64> {
        self.value.get(workers.checked_sub(1)?).copied()
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
    use super::{Bound, Figure, GOALS, LIMITS, limit, time};

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
        for goal in GOALS.iter().filter(|it| it.figure != Figure::OverCorosensei) {
            for workers in [1, 2] {
                if let Some(limit) = limit(&[], goal.workload, goal.figure, workers) {
                    let bound = goal.bound_for(workers).unwrap();
                    // A limit that is met leaves nothing to be missed.
                    assert_eq!(goal.missed_by(limit, bound), None, "{}", goal.workload);
                }
            }
        }
        assert!(LIMITS.iter().all(|it| GOALS.iter().any(|goal| goal.workload == it.workload)));
    }
}
