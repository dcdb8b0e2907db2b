//! A task ends while whoever holds its handle joins it, gives that up, or drops the handle.

use super::{End, Owed, State};
use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const JOINER_SLEEPS: &str = "task.state: the joiner of a task that ended is not woken";

/// What the holder of the join handle does.
#[derive(Clone, Copy)]
enum Holder {
    Joins,
    GivesUp,
    Detaches,
}

struct Ending<S> {
    state: S,
    output: UnsafeCell<u32>,
    /// How often the output was taken or dropped. Not the model's to order.
    outputs_taken: Cell<u32>,
    /// The joiner's waker, present or not. Not the model's to order.
    waker: Cell<bool>,
    parker: Parker,
    /// The scheduler's reference, the handle's, and one of who wakes the task.
    refs: AtomicUsize,
    /// What whoever has a reference may read, and who gives up the last one frees.
    header: UnsafeCell<u32>,
    freed: Cell<bool>,
}

impl<S: State> Ending<S> {
    /// As `complete::complete`, which first tries to leave the task to its handle, if `leaves`, and its loop.
    fn end(&self, leaves: bool) {
        // SAFETY: the model's claim: the output is the completer's until the task is done.
        self.output.with_mut(|output| unsafe { *output = 1 });
        self.look();
        if leaves && self.state.left() {
            return;
        }
        self.complete();
        self.look();
        self.release(1);
    }

    fn look(&self) {
        assert!(!self.freed.get(), "task.refs: a task is used that was freed");
        // SAFETY: the model's claim: it is there as long as a reference is. Loom checks it.
        self.header.with(|header| unsafe { *header });
    }

    /// As `TaskRef::release`.
    fn release(&self, count: usize) {
        // ORDERING: as there.
        let are_last = self.refs.load(Ordering::Acquire) == count;
        if are_last || self.refs.fetch_sub(count, Ordering::Release) == count {
            fence(Ordering::Acquire);
            assert!(!self.freed.replace(true), "task.refs: a task is freed twice");
            // SAFETY: the model's claim: nobody else has a reference. Loom checks it.
            self.header.with_mut(|header| unsafe { *header += 1 });
        }
    }

    /// As `TaskRef::give_up_done`.
    fn give_up_done(&self) {
        self.release(if self.state.is_left() { 2 } else { 1 });
    }

    /// As `complete::complete_in_public`.
    fn complete(&self) {
        let mut owed = self.state.done(false);
        if owed == End::DropOutput {
            self.take_output();
            owed = self.state.done(true);
        }
        if owed == End::WakeJoiner {
            self.take_waker();
            self.parker.unpark();
        }
    }

    fn take_output(&self) {
        let taken = self.outputs_taken.replace(self.outputs_taken.get() + 1);
        assert_eq!(taken, 0, "task.state: the output is dropped exactly once");
        // SAFETY: the model's claim: the taker is the output's only owner. Loom checks it.
        self.output.with_mut(|output| unsafe { *output += 1 });
    }

    fn take_waker(&self) {
        assert!(self.waker.replace(false), "task.state: the joiner's waker has two owners");
    }

    /// As `join::wait_for` and `JoinHandle::join`.
    fn join(&self, gives_up: bool) {
        if !self.state.is_done() {
            self.waker.set(true);
            if !self.state.joined() {
                self.take_waker();
            } else if gives_up {
                if self.state.unjoined() {
                    self.take_waker();
                }
                return self.detach();
            } else {
                while !self.state.is_done() {
                    self.parker.park();
                }
            }
        }
        self.take_output();
        self.give_up_done();
    }

    fn detach(&self) {
        if self.state.detached() {
            self.take_output();
            self.give_up_done();
        } else {
            self.release(1);
        }
    }
}

fn ends<S: State>(holder: Holder) {
    ends_by::<S>(holder, false);
}

/// `leaves`: the task leaves its reference to its handle, if that can be.
fn ends_by<S: State>(holder: Holder, leaves: bool) {
    explore(JOINER_SLEEPS, 3, move || {
        let task = Arc::new(Ending {
            state: S::new(),
            output: UnsafeCell::new(0),
            outputs_taken: Cell::new(0),
            waker: Cell::new(false),
            parker: Parker::new(),
            refs: AtomicUsize::new(3),
            header: UnsafeCell::new(0),
            freed: Cell::new(false),
        });
        let completer = {
            let task = task.clone();
            spawn(move || task.end(leaves))
        };
        let waker = {
            let task = task.clone();
            spawn(move || {
                match task.state.woken() {
                    Owed::Nothing => {}
                    _ => panic!("task.state: a wake of a task that never paused is owed something"),
                }
                task.release(1);
            })
        };
        match holder {
            Holder::Joins => task.join(false),
            Holder::GivesUp => task.join(true),
            Holder::Detaches => task.detach(),
        }
        join([completer, waker]);
        let taken = task.outputs_taken.get();
        assert_eq!(taken, 1, "task.state: the output is dropped exactly once");
        assert!(!task.waker.get(), "task.state: the joiner's waker has no owner");
        assert!(task.freed.get(), "task.refs: a task that nobody refers to is not freed");
    });
}

const HOLDERS: [Holder; 3] = [Holder::Joins, Holder::GivesUp, Holder::Detaches];

#[test]
fn an_end_is_told_once() {
    HOLDERS.into_iter().for_each(ends::<crate::state::State>);
}

#[test]
fn a_task_that_is_left_to_its_handle_is_freed_once() {
    HOLDERS.into_iter().for_each(|holder| ends_by::<crate::state::State>(holder, true));
}

caught! {
    state_detach_does_not_report_done, "task.state: the output is dropped exactly once",
        || ends::<State>(Holder::Detaches);
    state_done_always_drops, "task.state: the output is dropped exactly once",
        || ends::<State>(Holder::Detaches);
    state_done_never_drops, "task.state: the output is dropped exactly once",
        || ends::<State>(Holder::Detaches);
    state_done_forgets_the_joiner, "task.state: the joiner of a task that ended is not woken",
        || ends::<State>(Holder::Joins);
    state_join_after_done_waits, "task.state: the joiner's waker has no owner",
        || ends::<State>(Holder::Joins);
    state_unjoin_after_done_takes_back, "task.state: the joiner's waker has two owners",
        || ends::<State>(Holder::GivesUp);
    state_left_to_a_joiner, "task.state: the joiner of a task that ended is not woken",
        || ends_by::<State>(Holder::Joins, true);
    state_left_to_nobody, "task.state: the output is dropped exactly once",
        || ends_by::<State>(Holder::Detaches, true);
    state_left_and_not_said, "task.refs: a task that nobody refers to is not freed",
        || ends_by::<State>(Holder::Joins, true);
    state_changes_relaxed, "Causality violation",
        || ends::<State>(Holder::Joins);
}
