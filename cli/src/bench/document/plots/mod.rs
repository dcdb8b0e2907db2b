//! The plots, as SVG: what they all look like.
//!
//! - `bars`: what an operation costs, one chart a workload.
//! - `curves`: how that changes with the number of tasks, or of workers; and the distribution of waits.
//!
//! Each runtime has the same colour everywhere, ours the warm ones.

pub(super) mod bars;
pub(super) mod curves;

use super::figures::Who;
use crate::bench::case::{Mode, Peer};
use plotters::prelude::{Color, IntoFont, RGBColor};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle};
use std::error::Error;
use std::fmt;

/// A plot that could not be drawn.
#[derive(Debug)]
pub(crate) struct PlotError(String);

impl PlotError {
    fn new(error: impl Error) -> PlotError {
        PlotError(error.to_string())
    }
}

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a plot could not be drawn: {}", self.0)
    }
}

impl Error for PlotError {}

const INK: RGBColor = RGBColor(38, 44, 54);
const FAINT: RGBColor = RGBColor(118, 126, 138);
const GRID: RGBColor = RGBColor(228, 231, 235);

fn colour(who: Who) -> RGBColor {
    match (who.peer, who.mode) {
        (Peer::Sortie, Mode::Migrating) => RGBColor(244, 162, 97),
        (Peer::Sortie, _) => RGBColor(217, 72, 38),
        (Peer::Corosensei, _) => RGBColor(84, 92, 104),
        (Peer::May, _) => RGBColor(158, 118, 172),
        (Peer::TokioCt, _) => RGBColor(126, 176, 213),
        (Peer::Tokio, _) => RGBColor(53, 107, 163),
        (Peer::Smol, _) => RGBColor(92, 158, 122),
        (Peer::Rayon, _) => RGBColor(167, 142, 98),
        (Peer::Go, _) => RGBColor(60, 175, 187),
    }
}

const FAMILY: &str = "Helvetica, Arial, sans-serif";

/// Text whose left or right end, or middle, is at a point, half way up.
fn text(size: u32, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    TextStyle {
        font: (FAMILY, size).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(side, VPos::Center),
    }
}

/// The same, from its left end, that stands out.
fn title(size: u32, colour: RGBColor) -> TextStyle<'static> {
    let plain = text(size, colour, HPos::Left);
    TextStyle { font: plain.font.style(FontStyle::Bold), ..plain }
}
