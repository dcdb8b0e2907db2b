//! Go: a program of its own, `benches/peers/go`, which the `go` command builds where there is one.
//!
//! The program runs as a child of the case's process, so that what holds for that (the processors it is bound to)
//! holds for it too. It is told on its standard input how many operations a run has, and answers with a line
//! of JSON; it ends with its input, even if this process is killed.

use super::Entry;
use super::work::entry;
use crate::bench::case::Peer;
use crate::bench::workload::{self, Failure, Sample, Setup, Trial, check};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Where the program's sources are.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/peers/go");

/// The name of the program, beside this one.
const NAME: &str = "sortie-bench-go";

pub(super) const ENTRIES: &[Entry] = &[
    entry(Peer::Go, "yield1", |it| start(it, "yield1")),
    entry(Peer::Go, "yield1k", |it| start(it, "yield1k")),
    entry(Peer::Go, "spawnseq", |it| start(it, "spawnseq")),
    entry(Peer::Go, "spawnbatch", |it| start(it, "spawnbatch")),
    entry(Peer::Go, "skynet", |it| start(it, "skynet")),
    entry(Peer::Go, "fib", |it| start(it, "fib")),
    entry(Peer::Go, "pingpong", |it| start(it, "pingpong")),
    entry(Peer::Go, "spsc", |it| start(it, "spsc")),
    entry(Peer::Go, "mpsc8", |it| start(it, "mpsc8")),
    entry(Peer::Go, "mutex", |it| start(it, "mutex")),
    entry(Peer::Go, "native_nop", |it| start(it, "native_nop")),
    entry(Peer::Go, "native_yield", |it| start(it, "native_yield")),
    entry(Peer::Go, "callback", |it| start(it, "callback")),
    entry(Peer::Go, "stall", |it| start(it, "stall")),
    entry(Peer::Go, "blk1000", |it| start(it, "blk1000")),
    entry(Peer::Go, "blkstress", |it| start(it, "blkstress")),
    entry(Peer::Go, "idle1m", |it| start(it, "idle1m")),
    entry(Peer::Go, "timers", |it| start(it, "timers")),
];

/// Builds the program, once in this process, before its time is measured. What is wrong is said again by each
/// case that cannot do without.
pub(crate) fn build() -> Result<&'static Path, &'static str> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(try_build).as_deref().map_err(String::as_str)
}

fn try_build() -> Result<PathBuf, String> {
    let program = program().map_err(|error| error.to_string())?;
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(SOURCES)
        .stdin(Stdio::null())
        .output();
    match built {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            Err(format!("`go build` in {SOURCES}: {}", why.trim()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no `go` command: install Go to have it measured".to_owned())
        }
        Err(error) => Err(format!("`go build` in {SOURCES}: {error}")),
    }
}

fn program() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(NAME))
}

/// The Go version, if there is one.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("go").args(["env", "GOVERSION"]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version.trim().to_owned())
}

fn start(setup: &Setup, workload: &str) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.or_else(|| workload::find(workload)?.tasks);
    let case = json!({
        "workload": workload,
        "workers": setup.workers,
        "tasks": tasks.unwrap_or(0),
    });
    let mut child = program()
        .and_then(|it| {
            Command::new(it)
                .arg(case.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        })
        .map_err(Failure::start("the Go program"))?;
    let asked = child.stdin.take().expect("a pipe was asked for");
    let said = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
    Ok(Box::new(Program { child, asked, said, waits_us: Vec::new() }))
}

struct Program {
    child: Child,
    asked: ChildStdin,
    said: BufReader<ChildStdout>,
    /// Of the last run.
    waits_us: Vec<f64>,
}

/// What the program says of a run.
#[derive(Deserialize)]
struct Run {
    took_ns: u64,
    found: u64,
    expected: u64,
    #[serde(default)]
    extra: BTreeMap<String, f64>,
    #[serde(default)]
    waits_us: Vec<f64>,
}

/// The figures that it may give, by the names that others give them.
const FIGURES: [&str; 8] = [
    "bytes_each",
    "compute_kept_percent",
    "cpu_ms",
    "late_p50_ms",
    "late_p99_ms",
    "makespan_ms",
    "peak_threads",
    "wake_ns",
];

impl Program {
    fn ask(&mut self, ops: u64) -> io::Result<Run> {
        writeln!(self.asked, "{ops}")?;
        self.asked.flush()?;
        let mut line = String::new();
        if self.said.read_line(&mut line)? == 0 {
            return Err(io::Error::other("it ended before it had answered"));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Trial for Program {
    fn run(&mut self, ops: u64) -> Result<Sample, Failure> {
        let run = self.ask(ops).map_err(Failure::start("an answer of the Go program"))?;
        check("what the work gives", run.expected, run.found)?;
        let given =
            |name: &&str| Some((FIGURES.into_iter().find(|it| it == name)?, run.extra[*name]));
        let mut extra: Vec<(&str, f64)> =
            run.extra.keys().map(String::as_str).filter_map(|name| given(&name)).collect();
        self.waits_us = run.waits_us;
        self.waits_us.sort_unstable_by(f64::total_cmp);
        let percentile =
            |percent: usize| self.waits_us[(self.waits_us.len() * percent).div_ceil(100) - 1];
        if !self.waits_us.is_empty() {
            extra.push(("p50_us", percentile(50)));
            extra.push(("p99_us", percentile(99)));
            extra.push(("max_us", percentile(100)));
        }
        Ok(Sample { took: Duration::from_nanos(run.took_ns), extra })
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<(&'static str, Value)>, Failure> {
        drop(self.asked);
        let status = self.child.wait().map_err(Failure::start("the end of the Go program"))?;
        if !status.success() {
            return Err(Failure::Left(format!("the Go program ended by {status}")));
        }
        let waits = (!self.waits_us.is_empty()).then(|| ("waits_each_us", json!(self.waits_us)));
        Ok(waits.into_iter().collect())
    }
}
