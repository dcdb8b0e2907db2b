//! The tables that hold ours against what must be reached, and against the best of the others.

use super::figures::{self, Who, time, times};
use super::goals::{self, Bound, Figure, Goal};
use crate::bench::case::{Mode, Peer};
use crate::bench::report::Row;
use crate::bench::workload;
use std::fmt::Write as _;

/// Each workload that has a goal of its own or a peer.
pub(super) fn against_peers(rows: &[Row]) -> String {
    let mut text = "\n## Summary\n\n\
        | workload | workers | pinned | migrating | goal | best peer | of the best peer | of the limit |\n\
        |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for workload in workload::ALL.iter().map(|it| it.name) {
        for workers in figures::workers(rows, workload).into_iter().filter(|it| *it <= 2) {
            if figures::of(rows, workload, workers).any(|it| it.peer == Peer::Sortie) {
                text += &line(rows, workload, workers);
            }
        }
    }
    text += "\n*Of the best peer* and *of the limit* are Sortie's time, in the better of its two modes, as a \
             multiple of theirs. The limit is what the machine allows, as far as that is known: the same work by \
             hand, without a runtime. Goals and limits are figures of the machine that Sortie is developed on.\n";
    text
}

fn line(rows: &[Row], workload: &str, workers: usize) -> String {
    let of = |mode| figures::ours(rows, workload, workers, mode);
    let (pinned, migrating) = (of(Mode::Pinned), of(Mode::Migrating));
    let better = [pinned, migrating].into_iter().flatten().reduce(f64::min);
    let cell = |mode, ns: Option<f64>| match ns {
        Some(ns) => time(ns),
        None if has_failed(rows, workload, workers, mode) => "failed".to_owned(),
        None => "-".to_owned(),
    };
    let goal = goals::GOALS
        .iter()
        .find(|it| it.workload == workload && it.figure == Figure::Time)
        .and_then(|goal| Some((goal, goal.bound_for(workers)?)));
    let goal = match (goal, better) {
        (Some((goal, bound)), Some(ns)) => format!("{}: {}", time(bound), verdict(goal, ns, bound)),
        (Some((_, bound)), None) => time(bound),
        (None, _) => "-".to_owned(),
    };
    let best = figures::best_peer(rows, workload, workers);
    let best_ns = best.and_then(|it| it.ns_per_op);
    let name = best.zip(best_ns).map(|(it, ns)| format!("{} {}", Who::of(it).name(), time(ns)));
    let ratio = |to: Option<f64>| match (better, to) {
        (Some(ns), Some(to)) if to > 0.0 => times(ns / to),
        _ => "-".to_owned(),
    };
    format!(
        "| {workload} | {workers} | {} | {} | {goal} | {} | {} | {} |\n",
        cell(Mode::Pinned, pinned),
        cell(Mode::Migrating, migrating),
        name.as_deref().unwrap_or("-"),
        ratio(best_ns),
        ratio(goals::limit(workload, workers)),
    )
}

fn has_failed(rows: &[Row], workload: &str, workers: usize, mode: Mode) -> bool {
    figures::of(rows, workload, workers)
        .any(|it| Who::of(it) == Who { peer: Peer::Sortie, mode } && it.has_failed())
}

fn verdict(goal: &Goal, found: f64, bound: f64) -> String {
    match goal.missed_by(found, bound) {
        Some(beyond) => format!("**missed by {:.0} %**", 100.0 * beyond),
        None => "met".to_owned(),
    }
}

/// The goals that are not a plain time; nothing if none of them was measured.
pub(super) fn goals(rows: &[Row]) -> String {
    let mut text = String::new();
    for goal in goals::GOALS.iter().filter(|it| it.figure != Figure::Time) {
        for row in rows {
            let is_its =
                row.peer == Peer::Sortie && row.workload == goal.workload && row.tasks.is_none();
            let found = is_its.then(|| goal.found(row, rows)).flatten();
            if let (Some(found), Some(bound)) = (found, goal.bound_for(row.workers)) {
                let (name, sign) = (figure_name(goal.figure), sign(goal.bound));
                let _ = writeln!(
                    text,
                    "| {} | {name} | {} | {} | {found:.2} | {sign} {bound} | {} |",
                    goal.workload,
                    row.workers,
                    row.mode,
                    verdict(goal, found, bound)
                );
            }
        }
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n## Further goals\n\n| workload | figure | workers | mode | found | goal | |\n\
         |---|---|---|---|---|---|---|\n{text}"
    )
}

fn figure_name(figure: Figure) -> &'static str {
    match figure {
        Figure::Time => "time",
        Figure::Further(name) => name,
        Figure::OverCorosensei => "times corosensei's",
    }
}

fn sign(bound: Bound) -> &'static str {
    match bound {
        Bound::AtMost => "at most",
        Bound::AtLeast => "at least",
    }
}
