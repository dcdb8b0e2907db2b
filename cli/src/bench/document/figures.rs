//! The rows of a run, asked for by who does what; and how a figure is written.

use crate::bench::case::{Mode, Peer};
use crate::bench::report::Row;

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

/// The figure of one of them.
pub(super) fn ours(rows: &[Row], workload: &str, workers: usize, mode: Mode) -> Option<f64> {
    of(rows, workload, workers)
        .find(|it| Who::of(it) == Who { peer: Peer::Sortie, mode })?
        .ns_per_op
}

/// The quickest other runtime. Raw coroutines are none.
pub(super) fn best_peer<'a>(rows: &'a [Row], workload: &'a str, workers: usize) -> Option<&'a Row> {
    of(rows, workload, workers)
        .filter(|it| !matches!(it.peer, Peer::Sortie | Peer::Corosensei))
        .filter(|it| it.ns_per_op.is_some())
        .min_by(|a, b| a.ns_per_op.unwrap_or(f64::MAX).total_cmp(&b.ns_per_op.unwrap_or(f64::MAX)))
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
