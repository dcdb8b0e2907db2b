//! The runs of a case, each of a process of its own, and the row that they come to.

use super::case::Case;
use super::report::Row;
use super::runner::{Figures, round};
use serde_json::{Map, Value, json};

/// Figures whose name ends so are lists of single measurements: those of all runs belong together.
pub(super) const EACH: &str = "_each_us";

/// Why a run has no figures.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) error: String,
    /// The first and the last lines of what the process printed.
    pub(crate) output: String,
}

/// The runs of a case so far.
#[derive(Debug)]
pub(crate) struct Series {
    case: Case,
    runs: Vec<Figures>,
    broken: Option<Broken>,
}

impl Series {
    pub(crate) fn new(case: Case) -> Series {
        Series { case, runs: Vec::new(), broken: None }
    }

    pub(crate) fn case(&self) -> &Case {
        &self.case
    }

    /// A case that has failed once is not tried again: it may have cost a time-out.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(crate) fn add(&mut self, run: Result<Figures, Broken>) {
        match run {
            Ok(figures) => self.runs.push(figures),
            Err(broken) => self.broken = Some(broken),
        }
    }

    /// Medians over the runs; or, if one failed, why.
    pub(crate) fn row(&self) -> Row {
        let mut row = Row::empty(&self.case);
        if let Some(Broken { error, output }) = &self.broken {
            row.extra.insert("error".to_owned(), json!(error));
            row.extra.insert("runs_done".to_owned(), json!(self.runs.len()));
            if !output.is_empty() {
                row.extra.insert("output".to_owned(), json!(output));
            }
            return row;
        }
        let runs_ns: Vec<f64> = self.runs.iter().map(|run| run.ns_per_op).collect();
        row.n = self.runs.last().map_or(self.case.ops, |run| run.ops);
        row.ns_per_op = Some(round(median(&runs_ns)));
        row.spread = spread(&runs_ns).map(round);
        row.extra = self.extra();
        row.extra.insert("runs_ns".into(), runs_ns.iter().map(|ns| round(*ns)).collect());
        row
    }

    /// The further figures of all runs together.
    fn extra(&self) -> Map<String, Value> {
        let Some(last) = self.runs.last() else { return Map::new() };
        let together = |key: &String| {
            let of_all: Vec<&Value> =
                self.runs.iter().filter_map(|run| run.extra.get(key)).collect();
            if key.ends_with(EACH) {
                return of_all.into_iter().filter_map(Value::as_array).flatten().cloned().collect();
            }
            let is_same = of_all.iter().all(|it| **it == last.extra[key]);
            let numbers: Option<Vec<f64>> = of_all.iter().map(|it| it.as_f64()).collect();
            match numbers {
                Some(numbers) if !is_same => json!(round(median(&numbers))),
                _ => last.extra[key].clone(),
            }
        };
        last.extra.keys().map(|key| (key.clone(), together(key))).collect()
    }
}

/// The middle one; of an even number, the mean of the two in the middle. Zero of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// (slowest - fastest) / median. A single run says nothing of how far runs are apart.
fn spread(figures: &[f64]) -> Option<f64> {
    if figures.len() < 2 {
        return None;
    }
    let slowest = figures.iter().copied().fold(f64::MIN, f64::max);
    let fastest = figures.iter().copied().fold(f64::MAX, f64::min);
    match median(figures) {
        0.0 => Some(0.0),
        middle => Some((slowest - fastest) / middle),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{Case, Mode, Peer};
    use super::{Broken, Figures, Series, median, spread};
    use serde_json::{Value, json};

    fn series(runs: &[(f64, Value)]) -> Series {
        let mut series = Series::new(Case {
            peer: Peer::Sortie,
            mode: Mode::Pinned,
            workload: "yield1".to_owned(),
            workers: 1,
            tasks: None,
            ops: 7,
            may_shorten: true,
            pin: true,
        });
        for (ns_per_op, extra) in runs {
            let extra = extra.as_object().unwrap().clone();
            series.add(Ok(Figures { ops: 7, ns_per_op: *ns_per_op, extra }));
        }
        series
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn the_spread_is_relative_to_the_median() {
        assert_eq!(spread(&[8.0, 10.0, 13.0]), Some(0.5));
        assert_eq!(spread(&[0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn one_run_has_no_spread() {
        assert_eq!(spread(&[5.0]), None);
        assert_eq!(series(&[(3.0, json!({}))]).row().spread, None);
    }

    #[test]
    fn a_row_has_the_medians_of_all_runs_and_what_is_the_same_in_all_as_it_is() {
        let run = |kept: f64, wait: f64| json!({"kept": kept, "calls": 7, "class": "short", "waits_each_us": [wait]});
        let series = series(&[(3.0, run(1.0, 9.0)), (1.0, run(8.0, 7.0)), (2.0, run(4.0, 5.0))]);
        let row = series.row();
        assert_eq!(row.ns_per_op, Some(2.0));
        assert_eq!(row.spread, Some(1.0));
        assert_eq!(row.extra["kept"], 4.0);
        assert_eq!(row.extra["calls"], 7);
        assert_eq!(row.extra["class"], "short");
        assert_eq!(row.extra["waits_each_us"], json!([9.0, 7.0, 5.0]));
        assert_eq!(row.extra["runs_ns"], json!([3.0, 1.0, 2.0]));
    }

    #[test]
    fn one_broken_run_breaks_the_row() {
        let mut series = series(&[(3.0, json!({}))]);
        series.add(Err(Broken { error: "it hung".to_owned(), output: String::new() }));
        let row = series.row();
        assert!(row.has_failed());
        assert_eq!(row.extra["error"], "it hung");
        assert_eq!(row.extra["runs_done"], 1);
    }
}
