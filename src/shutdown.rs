//! What came of a shutdown, with native functions named.

use crate::target::symbol;
use sortie_scheduler::{Place, Report, Straggler};
use std::time::Duration;

/// What came of a shutdown: whether anything was left, and who. Its text names who, and where.
///
/// ```
/// use sortie::native::{self, Target};
/// use std::time::Duration;
///
/// static NAP: Target = Target::named("a nap");
///
/// let runtime = sortie::Runtime::new()?;
/// let (sender, is_in) = std::sync::mpsc::channel();
/// let (wake, woken) = std::sync::mpsc::channel::<()>();
/// let sleeper = sortie::task::Builder::new().name("sleeper");
/// let task = sleeper.spawn_on(&runtime.handle(), move || {
///     native::call(&NAP, move || {
///         sender.send(()).unwrap();
///         woken.recv()
///     })
/// });
/// is_in.recv()?;
/// // Native code can be asked to return, and not forced.
/// let report = runtime.shutdown(Duration::from_millis(1));
/// assert!(!report.is_clean());
/// assert!(report.to_string().contains("sleeper"), "{report}");
/// drop(wake);
/// assert!(task.join().unwrap_err().is_aborted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
