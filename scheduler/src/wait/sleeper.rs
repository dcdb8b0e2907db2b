//! Who stands in a line: how it is woken, and where it can run.

use super::due::Waiting;
use super::{Waiter, Who, is_switchable, kept_task};
use crate::sync::atomic::Ordering;
use crate::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// See the module.
#[derive(Clone)]
pub(crate) struct Sleeper {
    waker: Waker,
    /// The address of the carrier that the task is pinned to, or 0.
    home: usize,
    /// The address of the carrier that it holds while it waits, or 0.
    holds: usize,
}

impl Sleeper {
    pub(crate) fn new(waiter: &Waiter) -> Sleeper {
        let kept = kept_task();
        let in_place = match &waiter.who {
            Who::Task(_) => kept.is_some_and(|(_, task)| !is_switchable(task)),
            // A task in native code waits as a thread does, and its carrier with it.
            Who::Thread(_) => true,
        };
        let holds =
            kept.filter(|_| in_place).map(|(carrier, _)| std::ptr::from_ref(carrier).addr());
        let home = kept
            .filter(|(_, task)| task.is_pinned())
            // ORDERING: Relaxed, the owner reads what an owner wrote before it.
            .map(|(_, task)| task.home.load(Ordering::Relaxed).addr());
        Sleeper { waker: waiter.waker(), home: home.unwrap_or(0), holds: holds.unwrap_or(0) }
    }
}

impl Waiting for Sleeper {
    fn wake(&self) {
        // A subscriber that panics has said so by the hook. Let through, its panic would end a wait
        // between a permit and its holder, or a second one the process. An abort that is raised
        // in a subscriber which waits is raised again at the next suspension point.
        let _ = catch_unwind(AssertUnwindSafe(|| self.waker.wake()));
    }

    fn is_lost(&self) -> bool {
        match &self.waker {
            Waker::Task(task) | Waker::Hook(task) => task.shared.is_terminated(),
            // A thread that sleeps as a thread outlives every runtime.
            Waker::Thread(_) | Waker::Raiser(_) => false,
        }
    }

    fn home(&self) -> usize {
        self.home
    }

    fn holds(&self) -> usize {
        self.holds
    }
}
