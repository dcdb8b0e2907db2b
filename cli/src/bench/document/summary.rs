//! The tables that hold ours against what must be reached, and against the best of the others.

use super::figures::{self, Figure, Who, times};
use super::goals::{self, Bound, Goal};
use super::paragraph;
use crate::bench::case::{Mode, Peer};
use crate::bench::report::Row;
use crate::bench::workload;

const HOW_TO_COMPARE: &str = "\
    *Of the best peer* and *of the limit* are Sortie's figure, in the better of its two modes, as a \
    multiple of theirs; a goal that both modes reach is *met*, and of one that neither reaches it is said by \
    how much the better one misses it. The limit is what the machine allows, as far as that is known: the same work by \
    hand, without a runtime; of `switch` it is the raw coroutine in this run. Goals and limits are figures \
    of the machine that Sortie is developed on, and limits mostly of sketches, so that ours may lie below \
    one. Of `timers` the processor time is shown, since its time is the longest sleep's.";

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
    text += "\n";
    text += &paragraph(HOW_TO_COMPARE);
    text
}

fn line(rows: &[Row], workload: &str, workers: usize) -> String {
    let figure = goals::main_figure(workload);
    let of =
        |mode| figures::ours(rows, workload, workers, mode).and_then(|row| figure.of(row, rows));
    let (pinned, migrating) = (of(Mode::Pinned), of(Mode::Migrating));
    let better = [pinned, migrating].into_iter().flatten().reduce(f64::min);
    let cell = |mode, value: Option<f64>| match value {
        Some(value) => figure.text(value),
        None if has_failed(rows, workload, workers, mode) => "failed".to_owned(),
        None => "-".to_owned(),
    };
    let goal =
        goals::goal(workload, figure).and_then(|goal| Some((goal, goal.bound_for(workers)?)));
    let goal = match goal {
        Some((goal, bound)) => {
            let verdict = of_modes(goal, bound, pinned, migrating);
            format!("{}{verdict}", figure.text(bound))
        }
        None if goals::GOALS.iter().any(|it| it.workload == workload) => {
            "[below](#further-goals)".to_owned()
        }
        None => "-".to_owned(),
    };
    let best = figures::best_peer(rows, workload, figure, Bound::AtMost, workers);
    format!(
        "| {workload} | {workers} | {} | {} | {goal} | {} | {} | {} |\n",
        cell(Mode::Pinned, pinned),
        cell(Mode::Migrating, migrating),
        peer_cell(best, figure),
        ratio(better, best.map(|(_, value)| value)),
        ratio(better, goals::limit(rows, workload, figure, workers)),
    )
}

fn peer_cell(peer: Option<(&Row, f64)>, figure: Figure) -> String {
    peer.map_or("-".to_owned(), |(row, value)| {
        format!("{} {}", Who::of(row).name(), figure.text(value))
    })
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => times(ours / theirs),
        _ => "-".to_owned(),
    }
}

fn has_failed(rows: &[Row], workload: &str, workers: usize, mode: Mode) -> bool {
    figures::of(rows, workload, workers)
        .any(|it| Who::of(it) == Who { peer: Peer::Sortie, mode } && it.has_failed())
}

/// Who of the two reaches the goal; neither, by how much the better one misses it.
fn of_modes(goal: &Goal, bound: f64, pinned: Option<f64>, migrating: Option<f64>) -> String {
    let Some(better) = [pinned, migrating].into_iter().flatten().reduce(f64::min) else {
        return String::new();
    };
    let misses = |found: Option<f64>| found.is_some_and(|it| goal.missed_by(it, bound).is_some());
    let verdict = verdict(goal, better, bound);
    match (misses(pinned), misses(migrating)) {
        (true, false) if migrating.is_some() => format!(": {verdict} by migrating only"),
        (false, true) if pinned.is_some() => format!(": {verdict} by pinned only"),
        _ => format!(": {verdict}"),
    }
}

fn verdict(goal: &Goal, found: f64, bound: f64) -> String {
    match goal.missed_by(found, bound) {
        Some(beyond) if beyond < 0.005 => "**missed by less than 1 %**".to_owned(),
        Some(beyond) => format!("**missed by {:.0} %**", 100.0 * beyond),
        None => "met".to_owned(),
    }
}

/// The goals that are not those of the summary; nothing if none of them was measured.
pub(super) fn goals(rows: &[Row]) -> String {
    let mut text = String::new();
    for goal in goals::GOALS.iter().filter(|it| it.figure != goals::main_figure(it.workload)) {
        for row in rows {
            let is_its =
                row.peer == Peer::Sortie && row.workload == goal.workload && row.tasks.is_none();
            let found = is_its.then(|| goal.figure.of(row, rows)).flatten();
            if let (Some(found), Some(bound)) = (found, goal.bound_for(row.workers)) {
                text += &further_line(rows, goal, row, found, bound);
            }
        }
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n## Further goals\n\n\
         | workload | figure | workers | mode | found | goal | best peer | of the best peer | of the limit |\n\
         |---|---|---|---|---|---|---|---|---|\n{text}"
    )
}

fn further_line(rows: &[Row], goal: &Goal, row: &Row, found: f64, bound: f64) -> String {
    let Goal { workload, figure, .. } = *goal;
    let best = figures::best_peer(rows, workload, figure, goal.bound, row.workers);
    format!(
        "| {workload} | {} | {} | {} | {} | {} {}: {} | {} | {} | {} |\n",
        figure.name(),
        row.workers,
        row.mode,
        figure.text(found),
        sign(goal.bound),
        figure.text(bound),
        verdict(goal, found, bound),
        peer_cell(best, figure),
        ratio(Some(found), best.map(|(_, value)| value)),
        ratio(Some(found), goals::limit(rows, workload, figure, row.workers)),
    )
}

fn sign(bound: Bound) -> &'static str {
    match bound {
        Bound::AtMost => "at most",
        Bound::AtLeast => "at least",
    }
}
