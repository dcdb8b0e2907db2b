//! The report: a page of text with tables, and the plots that it shows.
//!
//! - `goals`: what Sortie must reach, and what the machine allows. `machine`: where it was measured.
//! - `figures`: rows, by who does what; how a figure is written.
//! - `summary`: the tables that hold ours against goals and peers. `details`: a workload at a time.
//! - `plots`: the SVG files.

mod details;
mod figures;
mod goals;
mod machine;
mod plots;
mod summary;

pub(crate) use plots::PlotError;

use super::report::Row;
use super::{estimate, workload};
use crate::output::wrapped;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The page's name.
pub(super) const PAGE: &str = "BENCHMARKS.md";

/// Columns of a line of text.
const WIDTH: usize = 120;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum ReportError {
    File { path: PathBuf, error: io::Error },
    Plot(PlotError),
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReportError::File { path, error } => write!(f, "{}: {error}", path.display()),
            ReportError::Plot(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReportError {}

/// Writes the report on these rows into a directory, which is made if it is not there: with the command that asked
/// for it, and how long they took. Returns the page's path.
pub(crate) fn write(
    directory: &Path,
    rows: &[Row],
    asked: &str,
    took: Option<Duration>,
) -> Result<PathBuf, ReportError> {
    let file = |path: &Path, error| ReportError::File { path: path.to_owned(), error };
    std::fs::create_dir_all(directory).map_err(|error| file(directory, error))?;
    let (page, plots) = render(rows, asked, took).map_err(ReportError::Plot)?;
    for Plot { name, svg } in plots {
        let path = directory.join(name);
        std::fs::write(&path, svg).map_err(|error| file(&path, error))?;
    }
    let path = directory.join(PAGE);
    std::fs::write(&path, page).map_err(|error| file(&path, error))?;
    Ok(path)
}

/// A file beside the page.
struct Plot {
    name: String,
    svg: String,
}

fn render(
    rows: &[Row],
    asked: &str,
    took: Option<Duration>,
) -> Result<(String, Vec<Plot>), PlotError> {
    let mut page = head(asked, took);
    let mut plots = Vec::new();
    page += &summary::against_peers(rows);
    page += &summary::goals(rows);
    page += "\n## One workload at a time\n";
    for workload in workload::ALL {
        if rows.iter().any(|it| it.workload == workload.name) {
            page += &details::workload(rows, workload, &mut plots)?;
        }
    }
    page += &details::curves(rows, &mut plots)?;
    Ok((page, plots))
}

fn head(asked: &str, took: Option<Duration>) -> String {
    let took = took.map_or(String::new(), |it| format!(" It took {}.", estimate::text(it)));
    let mut text = format!(
        "# Benchmarks\n\nThis page and its plots were written by\n\n```text\n{asked}\n```\n\n{BUILT}{took}\n\n"
    );
    text += HOW_TO_READ;
    text += "\n| | |\n|---|---|\n";
    for (name, what) in machine::lines() {
        let _ = writeln!(text, "| {name} | {what} |");
    }
    text
}

/// A paragraph of the page, in lines of no more than [`WIDTH`] columns.
fn paragraph(text: &str) -> String {
    wrapped(text, WIDTH).into_iter().map(|line| line + "\n").collect()
}

const BUILT: &str =
    "`cargo run --release -p sortie-cli --features peers -- bench ..` builds and runs it.";

const HOW_TO_READ: &str = "\
Each figure is the median of runs, each in a fresh process which warms up first and is bound to as many processors as
it has workers. Those who do the same work take turns, so that all meet the same noise; *spread* is (slowest -
fastest) / median. Compare ratios, not times: these are one machine's.

All do the same work, as their users would write it, with values that are checked. *pinned* is Sortie as safe code
has it, where a started task stays on its thread; *migrating* lets started tasks be stolen, as the peers do that can.
`tokio_ct` is tokio's scheduler of one thread; `smol` is `async-executor` with its sisters; `rayon`'s tasks cannot
suspend; `corosensei` is the raw coroutine with a loop around it, and no runtime. Peers that cannot do a workload
are not in its table; one that crashed or hung is, and why.
";

#[cfg(test)]
mod tests {
    use super::{WIDTH, render, write};
    use crate::bench::case::{Case, Mode, Peer};
    use crate::bench::report::Row;
    use serde_json::json;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(1300);

    fn row(peer: Peer, mode: Mode, workload: &str, workers: usize, ns: Option<f64>) -> Row {
        let mut row = Row::empty(&Case {
            peer,
            mode,
            workload: workload.to_owned(),
            workers,
            tasks: None,
            ops: 1000,
            may_shorten: true,
            pin: true,
        });
        row.ns_per_op = ns;
        row.spread = ns.map(|_| 0.1);
        match ns {
            Some(ns) => row.extra.insert("runs_ns".to_owned(), json!([ns * 0.95, ns, ns * 1.05])),
            None => row.extra.insert("error".to_owned(), json!("it hung | and\nhung")),
        };
        row
    }

    fn rows() -> Vec<Row> {
        use Mode::{Migrating, Own, Pinned};
        let mut rows = vec![
            row(Peer::Sortie, Pinned, "yield1k", 1, Some(20.0)),
            row(Peer::Sortie, Migrating, "yield1k", 1, Some(21.0)),
            row(Peer::Tokio, Own, "yield1k", 1, Some(80.0)),
            row(Peer::Smol, Own, "yield1k", 1, Some(40.0)),
            row(Peer::May, Own, "yield1k", 1, None),
            row(Peer::Sortie, Pinned, "yield1k", 2, Some(28.0)),
            row(Peer::Smol, Own, "yield1k", 2, Some(14.0)),
            row(Peer::Sortie, Pinned, "stall", 1, Some(9000.0)),
        ];
        rows[1].spread = None;
        rows[7].extra.insert("waits_each_us".to_owned(), json!([1.0, 9.0, 20.0]));
        for (tasks, ns) in [(10_000, 30.0), (1_000_000, 99.0)] {
            let mut more = row(Peer::Sortie, Pinned, "yield1k", 1, Some(ns));
            more.tasks = Some(tasks);
            rows.push(more);
        }
        rows
    }

    #[test]
    fn the_page_holds_ours_against_goals_limits_and_the_best_peer() {
        let (page, plots) = render(&rows(), "sortie bench --report x", Some(LONG)).unwrap();
        let line = |start: &str| page.lines().find(|it| it.starts_with(start)).unwrap_or_default();
        // 20 of a goal of 22, half of smol's 40, over a limit of 17.
        let first = line("| yield1k | 1 |");
        for part in ["20.0 ns", "21.0 ns", "22.0 ns: met", "smol 40.0 ns", "0.50 x", "1.18 x"] {
            assert!(first.contains(part), "{part:?} is missing in {first:?}");
        }
        // Of two, one may reach what the other does not.
        let mut one = rows();
        one[1].ns_per_op = Some(25.0);
        let (page_of_one, _) = render(&one, "", None).unwrap();
        assert!(page_of_one.contains("22.0 ns: met by pinned only"), "{page_of_one}");
        // 28 of a goal of 14, and no migrating row.
        let second = line("| yield1k | 2 |");
        for part in ["28.0 ns", "| - |", "missed by 100 %", "2.00 x"] {
            assert!(second.contains(part), "{part:?} is missing in {second:?}");
        }
        // One run has no spread.
        assert!(line("| sortie, migrating |").contains("| - |"), "{page}");
        // A peer that failed says why, in one line of the table.
        assert!(line("| may |").contains("it hung"), "{}", line("| may |"));
        for plot in ["yield1k.svg", "yield1k-tasks.svg", "stall.svg", "stall-waits.svg"] {
            assert!(plots.iter().any(|it| it.name == plot), "{plot}");
            assert!(page.contains(&format!("({plot})")), "{plot}");
        }
        assert!(page.contains("```text\nsortie bench --report x\n```"), "{page}");
        assert!(page.contains("runs it. It took 22 min.\n"), "{page}");
        let is_text = |line: &&str| !line.starts_with(['|', '!', '#']);
        let long = page.lines().filter(is_text).find(|line| line.chars().count() > WIDTH);
        assert_eq!(
            long, None,
            "tables, plots and headings are as long as they must be, lines of text are not"
        );
    }

    #[test]
    fn the_plots_are_well_formed_and_name_who_is_in_them() {
        let (_, plots) = render(&rows(), "", None).unwrap();
        for plot in &plots {
            assert!(plot.svg.starts_with("<svg") && plot.svg.trim_end().ends_with("</svg>"));
            assert!(plot.svg.contains("sortie"), "{}", plot.name);
        }
        let bars = plots.iter().find(|it| it.name == "yield1k.svg").unwrap();
        for who in ["tokio", "smol", "may", "sortie, migrating", "failed"] {
            assert!(bars.svg.contains(who), "{who}");
        }
    }

    #[test]
    fn a_report_without_a_figure_is_a_page_without_plots() {
        let failed = [row(Peer::Sortie, Mode::Pinned, "yield1", 1, None)];
        let (page, plots) = render(&failed, "", None).unwrap();
        assert!(plots.is_empty());
        assert!(page.contains("| yield1 | 1 | failed |"), "{page}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
        let error = write("/proc/none".as_ref(), &rows(), "", None).unwrap_err();
        assert!(error.to_string().contains("/proc/none"), "{error}");
    }
}
