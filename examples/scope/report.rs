//! What the example prints.

use crate::corpus::Corpus;
use crate::plural::several;
use crate::search::Trial;
use crate::table::{count, table};
use crate::time::time;
use serde_json::{Value, json};
use std::fmt;

/// See the module.
pub(crate) struct Report<'a> {
    pub(crate) corpus: &'a Corpus,
    pub(crate) pattern: &'a str,
    /// How many matches are printed.
    pub(crate) show: usize,
    pub(crate) trials: Vec<Trial<'a>>,
}

impl Report<'_> {
    /// Did all searches find the same?
    pub(crate) fn agrees(&self) -> bool {
        self.trials.windows(2).all(|pair| pair[0].matches == pair[1].matches)
    }

    pub(crate) fn json(&self) -> Value {
        let trials = self.trials.iter().map(|trial| {
            json!({
                "workers": trial.workers,
                "matches": trial.matches.len(),
                "took_ns": trial.took.as_nanos() as u64,
            })
        });
        json!({
            "pattern": self.pattern,
            "texts": self.corpus.texts.len(),
            "bytes": self.corpus.bytes(),
            "skipped": self.corpus.skipped,
            "trials": trials.collect::<Vec<_>>(),
            "agrees": self.agrees(),
        })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corpus { texts, skipped } = self.corpus;
        let kib = self.corpus.bytes() / 1024;
        write!(
            f,
            "{:?} in {}, {} KiB",
            self.pattern,
            several(texts.len() as u64, "text"),
            count(kib as u64)
        )?;
        if *skipped > 0 {
            write!(
                f,
                "; without {} that cannot be read as text",
                several(*skipped as u64, "file")
            )?;
        }
        f.write_str("\n\n")?;
        let Some(first) = self.trials.first() else { return Ok(()) };
        if first.matches.is_empty() {
            writeln!(f, "no line has it")?;
        }
        for found in first.matches.iter().take(self.show) {
            writeln!(f, "{}:{}: {}", found.text, found.line, found.content.trim())?;
        }
        let others = first.matches.len().saturating_sub(self.show);
        if others > 0 {
            writeln!(f, "... and {} more", count(others as u64))?;
        }
        let mut rows = table(&["workers", "matches", "took", "MiB/s", "times as fast"], 0);
        for trial in &self.trials {
            let seconds = trial.took.as_secs_f64();
            rows.add_row([
                trial.workers.to_string(),
                count(trial.matches.len() as u64),
                time(trial.took),
                format!("{:.0}", kib as f64 / 1024.0 / seconds),
                format!("{:.2}", first.took.as_secs_f64() / seconds),
            ]);
        }
        write!(f, "\n{rows}")?;
        if !self.agrees() {
            f.write_str("\nwrong: the searches do not find the same")?;
        }
        Ok(())
    }
}
