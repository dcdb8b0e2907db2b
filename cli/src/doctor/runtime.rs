//! A runtime with all defaults: whether it starts here, and what the defaults come to.

use super::finding::{Finding, Section};
use super::read::{bytes, count};
use sortie::Runtime;
use std::time::{Duration, Instant};

const SECTION: Section = Section("runtime");

/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What came of the attempt.
pub(super) struct Started {
    pub(super) starts: bool,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn start() -> Started {
    const NAME: &str = "starts";
    let start = Instant::now();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let finding =
                SECTION.warning(NAME, "no", format!("No runtime can be had here: {error}."));
            return Started { starts: false, findings: vec![finding] };
        }
    };
    let built = start.elapsed();
    let answer = runtime.spawn(|| 6 * 7).join();
    let ran = start.elapsed() - built;
    let defaults = defaults(&runtime);
    let report = runtime.shutdown(END_LIMIT);
    let (starts, finding) = match answer {
        Ok(42) if report.is_clean() => (
            true,
            SECTION.ok(
                NAME,
                "yes",
                format!(
                    "It was built in {built:.1?}, ran a first task in {ran:.1?}, and ended clean."
                ),
            ),
        ),
        Ok(42) => (true, SECTION.warning(NAME, "yes, but does not end", format!("{report}."))),
        Ok(other) => (
            false,
            SECTION.warning(NAME, "no", format!("A first task was to give 42 and gave {other}.")),
        ),
        Err(error) => {
            (false, SECTION.warning(NAME, "no", format!("A first task failed: {error}.")))
        }
    };
    let mut findings = vec![finding];
    findings.extend(defaults);
    Started { starts, findings }
}

fn defaults(runtime: &Runtime) -> Vec<Finding> {
    let snapshot = runtime.snapshot();
    vec![
        SECTION.ok(
            "workers",
            count(snapshot.workers as u64),
            "So many tasks run managed code at once: `Builder::workers`.",
        ),
        SECTION.ok(
            "max carriers",
            count(snapshot.max_carriers as u64),
            "So many native calls can block at once before tasks wait: `Builder::max_carriers`.",
        ),
        SECTION.ok(
            "stack bytes",
            bytes(snapshot.stack_bytes as u64),
            if cfg!(debug_assertions) {
                "Of each task, touched pages only, in a debug build; a release build has a quarter: \
                 `Builder::stack_bytes`."
            } else {
                "Of each task, touched pages only: `Builder::stack_bytes`."
            },
        ),
    ]
}
