//! Other runtimes beside ours: which there are, and what becomes of one that fails.

use super::{check_further, rows, small_run, sortie, text};
use serde_json::Value;

#[test]
fn peers_enter_the_same_workloads() {
    for peer in ["tokio", "tokio_ct", "smol"] {
        check_further(&small_run(&["blk1000", "blkstress"], 128, peer, "own", &[]));
        small_run(&["native_yield", "offload"], 200, peer, "own", &[]);
    }
    for peer in ["may", "tokio", "tokio_ct", "smol"] {
        small_run(&["yield1", "yield1k", "spawnseq", "skynet"], 1000, peer, "own", &[]);
        small_run(&["spawnbatch"], 1000, peer, "own", &["--tasks", "500"]);
        small_run(&["idle1m"], 500, peer, "own", &[]);
        small_run(&["stall"], 20, peer, "own", &[]);
        small_run(&["mutex", "pingpong", "spsc", "mpsc8"], 1000, peer, "own", &[]);
    }
    small_run(&["spawnseq", "skynet"], 1000, "rayon", "own", &[]);
    small_run(&["switch", "yield1k"], 1000, "corosensei", "own", &[]);
    for peer in ["tokio", "tokio_ct", "smol"] {
        check_further(&small_run(&["timers"], 100, peer, "own", &[]));
    }
}

/// One after the other, and not each in a block: the rows of a workload have all who do it.
#[test]
fn all_peers_are_measured_beside_ours() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let path = file.to_str().unwrap();
    let output = sortie(&[
        "bench",
        "fib",
        "--peers",
        "--workers",
        "1",
        "--ops",
        "1",
        "--runs",
        "1",
        "--json",
        path,
    ]);
    assert!(output.status.success(), "{output:?}");
    let rows = rows(&file);
    let peers: Vec<_> = rows.iter().map(|row| row["peer"].as_str().unwrap()).collect();
    assert_eq!(peers, ["sortie", "may", "tokio_ct", "tokio", "smol", "rayon", "go"]);
    for row in rows {
        if row["peer"] == "go" && row["ns_per_op"].is_null() {
            let error = row["extra"]["error"].as_str().unwrap();
            assert!(error.contains("there is no `go` command"), "{error}");
            continue;
        }
        assert!(row["ns_per_op"].as_f64().unwrap() > 0.0, "{row}");
    }
}

#[test]
fn a_peer_that_does_none_of_the_workloads_is_no_row() {
    let output = sortie(&["bench", "switch", "--peer", "tokio", "--ops", "100"]);
    assert!(output.status.success(), "{output:?}");
}

/// That another project's runtime cannot do it is a result, and no failure of the command.
#[test]
fn a_peer_that_hangs_is_a_row_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let path = file.to_str().unwrap();
    let arguments = ["bench", "yield1", "--peer", "may", "--workers", "1", "--timeout", "0"];
    let output = sortie(&[&arguments[..], &["--json", path]].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("timed out"), "{output:?}");
    let rows = rows(&file);
    assert_eq!(rows[0]["ns_per_op"], Value::Null);
    assert!(rows[0]["extra"]["error"].as_str().unwrap().contains("was killed"), "{rows:?}");
}

/// One whose task panics would leave the others waiting until the time-out.
#[test]
fn a_peer_that_panics_is_a_row_that_says_so_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let arguments = ["bench", "idle1m", "--peer", "may", "--workers", "1", "--ops", "40000"];
    let flags = ["--runs", "1", "--timeout", "60", "--json", file.to_str().unwrap()];
    let start = std::time::Instant::now();
    let output = sortie(&[&arguments[..], &flags].concat());
    assert!(output.status.success(), "{output:?}");
    let row = &rows(&file)[0];
    if row["ns_per_op"].is_number() {
        // It has two mappings for each, of which most kernels allow no more than 65,530.
        return;
    }
    let (error, said) = (row["extra"]["error"].as_str(), row["extra"]["output"].as_str());
    assert!(error.unwrap().contains("exit status: 101"), "{row}");
    assert!(said.unwrap().contains("panicked"), "{row}");
    assert!(start.elapsed().as_secs() < 50, "it was waited for");
}
