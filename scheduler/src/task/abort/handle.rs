//! Who may abort a task without a right to its output.

use super::{AbortError, ask, ask_or_report};
use crate::task::{Header, Id, TaskRef};

/// Aborts a task, from anywhere: see [`JoinHandle::abort_handle`](crate::JoinHandle::abort_handle).
///
/// Keeps a few hundred bytes of the task after its end.
#[derive(Clone, Debug)]
pub struct AbortHandle(TaskRef);

impl AbortHandle {
    pub(crate) fn new(task: TaskRef) -> AbortHandle {
        AbortHandle(task)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.0
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// True once the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.state.load().is_done()
    }

    /// [`JoinHandle::abort`](crate::JoinHandle::abort).
    pub fn abort(&self) {
        ask_or_report(&self.0, false);
    }

    /// [`JoinHandle::try_abort`](crate::JoinHandle::try_abort).
    ///
    /// # Errors
    /// [`AbortError`]: the program is built with `panic = "abort"`; nothing was done.
    pub fn try_abort(&self) -> Result<(), AbortError> {
        ask(&self.0, false)
    }

    /// If the task runs managed code now, asks it to let others run at its next [`checkpoint`](crate::checkpoint), as the
    /// runtime itself does when others have waited for a while. False: it does not run there. Does not wait.
    ///
    /// Best effort: another task that has taken its place meanwhile may find the request.
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| ());
    /// let handle = task.abort_handle();
    /// task.join()?;
    /// assert!(!handle.ask_to_yield(), "it has ended");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ask_to_yield(&self) -> bool {
        // A carrier names the task that it runs a moment longer than that.
        !self.is_finished() && self.0.shared.ask_to_yield(self.header())
    }

    /// How often the task was made to yield: it was asked to let others run, by [`AbortHandle::ask_to_yield`] or by the
    /// runtime, and did so at a [`checkpoint`](crate::checkpoint).
    pub fn forced_yields(&self) -> u64 {
        self.0.rare().map_or(0, |rare| rare.penalty.forced())
    }

    /// If the task forgoes turns because it was made to yield, it does not any longer. From any thread; does not wait.
    pub fn excuse(&self) {
        self.0.shared.bench.excuse(&self.0);
    }

    /// [`JoinHandle::abort_rudely`](crate::JoinHandle::abort_rudely).
    pub fn abort_rudely(&self) {
        ask_or_report(&self.0, true);
    }
}
