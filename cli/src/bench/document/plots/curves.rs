//! Lines over a scale: what an operation costs by the number of tasks or workers, and how waits are
//! distributed. Each line has its name at its end; one that ends early says why.

use super::{FAINT, GRID, INK, PlotError, colour, text, title};
use crate::bench::document::figures::{Who, power, time};
use crate::bench::report::Row;
use crate::bench::series::EACH;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::{
    ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, LineSeries, Rectangle, SVGBackend,
    Text, WHITE,
};
use plotters::style::text_anchor::HPos;
use std::ops::Range;

const SIZE: (u32, u32) = (860, 430);
/// Room for the names.
const RIGHT: u32 = 190;
/// Beside the plot.
const COLUMN: i32 = (SIZE.0 - RIGHT) as i32;
/// Names are so far from each other at least.
const NAME_STEP: i32 = 17;

/// A letter of a name takes about so much.
const LETTER: f64 = 7.6;

/// A line.
pub(in crate::bench::document) struct Line {
    pub(in crate::bench::document) who: Who,
    pub(in crate::bench::document) points: Vec<(f64, f64)>,
    /// Where it was measured and there is no figure.
    pub(in crate::bench::document) failed: Vec<f64>,
}

impl Line {
    fn new(who: Who) -> Line {
        Line { who, points: Vec::new(), failed: Vec::new() }
    }

    fn name(&self) -> String {
        let last = self.points.last().map_or(0.0, |it| it.0);
        let ends_early = self.failed.iter().any(|it| *it > last);
        if ends_early { format!("{}, fails beyond", self.who.name()) } else { self.who.name() }
    }
}

/// Nanoseconds by a number, which `x` tells of a row.
pub(in crate::bench::document) fn lines<'a>(
    rows: impl Iterator<Item = &'a Row>,
    x: impl Fn(&Row) -> u64,
) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let n = lines.iter().position(|it| it.who == Who::of(row)).unwrap_or_else(|| {
            lines.push(Line::new(Who::of(row)));
            lines.len() - 1
        });
        let x = x(row) as f64;
        match row.ns_per_op {
            Some(ns) => lines[n].points.push((x, ns)),
            None => lines[n].failed.push(x),
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
        let points = waits.into_iter().zip(1..).map(point).collect();
        Some(Line { points, ..Line::new(Who::of(row)) })
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
    let format = Format {
        x_name,
        y_name: "time per operation",
        x: |x| power(x.round() as u64),
        y: |y| round(*y),
        dots: true,
    };
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
        y_name: "share of the waits",
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
    y_name: &'a str,
    x: fn(&f64) -> String,
    y: fn(&f64) -> String,
    /// Whether the points are shown, few as they are, and each name stands at its line's last one. Else names stand in
    /// a column, in the order of the lines' middles.
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
            .y_label_area_size(84)
            .build_cartesian_2d(x, y)
            .map_err(PlotError::new)?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .axis_style(FAINT)
            .x_desc(format.x_name)
            .y_desc(format.y_name)
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
                let middle = chart.backend_coord(&line.points[line.points.len() / 2]).0;
                let (x, y) = chart.backend_coord(last);
                let (x, rank) = if format.dots { (x, y) } else { (COLUMN, middle) };
                ends.push(End { x, y, rank, name: line.name(), who: line.who });
            }
        }
        for End { x, y, name, who, .. } in apart(ends) {
            let ink = colour(who);
            let style = if who.is_ours() { title(13, ink) } else { text(13, ink, HPos::Left) };
            // Lines of others may go behind the name of one that ends early.
            let behind = [(x + 9, y - 8), (x + 11 + (name.len() as f64 * LETTER) as i32, y + 8)];
            root.draw(&Rectangle::new(behind, WHITE.filled())).map_err(PlotError::new)?;
            root.draw(&Text::new(name, (x + 10, y), style)).map_err(PlotError::new)?;
        }
        root.present().map_err(PlotError::new)?;
    }
    Ok(svg)
}

/// The end of a line, and what stands beside it.
struct End {
    x: i32,
    y: i32,
    /// Those with less stand above.
    rank: i32,
    name: String,
    who: Who,
}

/// Moves names up and down so that those at the same place can be read: each as near to the end of its line as the
/// others let it.
fn apart(mut ends: Vec<End>) -> Vec<End> {
    ends.sort_by_key(|it| (it.x, it.rank));
    let lowest = SIZE.1 as i32 - 60;
    for column in ends.chunk_by_mut(|a, b| a.x == b.x) {
        let mut least = i32::MIN;
        for end in column.iter_mut() {
            end.y = end.y.max(least);
            least = end.y + NAME_STEP;
        }
        // What was pushed below the plot pushes the others up.
        let mut most = lowest;
        for end in column.iter_mut().rev() {
            end.y = end.y.min(most);
            most = end.y - NAME_STEP;
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::{End, Line, NAME_STEP, SIZE, Who, apart};
    use crate::bench::case::{Mode, Peer};

    const WHO: Who = Who { peer: Peer::Tokio, mode: Mode::Own };

    #[test]
    fn names_keep_apart_and_within_the_plot() {
        let end = |(x, y)| End { x, y, rank: y, name: "tokio".to_owned(), who: WHO };
        let ends = [(9, 100), (9, 101), (9, 102), (9, 367), (9, 369), (9, 370), (5, 101)];
        let ends = apart(ends.map(end).into());
        assert_eq!((ends[0].x, ends[0].y), (5, 101), "nobody else is there");
        let places: Vec<i32> = ends[1..].iter().map(|it| it.y).collect();
        assert_eq!(places[0], 100);
        assert!(places.windows(2).all(|it| it[1] - it[0] >= NAME_STEP), "{places:?}");
        assert!(places.iter().all(|y| *y <= SIZE.1 as i32 - 60), "{places:?}");
    }

    #[test]
    fn a_line_that_ends_early_says_so() {
        let line = |failed: &[f64]| Line {
            points: vec![(1.0, 9.0), (10.0, 9.0)],
            failed: failed.to_vec(),
            ..Line::new(WHO)
        };
        assert_eq!(line(&[]).name(), "tokio");
        assert_eq!(line(&[100.0]).name(), "tokio, fails beyond");
        assert_eq!(line(&[5.0]).name(), "tokio");
    }
}
