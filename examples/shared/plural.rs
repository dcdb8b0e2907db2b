//! Counts of things as the examples print them.

use crate::table::count;

/// `1 file`, `2,000 files`.
pub(crate) fn several(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(number))
}
