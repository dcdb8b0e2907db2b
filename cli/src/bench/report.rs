//! The row of a case, the table of all rows, and the file of them.

use super::case::{Case, Mode, Peer};
use super::series;
use super::workload::Workload;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;

/// The figures of one case. The names of the fields are those of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) peer: Peer,
    pub(crate) mode: Mode,
    pub(crate) workload: String,
    pub(crate) workers: usize,
    /// How many tasks were at it, where that was chosen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) tasks: Option<u64>,
    /// Operations of one run.
    pub(crate) n: u64,
    /// The median over the runs; none if the case failed.
    pub(crate) ns_per_op: Option<f64>,
    /// (slowest - fastest) / median over the runs; none if there are less than two.
    pub(crate) spread: Option<f64>,
    /// Further figures; `error` says why there is none.
    pub(crate) extra: Map<String, Value>,
}

impl Row {
    /// A row without figures.
    pub(crate) fn empty(case: &Case) -> Row {
        Row {
            peer: case.peer,
            mode: case.mode,
            workload: case.workload.clone(),
            workers: case.workers,
            tasks: case.tasks,
            n: case.ops,
            ns_per_op: None,
            spread: None,
            extra: Map::new(),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.ns_per_op.is_none()
    }
}

/// What of `extra` is for the file only: the same in every row, or too long for a table.
const FILE_ONLY: &[&str] = &["cpus", "is_release", "runs_ns"];

/// The rows, for people.
pub(crate) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["workload", "peer", "mode", "workers", "n", "ns/op", "spread", "further"]);
    for row in rows {
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(&row.workload),
            Cell::new(row.peer),
            Cell::new(row.mode),
            number(row.workers.to_string()),
            number(grouped(row.n)),
            number(row.ns_per_op.map_or("failed".to_owned(), |ns| format!("{ns:.2}"))),
            number(row.spread.map_or(String::new(), |spread| format!("{:.0} %", spread * 100.0))),
            Cell::new(further(row)),
        ]);
    }
    table
}

/// The further figures, in one line.
pub(crate) fn further(row: &Row) -> String {
    let is_shown = |key: &str| !FILE_ONLY.contains(&key) && !key.ends_with(series::EACH);
    let shown = row.extra.iter().filter(|(key, _)| is_shown(key));
    let tasks = row.tasks.map(|tasks| format!("tasks {tasks}"));
    let further = shown.map(|(key, value)| match value {
        Value::String(text) => format!("{key}: {}", one_line(text)),
        Value::Number(number) => match number.as_f64() {
            Some(figure) if figure.fract() != 0.0 => format!("{key} {figure:.2}"),
            _ => format!("{key} {:.0}", number.as_f64().unwrap_or_default()),
        },
        other => format!("{key} {other}"),
    });
    let parts: Vec<_> = tasks.into_iter().chain(further).collect();
    parts.join(", ")
}

/// Why there is no figure, in a few words: of a process that crashed, what it said of that.
pub(crate) fn why_failed(row: &Row) -> Option<String> {
    let said = |key: &str| row.extra.get(key).and_then(Value::as_str).map(one_line);
    let error = said("error").filter(|_| row.has_failed())?;
    let why = match said("output") {
        Some(output) if !output.is_empty() => format!("failed: {error}: {output}"),
        _ => format!("failed: {error}"),
    };
    Some(one_line(&why))
}

/// The first line that says something, cut where a table would suffer; the file has it all.
fn one_line(text: &str) -> String {
    const WIDTH: usize = 90;
    // What a panic says comes after where it was.
    let is_place = |line: &str| line.starts_with("thread '") && line.contains("panicked at");
    let line = text.lines().find(|it| !it.trim().is_empty() && !is_place(it)).unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH).chain("..".chars()).collect()
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    groups.join(",")
}

/// The workloads and their definitions, for people.
pub(crate) fn catalogue(workloads: &[Workload]) -> String {
    let width = workloads.iter().map(|it| it.name.len()).max().unwrap_or(0);
    workloads
        .iter()
        .map(|it| {
            let peers: Vec<_> = it.all_contenders().map(|it| it.peer.to_string()).collect();
            format!(
                "{:width$}  {}\n{:width$}  n = {} by default; {}\n",
                it.name,
                it.definition,
                "",
                grouped(it.ops),
                peers.join(", ")
            )
        })
        .collect()
}

/// Reads what [`write`] has written.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<Row>> {
    let rows: Vec<Row> = serde_json::from_slice(&std::fs::read(path)?)?;
    if rows.is_empty() { Err(std::io::Error::other("no rows")) } else { Ok(rows) }
}

/// Writes the rows to a file, as an array of objects.
pub(crate) fn write(path: &Path, rows: &[Row]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    serde_json::to_writer_pretty(&mut file, rows)?;
    writeln!(file)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::super::case::{Case, Mode, Peer};
    use super::{Row, grouped, one_line, why_failed};
    use serde_json::json;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(20_000_000), "20,000,000");
    }

    #[test]
    fn a_crash_is_told_with_what_was_said_of_it() {
        let mut row = Row::empty(&Case {
            peer: Peer::May,
            mode: Mode::Own,
            workload: "skynet".to_owned(),
            workers: 1,
            tasks: None,
            ops: 7,
            may_shorten: true,
            pin: true,
        });
        row.extra.insert("error".to_owned(), json!("ended by exit status: 101"));
        assert_eq!(why_failed(&row).unwrap(), "failed: ended by exit status: 101");
        row.extra.insert("output".to_owned(), json!("\nthread 'x' panicked at y:1:\nno memory"));
        let why = why_failed(&row).unwrap();
        assert!(why.starts_with("failed: ended by exit status: 101: no memory"), "{why}");
        row.ns_per_op = Some(1.0);
        assert_eq!(why_failed(&row), None);
    }

    #[test]
    fn a_table_shows_one_line_of_an_error() {
        assert_eq!(one_line("short"), "short");
        assert_eq!(one_line("first\nsecond"), "first..");
        let panic = "\nthread 'main' (7) panicked at src/main.rs:1:1:\nno memory\nnote: so";
        assert_eq!(one_line(panic), "no memory..");
    }
}
