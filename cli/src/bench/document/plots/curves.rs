//! Lines over a scale: what an operation costs by the number of tasks or workers, and how waits are
//! distributed. Each line has its name at its end.

use super::{FAINT, GRID, INK, PlotError, colour, text, title};
use crate::bench::document::figures::{Who, power, time};
use crate::bench::report::Row;
use crate::bench::series::EACH;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::{
    ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, LineSeries, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::HPos;
use std::ops::Range;

const SIZE: (u32, u32) = (860, 430);
/// Room for the names.
const RIGHT: u32 = 190;
/// Names are so far from each other at least.
const NAME_STEP: i32 = 17;

/// A line.
pub(in crate::bench::document) struct Line {
    pub(in crate::bench::document) who: Who,
    pub(in crate::bench::document) points: Vec<(f64, f64)>,
}

/// Nanoseconds by a number, which `x` tells of a row; rows without figures leave gaps.
pub(in crate::bench::document) fn lines<'a>(
    rows: impl Iterator<Item = &'a Row>,
    x: impl Fn(&Row) -> u64,
) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let Some(ns) = row.ns_per_op else { continue };
        let point = (x(row) as f64, ns);
        match lines.iter_mut().find(|it| it.who == Who::of(row)) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { who: Who::of(row), points: vec![point] }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

/// The share of the waits, in percent, that are not longer than so many nanoseconds.
pub(in crate::bench::document) fn distributions<'a>(
    rows: impl Iterator<Item = &'a Row>,
) -> Vec<Line> {
    let line = |row: &Row| {
        let waits = row.extra.get(&format!("waits{EACH}"))?.as_array()?;
        let mut waits: Vec<f64> =
            waits.iter().filter_map(|it| it.as_f64()).map(|us| us * 1e3).collect();
        waits.sort_by(f64::total_cmp);
        let share = 100.0 / waits.len() as f64;
        // A wait below 0.1 us is the clock's.
        let point = |(wait, n): (f64, usize)| (f64::max(wait, 100.0), share * n as f64);
        Some(Line { who: Who::of(row), points: waits.into_iter().zip(1..).map(point).collect() })
    };
    rows.filter_map(line).collect()
}

/// Nanoseconds by a number, both in powers of ten.
pub(in crate::bench::document) fn draw_costs(
    name: &str,
    x_name: &str,
    lines: &[Line],
) -> Result<Option<String>, PlotError> {
    let Some((xs, ys)) = bounds(lines) else { return Ok(None) };
    let (x, y) = (xs.log_scale(), (ys.start / 1.4..ys.end * 1.4).log_scale());
    let format = Format { x_name, x: |x| power(x.round() as u64), y: |y| round(*y), dots: true };
    draw(name, lines, x, y, &format).map(Some)
}

/// Percent by nanoseconds.
pub(in crate::bench::document) fn draw_distributions(
    name: &str,
    lines: &[Line],
) -> Result<Option<String>, PlotError> {
    let Some((xs, _)) = bounds(lines) else { return Ok(None) };
    let format = Format {
        x_name: "a runnable task waits at most so long",
        x: |x| round(*x),
        y: |y| format!("{y:.0} %"),
        dots: false,
    };
    draw(name, lines, (xs.start / 1.2..xs.end * 1.2).log_scale(), 0.0..104.0, &format).map(Some)
}

/// A time at a mark of an axis, which is a round one.
fn round(ns: f64) -> String {
    time(ns).replace(".00", "").replace(".0", "")
}

/// The least and the most; no figure, no bounds.
fn bounds(lines: &[Line]) -> Option<(Range<f64>, Range<f64>)> {
    let points = || lines.iter().flat_map(|it| &it.points);
    let range = |it: &dyn Fn(&(f64, f64)) -> f64| {
        Some(points().map(it).reduce(f64::min)?..points().map(it).reduce(f64::max)?)
    };
    Some((range(&|it| it.0)?, range(&|it| it.1)?))
}

struct Format<'a> {
    x_name: &'a str,
    x: fn(&f64) -> String,
    y: fn(&f64) -> String,
    /// Whether the points are shown.
    dots: bool,
}

fn draw<X, Y>(
    name: &str,
    lines: &[Line],
    x: X,
    y: Y,
    format: &Format<'_>,
) -> Result<String, PlotError>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(PlotError::new)?;
        root.draw(&Text::new(name.to_owned(), (24, 28), title(20, INK))).map_err(PlotError::new)?;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(52)
            .margin_left(12)
            .margin_bottom(8)
            .margin_right(RIGHT)
            .x_label_area_size(46)
            .y_label_area_size(66)
            .build_cartesian_2d(x, y)
            .map_err(PlotError::new)?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .axis_style(FAINT)
            .x_desc(format.x_name)
            .axis_desc_style(text(13, FAINT, HPos::Center))
            .x_label_style(text(12, INK, HPos::Center))
            .y_label_style(text(12, INK, HPos::Right))
            .x_label_formatter(&format.x)
            .y_label_formatter(&format.y)
            .draw()
            .map_err(PlotError::new)?;
        let mut ends = Vec::new();
        // Ours last, above the others.
        for line in lines.iter().rev() {
            let width = if line.who.is_ours() { 3 } else { 2 };
            let style = colour(line.who).stroke_width(width);
            let points = line.points.iter().copied();
            chart.draw_series(LineSeries::new(points.clone(), style)).map_err(PlotError::new)?;
            if format.dots {
                let dots = points.map(|at| Circle::new(at, 4, colour(line.who).filled()));
                chart.draw_series(dots).map_err(PlotError::new)?;
            }
            if let Some(last) = line.points.last() {
                ends.push((chart.backend_coord(last), line.who));
            }
        }
        for (at, who) in apart(ends) {
            let ink = colour(who);
            let style = if who.is_ours() { title(13, ink) } else { text(13, ink, HPos::Left) };
            let x = (SIZE.0 - RIGHT) as i32 + 10;
            root.draw(&Text::new(who.name(), (x, at), style)).map_err(PlotError::new)?;
        }
        root.present().map_err(PlotError::new)?;
    }
    Ok(svg)
}

/// Where each name goes: beside the end of its line, or as near as the others let it.
fn apart(mut ends: Vec<((i32, i32), Who)>) -> Vec<(i32, Who)> {
    ends.sort_by_key(|((_, y), _)| *y);
    let lowest = SIZE.1 as i32 - 60;
    let mut places: Vec<(i32, Who)> = Vec::new();
    for ((_, y), who) in ends {
        let least = places.last().map_or(y, |(above, _)| above + NAME_STEP);
        places.push((y.max(least), who));
    }
    // What was pushed below the plot pushes the others up.
    let mut limit = lowest;
    for (y, _) in places.iter_mut().rev() {
        *y = (*y).min(limit);
        limit = *y - NAME_STEP;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{NAME_STEP, SIZE, Who, apart};
    use crate::bench::case::{Mode, Peer};

    #[test]
    fn names_keep_apart_and_within_the_plot() {
        let who = Who { peer: Peer::Tokio, mode: Mode::Own };
        let ends = [100, 101, 102, 367, 369, 370].map(|y| ((0, y), who)).to_vec();
        let places: Vec<i32> = apart(ends).into_iter().map(|(y, _)| y).collect();
        assert_eq!(places[0], 100);
        assert!(places.windows(2).all(|it| it[1] - it[0] >= NAME_STEP), "{places:?}");
        assert!(places.iter().all(|y| *y <= SIZE.1 as i32 - 60), "{places:?}");
    }
}
