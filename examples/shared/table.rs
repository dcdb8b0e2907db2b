//! Tables and counts as the examples print them.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

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
