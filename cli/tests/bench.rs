//! `sortie bench`: the file it promises, its errors, and what becomes of a case that fails.

#[cfg(feature = "peers")]
#[path = "bench/peers.rs"]
mod peers;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const QUICK: [&str; 18] = [
    "switch",
    "yield1",
    "yield1k",
    "spawnseq",
    "skynet",
    "pingpong",
    "spsc",
    "mpsc8",
    "mutex",
    "native_plain",
    "native_nop",
    "native_nop_c",
    "native_nop_thread_stack",
    "native_yield",
    "offload",
    "callback",
    "callback_suspend",
    "foreign_attach",
];

/// Those that sleep for up to a second.
const SLEEPING: [&str; 1] = ["timers"];

/// Those that have many threads.
const BLOCKING: [&str; 2] = ["blk1000", "blkstress"];

fn sortie(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sortie")).args(arguments).output().expect("the command runs")
}

fn rows(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("the file was written");
    match serde_json::from_str(&text).expect("the file is JSON") {
        Value::Array(rows) => rows,
        other => panic!("expected an array, found {other}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Those whose operations are slow, or come in large pieces.
const LARGE: [&str; 4] = ["spawnbatch", "fib", "idle1m", "stall"];

/// All, in some order.
fn all() -> impl Iterator<Item = &'static str> {
    QUICK.into_iter().chain(SLEEPING).chain(BLOCKING).chain(LARGE)
}

/// A small run of some workloads, in one mode; its rows.
fn small_run(workloads: &[&str], ops: u64, peer: &str, mode: &str, flags: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let mut arguments = vec!["bench"];
    arguments.extend(workloads);
    let ops_text = ops.to_string();
    arguments.extend(["--peer", peer, "--workers", "1,2", "--ops", &ops_text, "--runs", "2"]);
    arguments.extend(["--timeout", "60", "--json", file.to_str().unwrap()]);
    arguments.extend(flags);
    let output = sortie(&arguments);
    assert!(output.status.success(), "{output:?}");
    let table = text(&output.stdout);
    let rows = rows(&file);
    // One worker and two; some know none.
    let counts = if ["tokio_ct", "corosensei"].contains(&peer) { 1 } else { 2 };
    assert_eq!(rows.len(), workloads.len() * counts);
    for (row, n) in rows.iter().zip(0..) {
        let workload = workloads[n / counts];
        assert_eq!(row["peer"], peer);
        assert_eq!(row["mode"], mode);
        assert_eq!(row["workload"], workload);
        assert_eq!(row["workers"], n % counts + 1);
        assert_eq!(row["n"], ops);
        assert!(row["ns_per_op"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["spread"].as_f64().unwrap() >= 0.0, "{row}");
        assert!(row["extra"].is_object());
        assert_eq!(row["extra"]["runs_ns"].as_array().unwrap().len(), 2);
        assert!(table.contains(workload), "{table}");
    }
    rows
}

/// A small run of everything.
fn everything(mode: &str, flags: &[&str]) {
    check_further(&small_run(&QUICK, 1000, "sortie", mode, flags));
    check_further(&small_run(&BLOCKING, 128, "sortie", mode, flags));
    check_further(&small_run(&["idle1m"], 500, "sortie", mode, flags));
    check_further(&small_run(&["stall"], 20, "sortie", mode, flags));
    small_run(&["fib"], 35_421, "sortie", mode, flags);
    let batches: Vec<_> = flags.iter().copied().chain(["--tasks", "500"]).collect();
    for row in small_run(&["spawnbatch"], 1000, "sortie", mode, &batches) {
        assert_eq!(row["tasks"], 500, "{row}");
    }
    check_further(&small_run(&SLEEPING, 100, "sortie", mode, flags));
}

fn check_further(rows: &[Value]) {
    for row in rows {
        let extra = &row["extra"];
        match row["workload"].as_str().unwrap() {
            "switch" => {
                assert!(extra["corosensei_ns"].as_f64().unwrap() > 0.0, "{row}");
                assert!(extra["ratio"].as_f64().unwrap() > 0.0, "{row}");
            }
            "native_nop" | "native_nop_c" | "native_nop_thread_stack" => {
                assert!(extra["plain_ns"].as_f64().unwrap() > 0.0, "{row}");
                assert!(extra["over_plain_ns"].is_number(), "{row}");
                // The run and the warm-ups before it.
                assert!(extra["ledger_calls"].as_f64().unwrap() > 1000.0, "{row}");
            }
            "native_yield" => {
                let switched = extra["switched_percent"].as_f64().unwrap();
                assert!(switched > 0.0 && switched <= 100.0, "{row}");
            }
            "blk1000" => {
                assert!(extra["makespan_ms"].as_f64().unwrap() >= 10.0, "{row}");
                assert!(extra["compute_kept_percent"].as_f64().unwrap() > 0.0, "{row}");
                assert!(extra["peak_threads"].as_f64().unwrap() > 2.0, "{row}");
            }
            "stall" => {
                let waits = extra["waits_each_us"].as_array().unwrap();
                assert_eq!(waits.len(), 2 * 20, "those of both runs: {row}");
                assert!(extra["p99_us"].as_f64() >= extra["p50_us"].as_f64(), "{row}");
            }
            "blkstress" => {
                // 128 calls of 64 tasks: each sleeps 200 us twice.
                assert!(extra["makespan_ms"].as_f64().unwrap() >= 0.4, "{row}");
            }
            "idle1m" => {
                // A page of stack, and more.
                assert!(extra["bytes_each"].as_f64().unwrap() > 4096.0, "{row}");
                assert!(extra["wake_ns"].as_f64().unwrap() > 0.0, "{row}");
                assert_eq!(extra["guards_hit"], 3, "{row}");
            }
            "timers" => {
                let figure = |key: &str| extra[key].as_f64().unwrap();
                assert!(figure("cpu_ms") > 0.0, "{row}");
                let (median, worst) = (figure("late_p50_ms"), figure("late_p99_ms"));
                assert!(median > 0.0 && worst >= median, "{row}");
            }
            _ => {}
        }
    }
}

#[test]
fn all_workloads_write_their_rows_in_pinned_mode() {
    everything("pinned", &[]);
}

#[test]
fn all_workloads_write_their_rows_in_migrating_mode() {
    everything("migrating", &["--migrating", "--no-pin"]);
}

#[cfg(not(feature = "peers"))]
#[test]
fn a_build_without_peers_says_how_to_have_them() {
    for flag in ["--peers", "--peer=may"] {
        let directory = tempfile::tempdir().unwrap();
        let report = directory.path().join("report");
        let output = sortie(&["bench", "switch", flag, "--report", report.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains("--features peers"), "{output:?}");
        assert!(!report.exists(), "what cannot be had leaves nothing behind");
    }
}

#[test]
fn tasks_are_counted_only_where_that_can_be_chosen() {
    let output = sortie(&["bench", "yield1", "--tasks", "10"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("yield1") && error.contains("yield1k"), "{error}");
}

#[test]
fn the_process_is_bound_to_as_many_cpus_as_workers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let path = file.to_str().unwrap();
    let output = sortie(&[
        "bench",
        "yield1",
        "--workers",
        "1",
        "--ops",
        "100",
        "--runs",
        "1",
        "--json",
        path,
    ]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows(&file)[0]["extra"]["cpus"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_workload_is_refused_and_the_known_ones_are_named() {
    let output = sortie(&["bench", "yield2"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("yield2"), "{error}");
    for workload in all() {
        assert!(error.contains(workload), "{error}");
    }
}

#[test]
fn the_list_says_what_each_workload_is() {
    let output = sortie(&["bench", "--list"]);
    assert!(output.status.success());
    let list = text(&output.stdout);
    for workload in all() {
        assert!(list.lines().any(|line| line.starts_with(workload)), "{list}");
    }
}

#[test]
fn a_case_that_does_not_end_in_time_is_a_row_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let path = file.to_str().unwrap();
    let output = sortie(&[
        "bench",
        "yield1",
        "--workers",
        "1,2",
        "--ops",
        "1000",
        "--timeout",
        "0",
        "--json",
        path,
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let rows = rows(&file);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["ns_per_op"], Value::Null);
        assert_eq!(row["spread"], Value::Null);
        let error = row["extra"]["error"].as_str().unwrap();
        assert!(error.contains("timed out"), "{error}");
    }
    assert!(text(&output.stdout).contains("failed"));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let output = sortie(&[
        "bench",
        "switch",
        "--workers",
        "1",
        "--ops",
        "100",
        "--runs",
        "1",
        "--json",
        "/proc/none/x",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/proc/none/x"));
    assert!(output.stdout.is_empty(), "nothing is measured: {output:?}");
}

#[test]
fn a_report_has_a_page_with_both_modes_and_a_plot_for_each_workload() {
    let directory = tempfile::tempdir().unwrap();
    let (file, report) = (directory.path().join("figures.json"), directory.path().join("report"));
    let (file, report) = (file.to_str().unwrap(), report.to_str().unwrap());
    let arguments = ["bench", "yield1", "--workers", "1", "--scale", "0.001", "--runs", "1"];
    let output = sortie(&[&arguments[..], &["--json", file, "--report", report]].concat());
    assert!(output.status.success(), "{output:?}");
    // How long it will take is said, and how long it took.
    let said = text(&output.stderr);
    assert!(said.contains("2 runs, each in a process of its own: about "), "{said}");
    assert!(said.contains("measured in "), "{said}");
    assert!(text(&output.stdout).contains("BENCHMARKS.md"), "{output:?}");
    let rows = rows(file.as_ref());
    let modes: Vec<_> = rows.iter().map(|row| row["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["pinned", "migrating"]);
    let page = std::fs::read_to_string(Path::new(report).join("BENCHMARKS.md")).unwrap();
    let parts =
        ["| processor |", "| yield1 | 1 |", "(yield1.svg)", "sortie bench yield1", "It took "];
    for part in parts {
        assert!(page.contains(part), "{part:?} is missing in {page}");
    }
    let plot = std::fs::read_to_string(Path::new(report).join("yield1.svg")).unwrap();
    assert!(plot.contains("sortie, migrating"), "{plot}");

    // The same again from the file, without measuring.
    let again = directory.path().join("again");
    let output = sortie(&["bench", "--from", file, "--report", again.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(again.join("yield1.svg")).unwrap(), plot);

    // What would choose what is measured says nothing to them.
    let output = sortie(&["bench", "yield1k", "--from", file]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_report_that_cannot_be_written_and_rows_that_cannot_be_read_are_errors() {
    let arguments = ["bench", "yield1", "--workers", "1", "--ops", "100", "--runs", "1"];
    // One that cannot be made, and one that is there and takes no files.
    for directory in ["/proc/none", "/proc"] {
        let output = sortie(&[&arguments[..], &["--report", directory]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(&format!("no report in {directory}: ")), "{error}");
        assert!(output.stdout.is_empty(), "nothing is measured: {output:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.json");
    std::fs::write(&empty, "[]").unwrap();
    for file in ["/proc/none", empty.to_str().unwrap()] {
        let output = sortie(&["bench", "--from", file]);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(error.contains(file) && error.contains("`--json`"), "{output:?}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_and_the_error_says_which_can_be() {
    for (option, value, expected) in [
        ("--workers", "0", "expected a number from 1 to 1024"),
        ("--workers", "-1", "expected a number from 1 to 1024"),
        ("--workers", "1000000000", "expected a number from 1 to 1024"),
        ("--workers", "1,x", "expected a number from 1 to 1024"),
        ("--runs", "0", "expected a number from 1 to 1000"),
        ("--peer", "erlang", "possible values: sortie, "),
        ("--ops", "0", "expected a number from 1 to 1099511627776"),
        ("--scale", "-1", "expected a number above 0"),
        ("--timeout", "soon", "expected seconds, from 0"),
        ("--timeout", "-1", "expected seconds, from 0"),
    ] {
        let output = sortie(&["bench", "switch", option, value]);
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(expected), "{option} {value}: {error}");
    }
}
