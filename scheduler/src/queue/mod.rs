//! Where ready tasks lie. The one door to crossbeam-deque, whose queues the ring and the injector are; the deque is ours.
//!
//! | queue | who puts | who takes | order |
//! |---|---|---|---|
//! | deque ([`Local`], `deque/`) | the worker's owner | its owner newest first, thieves oldest first, and the newest last | |
//! | ring ([`Local`]) | its owner: tasks that yielded and may move, or find no room in the deque | its owner and thieves, oldest first | FIFO |
//! | [`Injector`] | everybody else: foreign threads, native layers, timers | all workers | FIFO |
//! | re-entry | tasks back from native code whose worker was gone | all workers | FIFO |
//! | [`Ring`] | a carrier: tasks pinned to it, woken there or with turns to take | that carrier | woken ones newest first, the others FIFO |
//! | [`Ranks`], [`ranks::Lanes`] | in place of all these, for tasks of other priorities than the ordinary one | all workers; the carrier | FIFO in each class |
//! | [`Mailbox`] | everybody, for tasks pinned to one carrier | that carrier | FIFO |
//!
//! A task is in one of them at most, and its scheduler's reference travels with it.
//!
//! `local.rs` has the two that travel with a worker, and how they are levelled with another's. Each other one lies in the
//! file of its name, or here.
//!
//! Must not: know who is told of what is queued. `shared/ready.rs` does.

pub(crate) mod bench;
mod deque;
mod local;
mod mailbox;
pub(crate) mod ranks;
mod ring;
#[cfg(test)]
mod tests;

pub(crate) use local::{Local, Newest, Remote};
pub(crate) use mailbox::Mailbox;
pub(crate) use ranks::Ranks;
pub(crate) use ring::Ring;

use crate::task::TaskRef;
use crossbeam_deque::Steal;

/// The queue that everybody may push to.
#[derive(Debug)]
pub(crate) struct Injector(crossbeam_deque::Injector<TaskRef>);

impl Injector {
    pub(crate) fn new() -> Injector {
        Injector(crossbeam_deque::Injector::new())
    }

    pub(crate) fn push(&self, task: TaskRef) {
        self.0.push(task);
    }

    pub(crate) fn pop(&self) -> Option<TaskRef> {
        if self.0.is_empty() {
            return None;
        }
        settle(|| self.0.steal())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Tries again while another thief is in the way.
fn settle<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}
