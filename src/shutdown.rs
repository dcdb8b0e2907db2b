//! What came of a shutdown.

use crate::target::symbol;
use crate::task::Id;
use sortie_scheduler::{Place, Report};
use std::time::Duration;

/// What came of a shutdown: whether anything was left, and who.
#[derive(Clone, Debug)]
#[must_use = "a shutdown that left tasks behind says so here"]
pub struct ShutdownReport {
    report: Option<Report>,
    stragglers: Vec<Straggler>,
}

/// A task that a shutdown left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Straggler {
    /// The task's number.
    pub id: Id,
    /// The task's name, if it has one.
    pub name: Option<String>,
    /// Where it was at the deadline.
    pub place: Place,
}

impl ShutdownReport {
    pub(crate) fn new(report: Option<Report>) -> ShutdownReport {
        let stragglers = report.iter().flat_map(Report::stragglers);
        let stragglers = stragglers
            .map(|straggler| Straggler {
                id: straggler.id,
                name: straggler.name.as_deref().map(str::to_owned),
                place: straggler.place,
            })
            .collect();
        ShutdownReport { report, stragglers }
    }

    /// True if every task has ended and nothing of the runtime is left.
    pub fn is_clean(&self) -> bool {
        self.report.as_ref().is_some_and(Report::is_clean)
    }

    /// True if the shutdown was only asked for, by a task of the runtime itself.
    pub fn is_pending(&self) -> bool {
        self.report.is_none()
    }

    /// The tasks that had not ended by the deadline.
    pub fn stragglers(&self) -> &[Straggler] {
        &self.stragglers
    }

    /// How long the shutdown took.
    pub fn elapsed(&self) -> Duration {
        self.report.as_ref().map_or(Duration::ZERO, Report::elapsed)
    }
}

impl std::fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_pending() {
            return f.write_str("the shutdown was asked for by a task, and goes on without it");
        }
        let ms = self.elapsed().as_millis();
        if self.is_clean() {
            return write!(f, "shut down in {ms} ms; nothing is left");
        }
        write!(f, "shut down in {ms} ms; {} tasks were left:", self.stragglers.len())?;
        self.stragglers.iter().try_for_each(|straggler| write!(f, "\n  {straggler}"))
    }
}

impl std::fmt::Display for Straggler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?} (id {}) ", self.id)?,
            None => write!(f, "task {} ", self.id)?,
        }
        match self.place {
            Place::Native { target } => match symbol::find(target) {
                Some(symbol) => write!(
                    f,
                    "in native code: {} of {}",
                    symbol.name.unwrap_or_else(|| format!("{target:#x}")),
                    symbol.library
                ),
                None => write!(f, "in native code at {target:#x}"),
            },
            Place::Managed => f.write_str("in managed code that reaches no suspension point"),
            _ => f.write_str("suspended, and not to be unwound"),
        }
    }
}
