//! The tables' places in the page `docs/SCALING.md`: each between a mark that names it and the next `<!-- end -->`.
//!
//! They are simulated for costs that are written down here and in the page, so that they come out the same on every
//! machine; a test holds the page against them.

use crate::machine::Costs;
use crate::tables::{self, LOADS, Simulated};
use std::path::Path;
use std::{fs, io};

/// Of a machine larger than the one at hand.
const COSTS: Costs =
    Costs { look: 1, own: 2, transfer: 100, hold: 4, wake: 1_400, until_awake: 6_000 };

const WORKERS: [usize; 6] = [8, 16, 32, 64, 128, 256];

const END: &str = "<!-- end -->";

/// Simulates, and writes what comes out into the page.
///
/// # Errors
/// The page cannot be read or written, or a mark is missing in it.
pub(crate) fn write(path: &Path) -> io::Result<()> {
    let mut page = fs::read_to_string(path)?;
    for load in &LOADS {
        let (from, to) = place(&page, load.name).map_err(io::Error::other)?;
        page.replace_range(from..to, &table(load, &WORKERS));
    }
    fs::write(path, page)
}

fn table(load: &Simulated, workers: &[usize]) -> String {
    tables::in_short(load, workers, &COSTS)
}

/// Where the table of this name is.
fn place(page: &str, name: &str) -> Result<(usize, usize), String> {
    let mark = format!("<!-- simulated: {name} -->\n");
    let from = page.find(&mark).ok_or_else(|| format!("expected a line {}", mark.trim()))?;
    let from = from + mark.len();
    let length = page[from..].find(END).ok_or_else(|| format!("expected {END} after {name}"))?;
    Ok((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::{LOADS, WORKERS, place, table};

    const PAGE: &str = include_str!("../../../docs/SCALING.md");

    #[test]
    fn the_page_has_what_the_simulation_says() {
        // The lines of many workers take long, and longer without optimization.
        let workers = if cfg!(debug_assertions) { &WORKERS[..2] } else { &WORKERS };
        for load in &LOADS {
            let (from, to) = place(PAGE, load.name).unwrap();
            let found: Vec<&str> = PAGE[from..to].lines().take(2 + workers.len()).collect();
            let expected = table(load, workers);
            assert_eq!(
                found,
                expected.lines().collect::<Vec<_>>(),
                "`cargo run --release -p sortie-scaling -- --write docs/SCALING.md`"
            );
        }
    }

    #[test]
    fn a_page_without_marks_is_refused_by_name() {
        assert!(place("", "tree").unwrap_err().contains("<!-- simulated: tree -->"));
        let error = place("<!-- simulated: tree -->\n", "tree").unwrap_err();
        assert!(error.contains("<!-- end --> after tree"), "{error}");
    }
}
