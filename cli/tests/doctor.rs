//! `sortie doctor`: it looks at what matters, on any machine, and a runtime starts on this one.

use serde_json::Value;
use std::process::{Command, Output};

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sortie"))
        .arg("doctor")
        .args(arguments)
        .output()
        .expect("the command runs")
}

#[test]
fn the_lines_that_matter_are_there() {
    let output = doctor(&[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for name in [
        "membarrier: ",
        "guard: ",
        "vm.max_map_count: ",
        "vm.overcommit_memory: ",
        "RLIMIT_NPROC: ",
        "pids.max: ",
        "starts: yes",
        "max carriers: ",
    ] {
        assert!(text.contains(name), "no {name:?} in\n{text}");
    }
}

#[test]
fn the_json_has_a_verdict_and_a_sentence_for_each_finding() {
    let output = doctor(&["--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["starts"], true);
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        let verdict = finding["verdict"].as_str().unwrap();
        assert!(["ok", "note", "warning"].contains(&verdict), "{finding}");
        assert!(!finding["value"].as_str().unwrap().is_empty(), "{finding}");
        let follows = finding["follows"].as_str().unwrap();
        assert!(follows.ends_with('.'), "no sentence: {finding}");
    }
    for (section, name) in [
        ("machine", "membarrier"),
        ("memory", "guard"),
        ("memory", "vm.max_map_count"),
        ("runtime", "workers"),
    ] {
        let is_it = |it: &&Value| it["section"] == section && it["name"] == name;
        assert_eq!(findings.iter().filter(is_it).count(), 1, "{section}: {name}");
    }
}

#[test]
fn a_wish_that_nobody_knows_is_told() {
    let doctor = |value| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sortie"));
        let output = command.arg("doctor").env("SORTIE_MEMBARRIER", value).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = doctor("sometimes");
    assert!(told.contains("SORTIE_MEMBARRIER: sometimes"), "{told}");
    assert!(!doctor("missing").contains("SORTIE_MEMBARRIER: "));
}
