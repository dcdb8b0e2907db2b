//! One workload at a time: its definition, its chart, its table; and the curves over several.

use super::figures::{self, Figure, Who, power, time, times};
use super::goals::{self, Bound};
use super::plots::{PlotError, bars, curves};
use super::{Plot, paragraph};
use crate::bench::report::{self, Row};
use crate::bench::workload::{self, Workload};
use std::fmt::Write as _;

pub(super) fn workload(
    rows: &[Row],
    workload: &Workload,
    plots: &mut Vec<Plot>,
) -> Result<String, PlotError> {
    let name = workload.name;
    let mut text =
        format!("\n### {name}\n\n{}", paragraph(&format!("{}.", capital(workload.definition))));
    for figure in charted(name) {
        let file = match figure {
            Figure::Further(key) if figure != goals::main_figure(name) => format!("{name}-{key}"),
            _ => name.to_owned(),
        };
        let what = format!("{name}: {} of each runtime", figure.name());
        text += &shown(&what, &file, bars::draw(rows, name, figure)?, plots);
    }
    for workers in figures::workers(rows, name).into_iter().filter(|it| *it <= 2) {
        let _ = write!(
            text,
            "\n| workers: {workers} | time | spread | of the best peer | further |\n|---|---|---|---|---|\n"
        );
        let best = figures::best_peer(rows, name, Figure::Time, Bound::AtMost, workers);
        let best = best.map(|(_, ns)| ns);
        for row in figures::of(rows, name, workers) {
            text += &line(row, best);
        }
    }
    Ok(text)
}

/// What is drawn of a workload: what stands for it, and what else there is a goal for that all can be asked for.
fn charted(workload: &str) -> impl Iterator<Item = Figure> {
    let main = goals::main_figure(workload);
    let of_all =
        |it: &Figure| !matches!(it, Figure::OverCorosensei | Figure::Further("over_plain_ns"));
    let goals = goals::GOALS.iter().filter(move |it| it.workload == workload).map(|it| it.figure);
    std::iter::once(main).chain(goals.filter(of_all).filter(move |it| *it != main))
}

fn line(row: &Row, best: Option<f64>) -> String {
    let who = Who::of(row).name();
    let further = report::further(row).replace('|', "/");
    let Some(ns) = row.ns_per_op else {
        return format!("| {who} | failed | | | {further} |\n");
    };
    let spread = row.spread.map_or("-".to_owned(), |spread| format!("{:.0} %", spread * 100.0));
    let ratio = best.filter(|it| *it > 0.0).map_or("-".to_owned(), |it| times(ns / it));
    format!("| {who} | {} | {spread} | {ratio} | {further} |\n", time(ns))
}

/// What is measured over a scale.
pub(super) fn curves(rows: &[Row], plots: &mut Vec<Plot>) -> Result<String, PlotError> {
    let mut text = String::new();
    for workload in workload::ALL {
        let name = workload.name;
        if let Some(usual) = workload.tasks
            && rows.iter().any(|it| it.workload == name && it.tasks.is_some())
        {
            let tasks = |row: &Row| row.tasks.unwrap_or(usual);
            let with_one = rows.iter().filter(|it| it.workload == name && it.workers == 1);
            let lines = curves::lines(with_one, tasks);
            let head = format!("{name}: time per operation, by the number of tasks, on 1 worker");
            text += &curve(&head, &format!("{name}-tasks"), "tasks", &lines, plots)?;
        }
    }
    for name in workload::ALL.iter().map(|it| it.name) {
        if figures::workers(rows, name).iter().any(|it| *it > 2) {
            let usual = rows.iter().filter(|it| it.workload == name && it.tasks.is_none());
            let lines = curves::lines(usual, |row| row.workers as u64);
            let head = format!("{name}: time per operation, by the number of workers");
            text += &curve(&head, &format!("{name}-workers"), "workers", &lines, plots)?;
        }
    }
    let stall = curves::distributions(figures::of(rows, "stall", 1));
    let head = "stall: how long a runnable task waits behind a call that sleeps 2 ms, on 1 worker";
    let plot = curves::draw_distributions(head, &stall)?;
    text += &shown(head, "stall-waits", plot, plots);
    if text.is_empty() { Ok(text) } else { Ok(format!("\n## Over a scale\n{text}")) }
}

/// A plot of costs, and its figures as a table.
fn curve(
    head: &str,
    file: &str,
    x_name: &str,
    lines: &[curves::Line],
    plots: &mut Vec<Plot>,
) -> Result<String, PlotError> {
    let mut text = shown(head, file, curves::draw_costs(head, x_name, lines)?, plots);
    let mut xs: Vec<u64> = lines.iter().flat_map(|it| &it.points).map(|it| it.0 as u64).collect();
    xs.sort_unstable();
    xs.dedup();
    let heads: String = xs.iter().map(|x| format!(" {} |", power(*x))).collect();
    let _ = write!(text, "\n| {x_name} |{heads}\n|---|{}\n", "---|".repeat(xs.len()));
    for line in lines {
        let cell = |x: &u64| match line.points.iter().find(|it| it.0 as u64 == *x) {
            Some((_, ns)) => time(*ns),
            None if line.failed.iter().any(|it| *it as u64 == *x) => "failed".to_owned(),
            None => "-".to_owned(),
        };
        let cells: String = xs.iter().map(|x| format!(" {} |", cell(x))).collect();
        let _ = writeln!(text, "| {} |{cells}", line.who.name());
    }
    Ok(text)
}

/// Keeps a plot as a file, and shows it.
fn shown(what: &str, file: &str, svg: Option<String>, plots: &mut Vec<Plot>) -> String {
    let Some(svg) = svg else { return String::new() };
    let name = format!("{file}.svg");
    let text = format!("\n![{what}]({name})\n");
    plots.push(Plot { name, svg });
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
