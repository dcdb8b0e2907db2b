//! Who is told of the end of a wait.

use super::abort::Raiser;
use super::cancel;
use super::reference::TaskRef;
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
    /// Fetches into the cache what a wake touches.
    pub(crate) fn prefetch(&self) {
        if let Waker::Task(task) = self {
            task.prefetch();
        }
    }

    /// Does who is woken go on where it is now, and nowhere else?
    pub(crate) fn stays(&self) -> bool {
        match self {
            Waker::Task(task) => !task.migrating,
            Waker::Raiser(raiser) => raiser.stays(),
            Waker::Thread(_) | Waker::Hook(_) => false,
        }
    }

    /// As [`Waker::wake`], because the time of the timer of this number has come.
    pub(crate) fn ring(&self, timer: u64) {
        match self {
            Waker::Task(task) => task.ring(timer),
            other => other.wake(),
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
