//! What a case's own process does: warms up, makes the one run that counts, and says what it came to.

use super::case::Case;
use super::pin;
use super::workload::{self, Failure, Setup, Trial, WarmUp, Workload};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Growing warm-ups end when one took as long.
const WARM: Duration = Duration::from_millis(50);

/// They begin with this part of the operations, and each is so many times as long as the one before.
const FIRST_PART: u64 = 1000;
const GROWTH: u64 = 4;

/// The longest is this part of the operations.
const LAST_PART: u64 = 8;

/// What is the same again and again need not take longer than this to be known.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// What the run of one process came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Operations of the run.
    pub(crate) ops: u64,
    pub(crate) ns_per_op: f64,
    /// Further figures.
    pub(crate) extra: Map<String, Value>,
}

/// Measures a case in this process, which has no other threads yet.
pub(crate) fn run(case: &Case) -> Result<Figures, Failure> {
    let unknown = || Failure::Unknown(case.to_string());
    let workload = workload::find(&case.workload).ok_or_else(unknown)?;
    let contender = workload.all_contenders().find(|it| it.peer == case.peer);
    let start = contender.ok_or_else(unknown)?.start;
    let cpus = bind(case)?;
    let setup = Setup::new(case);

    let mut trial = start(&setup)?;
    let ops = warm_up(trial.as_mut(), workload, &setup, case)?;
    let sample = trial.run(ops)?;
    let last = trial.finish()?;

    let mut extra = Map::new();
    extra.extend(sample.extra.into_iter().map(|(key, it)| (key.to_owned(), json!(round(it)))));
    extra.extend(last.into_iter().map(|(key, it)| (key.to_owned(), it)));
    extra.insert("cpus".into(), json!(cpus));
    extra.insert("is_release".into(), json!(!cfg!(debug_assertions)));
    Ok(Figures { ops, ns_per_op: sample.took.as_nanos() as f64 / ops as f64, extra })
}

/// Binds this process to the processors that the case is to have, and says which.
pub(super) fn bind(case: &Case) -> Result<Vec<usize>, Failure> {
    if case.pin {
        pin::pin(case.workers).map_err(Failure::start("the processors (`--no-pin` does without)"))
    } else {
        pin::allowed().map_err(Failure::start("the processors"))
    }
}

/// Returns how many operations the run that counts is to have.
fn warm_up(
    trial: &mut dyn Trial,
    workload: &Workload,
    setup: &Setup,
    case: &Case,
) -> Result<u64, Failure> {
    let ops = case.ops;
    match workload.warm_up {
        WarmUp::Nothing => return Ok(ops),
        WarmUp::Whole => return trial.run(ops).map(|_| ops),
        WarmUp::Growing => {}
    }
    let unit = (workload.unit)(setup);
    let mut part = FIRST_PART;
    loop {
        let some = (ops / part).next_multiple_of(unit).max(unit).min(ops);
        let took = trial.run(some)?.took;
        part /= GROWTH;
        if took >= WARM || part < LAST_PART {
            let affordable = LONG_ENOUGH.as_secs_f64() / took.as_secs_f64() * some as f64;
            return Ok(if case.may_shorten && affordable < ops as f64 {
                (affordable as u64).next_multiple_of(unit).clamp(unit, ops)
            } else {
                ops
            });
        }
    }
}

/// To a thousandth: a clock knows no more.
pub(crate) fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}
