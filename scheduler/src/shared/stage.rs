//! How far the end of the runtime has come: a number that only goes up.

use super::Shared;
use crate::sync::atomic::Ordering;
use crate::task::join_error::Refusal;

/// How far the end of the runtime has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(usize)]
pub(crate) enum Stage {
    /// Tasks are spawned and run.
    Open,
    /// Spawns are refused, suspended tasks are aborted.
    Closing,
    /// All tasks have ended: carriers end.
    Stopping,
    /// The deadline is past: no worker is given any more, tasks that are left are stragglers.
    Terminated,
    /// This is the child of a `fork`, and the runtime's threads are not here: see [`crate::fork`].
    Forked,
}

impl Shared {
    pub(crate) fn enter_stage(&self, stage: Stage) -> bool {
        // ORDERING(shared.stage): SeqCst, before the look at queues and counts that follows.
        self.stage.fetch_max(stage as usize, Ordering::SeqCst) < stage as usize
    }

    #[inline]
    fn has_reached(&self, stage: Stage) -> bool {
        // ORDERING(shared.stage): Acquire, pairs with `enter_stage`.
        self.stage.load(Ordering::Acquire) >= stage as usize
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.has_reached(Stage::Closing)
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.has_reached(Stage::Stopping)
    }

    #[inline]
    pub(crate) fn is_terminated(&self) -> bool {
        self.has_reached(Stage::Terminated)
    }

    /// Is this a child of `fork`, in which the runtime's locks and queues must not be touched?
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.has_reached(Stage::Forked)
    }

    /// Why a task is refused once the runtime is closing.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.is_forked() { Refusal::Forked } else { Refusal::ShutDown }
    }

    /// A task has ended; if the runtime is closing, whoever waits for that looks again.
    #[inline]
    pub(crate) fn after_finish(&self) {
        if self.is_closing() {
            self.closer.unpark();
        }
    }
}
