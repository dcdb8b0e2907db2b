//! What an operation costs: one chart a workload, a group of bars for each number of workers.
//!
//! Bars begin at zero and are true to scale, but for those that are so much longer than most that the others
//! could not be told apart: these are cut, and show it.

use super::{FAINT, GRID, INK, PlotError, colour, text, title};
use crate::bench::document::figures::{self, Who, time};
use crate::bench::document::goals::{self, Figure};
use crate::bench::report::Row;
use crate::bench::series::median;
use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, IntoDrawingArea, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::HPos;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: i32 = 860;
const BAR_X: i32 = 170;
const BAR_WIDTH: i32 = 540;
const ROW: i32 = 27;
const BAR_HEIGHT: i32 = 17;
const HEAD: i32 = 74;
const GROUP_HEAD: i32 = 34;

/// Longer than so many times the middle bar is cut.
const CUT: f64 = 5.0;

const GOAL: RGBColor = RGBColor(34, 139, 84);

/// The chart of a workload, or none if nobody has a figure.
pub(in crate::bench::document) fn draw(
    rows: &[Row],
    workload: &str,
) -> Result<Option<String>, PlotError> {
    let groups: Vec<(usize, Vec<&Row>)> = figures::workers(rows, workload)
        .into_iter()
        .filter(|workers| *workers <= 2)
        .map(|workers| (workers, figures::of(rows, workload, workers).collect()))
        .collect();
    let all: Vec<f64> =
        groups.iter().flat_map(|(_, rows)| rows).filter_map(|it| it.ns_per_op).collect();
    let Some(longest) = all.iter().copied().reduce(f64::max) else { return Ok(None) };
    let scale = Scale { full: longest.min(CUT * median(&all)) };

    let lines: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let height = HEAD + GROUP_HEAD * groups.len() as i32 + ROW * lines as i32 + 16;
    let mut svg = String::new();
    {
        let size = (WIDTH as u32, height as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(PlotError::new)?;
        head(&root, workload)?;
        let mut y = HEAD;
        for (workers, rows) in &groups {
            y = group(&root, y, workload, *workers, rows, &scale)?;
        }
        root.present().map_err(PlotError::new)?;
    }
    Ok(Some(svg))
}

struct Scale {
    /// What a bar of full length stands for.
    full: f64,
}

impl Scale {
    fn x(&self, ns: f64) -> i32 {
        BAR_X + (ns / self.full * f64::from(BAR_WIDTH)).min(f64::from(BAR_WIDTH)) as i32
    }

    fn is_cut(&self, ns: f64) -> bool {
        ns > self.full * 1.001
    }
}

fn head(root: &Area<'_>, workload: &str) -> Result<(), PlotError> {
    draw_text(root, workload, (24, 28), title(22, INK))?;
    let what =
        "time per operation, shorter is better; whiskers from the quickest run to the slowest";
    draw_text(root, what, (24, 54), text(13, FAINT, HPos::Left))?;
    let mut x = WIDTH - 178;
    for (name, colour) in [("goal", GOAL), ("limit", INK)] {
        line(root, &[(x, 20), (x, 36)], colour, 2)?;
        draw_text(root, name, (x + 9, 28), text(13, FAINT, HPos::Left))?;
        x += 80;
    }
    Ok(())
}

/// Returns where the next one begins.
fn group(
    root: &Area<'_>,
    top: i32,
    workload: &str,
    workers: usize,
    rows: &[&Row],
    scale: &Scale,
) -> Result<i32, PlotError> {
    let name = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
    draw_text(root, &name, (24, top + 14), title(14, INK))?;
    let (first, last) = (top + GROUP_HEAD - 6, top + GROUP_HEAD + ROW * rows.len() as i32 - 4);
    line(root, &[(BAR_X, first), (BAR_X, last)], GRID, 2)?;
    for (row, y) in rows.iter().zip((0..).map(|n| top + GROUP_HEAD + ROW * n)) {
        bar(root, y, row, scale)?;
    }
    let goal = goals::GOALS
        .iter()
        .find(|it| it.workload == workload && it.figure == Figure::Time)
        .and_then(|it| it.bound_for(workers));
    for (bound, colour) in [(goal, GOAL), (goals::limit(workload, workers), INK)] {
        if let Some(ns) = bound.filter(|ns| !scale.is_cut(*ns)) {
            line(root, &[(scale.x(ns), first), (scale.x(ns), last)], colour, 2)?;
        }
    }
    Ok(top + GROUP_HEAD + ROW * rows.len() as i32)
}

fn bar(root: &Area<'_>, y: i32, row: &Row, scale: &Scale) -> Result<(), PlotError> {
    let who = Who::of(row);
    let middle = y + BAR_HEIGHT / 2;
    let ink = if who.is_ours() { INK } else { FAINT };
    let label = if who.is_ours() { title(13, INK) } else { text(13, ink, HPos::Left) };
    draw_text(root, &who.name(), (24, middle), label)?;
    let Some(ns) = row.ns_per_op else {
        return draw_text(root, "failed", (BAR_X + 8, middle), text(13, FAINT, HPos::Left));
    };
    let end = scale.x(ns).max(BAR_X + 2);
    let filled = colour(who).filled();
    root.draw(&Rectangle::new([(BAR_X, y), (end, y + BAR_HEIGHT)], filled))
        .map_err(PlotError::new)?;
    let mut after = end;
    if scale.is_cut(ns) {
        for x in [end - 26, end - 18] {
            line(root, &[(x, y + BAR_HEIGHT + 2), (x + 6, y - 2)], WHITE, 3)?;
        }
    } else {
        after = after.max(whisker(root, middle, row, scale)?);
    }
    let label = if who.is_ours() { title(13, INK) } else { text(13, INK, HPos::Left) };
    draw_text(root, &time(ns), (after + 8, middle), label)
}

/// Returns where it ends.
fn whisker(root: &Area<'_>, y: i32, row: &Row, scale: &Scale) -> Result<i32, PlotError> {
    let runs = row.extra.get("runs_ns").and_then(|it| it.as_array());
    let runs: Vec<f64> = runs.into_iter().flatten().filter_map(|it| it.as_f64()).collect();
    let (Some(least), Some(most)) =
        (runs.iter().copied().reduce(f64::min), runs.iter().copied().reduce(f64::max))
    else {
        return Ok(0);
    };
    let (from, to) = (scale.x(least), scale.x(most));
    line(root, &[(from, y), (to, y)], INK, 1)?;
    for x in [from, to] {
        line(root, &[(x, y - 3), (x, y + 3)], INK, 1)?;
    }
    Ok(to)
}

fn line(
    root: &Area<'_>,
    points: &[(i32, i32)],
    colour: RGBColor,
    width: u32,
) -> Result<(), PlotError> {
    let style = colour.stroke_width(width);
    root.draw(&PathElement::new(points.to_vec(), style)).map_err(PlotError::new)
}

fn draw_text(
    root: &Area<'_>,
    what: &str,
    at: (i32, i32),
    style: plotters::style::TextStyle<'static>,
) -> Result<(), PlotError> {
    root.draw(&Text::new(what.to_owned(), at, style)).map_err(PlotError::new)
}
