//! What an operation costs: one chart a workload, a group of bars for each number of workers.
//!
//! Bars begin at zero and are true to scale, but for those that are so much longer than most that the others
//! could not be told apart: these are cut, and show it.

use super::{FAINT, GRID, INK, PlotError, colour, text, title};
use crate::bench::document::figures::{self, Figure, Who};
use crate::bench::document::goals::{self, Bound};
use crate::bench::report::{self, Row};
use crate::bench::series::median;
use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, IntoDrawingArea, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::TextStyle;
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

/// A letter of a label takes about so much, a bold one too.
const LETTER: f64 = 7.6;

/// The chart of a figure of a workload, or none if nobody has it.
pub(in crate::bench::document) fn draw(
    rows: &[Row],
    workload: &str,
    figure: Figure,
) -> Result<Option<String>, PlotError> {
    let groups: Vec<Group<'_>> = figures::workers(rows, workload)
        .into_iter()
        .filter(|workers| *workers <= 2)
        .map(|workers| Group::of(rows, workload, figure, workers))
        .collect();
    let all: Vec<f64> = groups.iter().flat_map(Group::values).collect();
    let Some(longest) = all.iter().copied().reduce(f64::max) else { return Ok(None) };
    let bound = goals::goal(workload, figure).map_or(Bound::AtMost, |it| it.bound);
    let chart = Chart { workload, figure, bound, full: longest.min(CUT * median(&all)) };

    let lines: usize = groups.iter().map(|it| it.bars.len()).sum();
    let height = HEAD + GROUP_HEAD * groups.len() as i32 + ROW * lines as i32 + 16;
    let mut svg = String::new();
    {
        let size = (WIDTH as u32, height as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(PlotError::new)?;
        chart.head(&root, &groups)?;
        let mut top = HEAD;
        for group in &groups {
            chart.group(&root, top, group)?;
            top += GROUP_HEAD + ROW * group.bars.len() as i32;
        }
        root.present().map_err(PlotError::new)?;
    }
    Ok(Some(svg))
}

/// Those with the same number of workers.
struct Group<'a> {
    workers: usize,
    /// None has failed, or does not have the figure.
    bars: Vec<(&'a Row, Option<f64>)>,
    /// What is marked by a line across the bars.
    marks: Vec<(&'static str, RGBColor, f64)>,
}

impl<'a> Group<'a> {
    fn of(rows: &'a [Row], workload: &'a str, figure: Figure, workers: usize) -> Group<'a> {
        let bars = figures::of(rows, workload, workers).map(|row| (row, figure.of(row, rows)));
        let goal = goals::goal(workload, figure).and_then(|it| it.bound_for(workers));
        let limit = goals::limit(rows, workload, figure, workers);
        let marks = [("goal", GOAL, goal), ("limit", INK, limit)];
        let marks = marks.into_iter().filter_map(|(name, ink, at)| Some((name, ink, at?)));
        Group { workers, bars: bars.collect(), marks: marks.collect() }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.bars.iter().filter_map(|(_, value)| *value)
    }
}

struct Chart<'a> {
    workload: &'a str,
    figure: Figure,
    bound: Bound,
    /// What a bar of full length stands for.
    full: f64,
}

impl Chart<'_> {
    fn x(&self, value: f64) -> i32 {
        BAR_X + (value / self.full * f64::from(BAR_WIDTH)).clamp(0.0, f64::from(BAR_WIDTH)) as i32
    }

    fn is_cut(&self, value: f64) -> bool {
        value > self.full * 1.001
    }

    fn head(&self, root: &Area<'_>, groups: &[Group<'_>]) -> Result<(), PlotError> {
        draw_text(root, self.workload, (24, 28), title(22, INK))?;
        let better = match self.bound {
            Bound::AtMost => "shorter is better",
            Bound::AtLeast => "longer is better",
        };
        let mut what = format!("{}, {better}", self.figure.name());
        if groups.iter().flat_map(|it| &it.bars).any(|(row, _)| self.runs(row).is_some()) {
            what += "; whiskers from the quickest run to the slowest";
        }
        draw_text(root, &what, (24, 54), text(13, FAINT, HPos::Left))?;
        let mut x = WIDTH - 178;
        for (name, ink) in [("goal", GOAL), ("limit", INK)] {
            if groups.iter().flat_map(|it| &it.marks).any(|it| it.0 == name && !self.is_cut(it.2)) {
                line(root, &[(x, 20), (x, 36)], ink, 2)?;
                draw_text(root, name, (x + 9, 28), text(13, FAINT, HPos::Left))?;
            }
            x += 80;
        }
        Ok(())
    }

    fn group(&self, root: &Area<'_>, top: i32, group: &Group<'_>) -> Result<(), PlotError> {
        let name = match group.workers {
            1 => "1 worker".to_owned(),
            workers => format!("{workers} workers"),
        };
        draw_text(root, &name, (24, top + 14), title(14, INK))?;
        let (first, last) =
            (top + GROUP_HEAD - 6, top + GROUP_HEAD + ROW * group.bars.len() as i32 - 4);
        line(root, &[(BAR_X, first), (BAR_X, last)], GRID, 2)?;
        let places = (0..).map(|n| top + GROUP_HEAD + ROW * n);
        let bars = || group.bars.iter().zip(places.clone());
        for ((row, value), y) in bars() {
            if let Some(value) = value {
                self.bar(root, y, row, *value)?;
            }
        }
        for (_, ink, at) in group.marks.iter().filter(|it| !self.is_cut(it.2)) {
            line(root, &[(self.x(*at), first), (self.x(*at), last)], *ink, 2)?;
        }
        // Above the marks, so that it can be read where one goes through it.
        for ((row, value), y) in bars() {
            self.label(root, y + BAR_HEIGHT / 2, row, *value)?;
        }
        Ok(())
    }

    fn bar(&self, root: &Area<'_>, y: i32, row: &Row, value: f64) -> Result<(), PlotError> {
        let end = self.x(value).max(BAR_X + 2);
        let filled = colour(Who::of(row)).filled();
        root.draw(&Rectangle::new([(BAR_X, y), (end, y + BAR_HEIGHT)], filled))
            .map_err(PlotError::new)?;
        if self.is_cut(value) {
            for x in [end - 26, end - 18] {
                line(root, &[(x, y + BAR_HEIGHT + 2), (x + 6, y - 2)], WHITE, 3)?;
            }
        } else if let Some((least, most)) = self.runs(row) {
            let (from, to, y) = (self.x(least), self.x(most), y + BAR_HEIGHT / 2);
            line(root, &[(from, y), (to, y)], INK, 1)?;
            for x in [from, to] {
                line(root, &[(x, y - 3), (x, y + 3)], INK, 1)?;
            }
        }
        Ok(())
    }

    /// The quickest run and the slowest, if there was more than one and it is their time that is shown.
    fn runs(&self, row: &Row) -> Option<(f64, f64)> {
        let runs = row.extra.get("runs_ns").filter(|_| self.figure == Figure::Time)?.as_array()?;
        let runs: Vec<f64> = runs.iter().filter_map(|it| it.as_f64()).collect();
        let (least, most) =
            (runs.iter().copied().reduce(f64::min)?, runs.iter().copied().reduce(f64::max)?);
        (runs.len() > 1).then_some((least, most))
    }

    fn label(
        &self,
        root: &Area<'_>,
        middle: i32,
        row: &Row,
        value: Option<f64>,
    ) -> Result<(), PlotError> {
        let who = Who::of(row);
        let style = |ink| if who.is_ours() { title(13, INK) } else { text(13, ink, HPos::Left) };
        draw_text(root, &who.name(), (24, middle), style(FAINT))?;
        let (what, after, ink) = match value {
            Some(value) => {
                let runs = self.runs(row).filter(|_| !self.is_cut(value));
                let end = runs.map_or(value, |(_, most)| value.max(most));
                (self.figure.text(value), self.x(end).max(BAR_X + 2), INK)
            }
            None => (report::why_failed(row).unwrap_or("-".to_owned()), BAR_X, FAINT),
        };
        let wide = (what.chars().count() as f64 * LETTER) as i32;
        let behind = [(after + 5, middle - 8), (after + 11 + wide, middle + 8)];
        root.draw(&Rectangle::new(behind, WHITE.filled())).map_err(PlotError::new)?;
        draw_text(root, &what, (after + 8, middle), style(ink))
    }
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
    style: TextStyle<'static>,
) -> Result<(), PlotError> {
    root.draw(&Text::new(what.to_owned(), at, style)).map_err(PlotError::new)
}
