//! Tables and figures as the examples print them.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::time::Duration;

/// An empty table with these column heads. The columns from `first_number` on are numbers, and stand
/// to the right.
pub(crate) fn table(heads: &[&str], first_number: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heads);
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A duration in the unit that fits it, with three digits.
pub(crate) fn time(duration: Duration) -> String {
    let ns = duration.as_nanos() as f64;
    let (value, unit) = match ns {
        0.0..1e3 => return format!("{ns} ns"),
        1e3..1e6 => (ns / 1e3, "µs"),
        1e6..1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let digits = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.digits$} {unit}")
}

/// A count with its thousands set apart.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
