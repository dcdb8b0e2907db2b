//! Durations as the examples print them.

use std::time::Duration;

/// A duration in the unit that fits it, with three digits.
pub(crate) fn time(duration: Duration) -> String {
    let ns = duration.as_nanos() as f64;
    // What would be rounded to 1000 of a unit is 1.00 of the next.
    let (value, unit) = match ns {
        0.0..1e3 => return format!("{ns} ns"),
        1e3..999.5e3 => (ns / 1e3, "µs"),
        999.5e3..999.5e6 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let digits = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}
