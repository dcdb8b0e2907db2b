//! What came of a shutdown, with native functions named.

use crate::target::symbol;
use sortie_scheduler::{Place, Report, Straggler};
use std::time::Duration;

/// What came of a shutdown: whether anything was left, and who.
#[derive(Clone, Debug)]
#[must_use = "a shutdown that left tasks behind says so here"]
pub struct ShutdownReport(Option<Report>);

impl ShutdownReport {
    pub(crate) fn new(report: Option<Report>) -> ShutdownReport {
        ShutdownReport(report)
    }

    /// True if every task has ended and nothing of the runtime is left.
    pub fn is_clean(&self) -> bool {
        self.0.as_ref().is_some_and(Report::is_clean)
    }

    /// True if the shutdown was only asked for, by a task of the runtime itself.
    pub fn is_pending(&self) -> bool {
        self.0.is_none()
    }

    /// The tasks that had not ended by the deadline.
    pub fn stragglers(&self) -> &[Straggler] {
        self.0.as_ref().map_or(&[], Report::stragglers)
    }

    /// How long the shutdown took.
    pub fn elapsed(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, Report::elapsed)
    }
}

impl std::fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(report) = &self.0 else {
            return f.write_str("the shutdown was asked for by a task, and goes on without it");
        };
        report.fmt(f)?;
        // What the scheduler knows by its address, the loader knows by its name.
        for straggler in report.stragglers() {
            if let Place::Native { target } = straggler.place
                && let Some(symbol) = symbol::find(target)
            {
                let name = symbol.name.as_deref().unwrap_or("a function without a name");
                write!(f, "\n  {target:#x} is {name} of {}", symbol.library)?;
            }
        }
        Ok(())
    }
}
