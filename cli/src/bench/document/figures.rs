//! The rows of a run, asked for by who does what; which figures they have, and how one is written.

use super::goals::Bound;
use crate::bench::case::{Mode, Peer};
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

impl Figure {
    /// What it is in this row. `rows` are all of the run.
    pub(super) fn of(self, row: &Row, rows: &[Row]) -> Option<f64> {
        match self {
            Figure::Time => row.ns_per_op,
            Figure::Further(key) => row.extra.get(key)?.as_f64(),
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

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::Time => "time per operation",
            Figure::OverCorosensei => "times corosensei's",
            Figure::Further("over_plain_ns") => "time above the bare call",
            Figure::Further("compute_kept_percent") => "compute kept",
            Figure::Further("bytes_each") => "memory of a task",
            Figure::Further("cpu_ms") => "processor time",
            Figure::Further("late_p50_ms") => "lateness, median",
            Figure::Further("late_p99_ms") => "lateness, p99",
            Figure::Further(key) => key,
        }
    }

    /// With its unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Figure::Time => time(value),
            Figure::OverCorosensei => times(value),
            Figure::Further(key) if key.ends_with("_ns") => time(value),
            Figure::Further(key) if key.ends_with("_ms") => time(value * 1e6),
            Figure::Further(key) if key.ends_with("_percent") => format!("{value:.0} %"),
            Figure::Further("bytes_each") => format!("{value:.0} B"),
            Figure::Further(_) => format!("{value:.2}"),
        }
    }
}

/// Who is measured, as the reader knows them: a runtime of ours in each mode, and the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) peer: Peer,
    pub(super) mode: Mode,
}

impl Who {
    pub(super) fn of(row: &Row) -> Who {
        Who { peer: row.peer, mode: row.mode }
    }

    pub(super) fn is_ours(self) -> bool {
        self.peer == Peer::Sortie
    }

    pub(super) fn name(self) -> String {
        match self.mode {
            Mode::Migrating => format!("{}, migrating", self.peer),
            Mode::Pinned | Mode::Own => self.peer.to_string(),
        }
    }
}

/// The rows of a workload as it is usually done, with so many workers.
pub(super) fn of<'a>(
    rows: &'a [Row],
    workload: &'a str,
    workers: usize,
) -> impl Iterator<Item = &'a Row> {
    let is_usual = |row: &&Row| row.tasks.is_none();
    rows.iter().filter(is_usual).filter(move |it| it.workload == workload && it.workers == workers)
}

/// Ours in one of the modes.
pub(super) fn ours<'a>(
    rows: &'a [Row],
    workload: &'a str,
    workers: usize,
    mode: Mode,
) -> Option<&'a Row> {
    of(rows, workload, workers).find(|it| Who::of(it) == Who { peer: Peer::Sortie, mode })
}

/// The other runtime whose figure is best, and the figure. Raw coroutines are none.
pub(super) fn best_peer<'a>(
    rows: &'a [Row],
    workload: &'a str,
    figure: Figure,
    bound: Bound,
    workers: usize,
) -> Option<(&'a Row, f64)> {
    of(rows, workload, workers)
        .filter(|it| !matches!(it.peer, Peer::Sortie | Peer::Corosensei))
        .filter_map(|it| Some((it, figure.of(it, rows)?)))
        .reduce(|one, other| if bound.better(one.1, other.1) == one.1 { one } else { other })
}

/// The numbers of workers that occur, in order.
pub(super) fn workers(rows: &[Row], workload: &str) -> Vec<usize> {
    let mut all: Vec<usize> = rows
        .iter()
        .filter(|it| it.workload == workload && it.tasks.is_none())
        .map(|it| it.workers)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A time, to three digits or so.
pub(super) fn time(ns: f64) -> String {
    let (figure, unit) = match ns {
        _ if ns < 1e3 => (ns, "ns"),
        _ if ns < 1e6 => (ns / 1e3, "us"),
        _ if ns < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    match figure {
        _ if figure < 10.0 => format!("{figure:.2} {unit}"),
        _ if figure < 100.0 => format!("{figure:.1} {unit}"),
        _ => format!("{figure:.0} {unit}"),
    }
}

/// How many times as much.
pub(super) fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} x") } else { format!("{ratio:.0} x") }
}

/// For people: a thousand is `10^3`.
pub(super) fn power(n: u64) -> String {
    let digits = n.to_string();
    match digits.strip_prefix('1') {
        Some(zeros) if zeros.len() > 2 && zeros.bytes().all(|it| it == b'0') => {
            format!("10^{}", zeros.len())
        }
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::{power, time, times};

    #[test]
    fn figures_are_written_to_a_few_digits() {
        assert_eq!(time(4.321), "4.32 ns");
        assert_eq!(time(54.32), "54.3 ns");
        assert_eq!(time(870.4), "870 ns");
        assert_eq!(time(13_783.0), "13.8 us");
        assert_eq!(time(10_200_000.0), "10.2 ms");
        assert_eq!(time(2_000.0), "2.00 us");
        assert_eq!(times(0.456), "0.46 x");
        assert_eq!(times(34.5), "34 x");
        assert_eq!(power(1000), "10^3");
        assert_eq!(power(1_000_000), "10^6");
        assert_eq!(power(1500), "1500");
    }
}
