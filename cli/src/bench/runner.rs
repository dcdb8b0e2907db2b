//! The runs of a case: one to warm up, then those that count, and what they come to.

use super::case::Case;
use super::pin;
use super::report::Row;
use super::workload::{self, Failure, Sample, Setup};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Measures a case in this process, which has no other threads yet. `on_run` hears of each run that
/// counts.
pub(crate) fn run(case: &Case, mut on_run: impl FnMut()) -> Result<Row, Failure> {
    let start = workload::find(&case.workload)
        .and_then(|it| it.all_contenders().find(|it| it.peer == case.peer))
        .ok_or_else(|| Failure::Unknown(case.to_string()))?
        .start;
    let cpus = if case.pin {
        pin::pin(case.workers).map_err(Failure::start("the CPUs (`--no-pin` does without)"))?
    } else {
        pin::allowed().map_err(Failure::start("the CPUs"))?
    };

    let mut trial = start(&Setup::new(case))?;
    trial.run(case.ops)?;
    let mut samples = Vec::new();
    for _ in 0..case.runs {
        samples.push(trial.run(case.ops)?);
        on_run();
    }
    let last = trial.finish()?;

    let runs_ns: Vec<f64> =
        samples.iter().map(|sample| sample.took.as_nanos() as f64 / case.ops as f64).collect();
    let mut extra = medians(&samples);
    extra.extend(last.into_iter().map(|(key, it)| (key.to_owned(), it)));
    extra.insert("runs_ns".into(), runs_ns.iter().map(|ns| round(*ns)).collect());
    extra.insert("cpus".into(), json!(cpus));
    extra.insert("is_release".into(), json!(!cfg!(debug_assertions)));
    Ok(Row {
        ns_per_op: Some(round(median(&runs_ns))),
        spread: Some(round(spread(&runs_ns))),
        extra,
        ..Row::empty(case)
    })
}

/// The median of each further figure over the runs.
fn medians(samples: &[Sample]) -> Map<String, Value> {
    let mut series = BTreeMap::<&str, Vec<f64>>::new();
    for (key, figure) in samples.iter().flat_map(|sample| &sample.extra) {
        series.entry(key).or_default().push(*figure);
    }
    series
        .into_iter()
        .map(|(key, figures)| (key.to_owned(), json!(round(median(&figures)))))
        .collect()
}

/// The middle one; of an even number, the mean of the two in the middle. Zero of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// (slowest - fastest) / median.
fn spread(figures: &[f64]) -> f64 {
    let slowest = figures.iter().copied().fold(f64::MIN, f64::max);
    let fastest = figures.iter().copied().fold(f64::MAX, f64::min);
    match median(figures) {
        0.0 => 0.0,
        middle => (slowest - fastest) / middle,
    }
}

/// To a thousandth: a clock knows no more.
fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{median, spread};

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn the_spread_is_relative_to_the_median() {
        assert_eq!(spread(&[8.0, 10.0, 13.0]), 0.5);
        assert_eq!(spread(&[5.0]), 0.0);
        assert_eq!(spread(&[0.0, 0.0]), 0.0);
    }
}
