//! Who is told of the end of a wait.

use super::abort::Raiser;
use super::cancel;
use super::reference::TaskRef;
use super::state::Wake;
use crate::park::Parker;
use crate::sync::Arc;

/// Somebody who waits: a task, or a thread that is not ours or has a native layer on top.
#[derive(Clone)]
pub(crate) enum Waker {
    Task(TaskRef),
    Thread(Arc<Parker>),
    /// Nobody: the hook of the native call that the task is in is to be run once more.
    Hook(TaskRef),
    /// Nobody: a scope of a task's is to be ended.
    Raiser(Raiser),
}

impl Waker {
    /// Fetches into the cache what a wake touches, and what the one that goes on does of its own.
    pub(crate) fn prefetch(&self) {
        if let Waker::Task(task) = self {
            task.prefetch_whole();
        }
    }

    /// Does who is woken go on where it is now, and nowhere else?
    pub(crate) fn stays(&self) -> bool {
        match self {
            Waker::Task(task) => task.is_pinned(),
            Waker::Raiser(raiser) => raiser.stays(),
            Waker::Thread(_) | Waker::Hook(_) => false,
        }
    }

    /// As [`Waker::wake`], because the time of the timer of this number has come, but for what
    /// [`Waker::end_ring`] is to do with the answer.
    pub(crate) fn begin_ring(&self, timer: u64) -> Wake {
        if let Waker::Task(task) = self {
            return task.begin_ring(timer);
        }
        self.wake();
        Wake::Nothing
    }

    /// Fetches into the cache where the one rested that is to go on.
    #[inline]
    pub(crate) fn prefetch_stack(&self, owed: Wake) {
        if let (Waker::Task(task), Wake::Submit) = (self, owed) {
            // It is the winner's, until it is queued.
            task.prefetch_stack();
        }
    }

    /// Fetches what it touches beside that.
    #[inline]
    pub(crate) fn prefetch_rest(&self, owed: Wake) {
        if let (Waker::Task(task), Wake::Submit) = (self, owed) {
            task.prefetch_rest();
        }
    }

    /// Does what is left of [`Waker::begin_ring`].
    pub(crate) fn end_ring(self, owed: Wake) {
        if let Waker::Task(task) = self {
            task.settle(owed);
        }
    }

    /// Ends the wait. May be called more than once, and for no reason.
    pub(crate) fn wake(&self) {
        match self {
            Waker::Task(task) => task.wake(),
            Waker::Thread(parker) => parker.unpark(),
            Waker::Hook(task) => cancel::interrupt(task),
            Waker::Raiser(raiser) => drop(raiser.raise()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Waker;
    use crate::{Config, affinity, wait};

    #[test]
    fn who_is_bound_to_its_thread_for_a_while_stays_for_so_long() {
        // SAFETY: the task keeps nothing of its thread over a suspension.
        let scheduler = unsafe { Config::new().workers(1).migrating() }.start().unwrap();
        let stays = || {
            let (_, task) = wait::managed().expect("in a task");
            Waker::Task(wait::reference(task)).stays()
        };
        let task = scheduler.spawn(move || {
            let before = stays();
            affinity::begin();
            let bound = stays();
            assert!(affinity::end());
            [before, bound, stays()]
        });
        assert_eq!(task.join().unwrap(), [false, true, false]);
    }
}
