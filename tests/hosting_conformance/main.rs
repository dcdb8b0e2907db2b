//! Conformance with the hosting API's reference: its scenarios by number, in both modes, and the report.
//!
//! A scenario drives a host, and what it does is recorded call by call. That record is compared with the expected
//! one, which is data beside the code (`expected/S-26.trace`), written from the reference and not from a run. What a
//! record cannot hold (times, counts) the scenario checks itself.
//!
//! `cargo test --test hosting_conformance` runs all; with `-- S-26 S-30` those, and with `-- --traces` the records are
//! printed too. Defects that are made on purpose (`defects.rs`) must be found by the scenarios that are named there.

mod defects;
mod expected;
mod report;
mod scenarios;
mod stage;
mod trace;
mod vm;

use report::Report;
use scenarios::SCENARIOS;
use stage::{Mode, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let traces = arguments.iter().any(|word| word == "--traces");
    let mut report = Report::default();
    for scenario in SCENARIOS.iter().copied().flatten() {
        let number = scenario.name();
        if !wanted.is_empty() && !wanted.contains(&&number) {
            continue;
        }
        for &mode in Mode::of(scenario) {
            let outcome = run(scenario, mode, None);
            if traces {
                println!("{number} {mode}\n{}", outcome.text);
            }
            report.add(scenario, mode, outcome);
        }
    }
    if wanted.is_empty() {
        report.check_written();
        report.check_returned();
        defects::run(&mut report);
    }
    print!("{report}");
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
