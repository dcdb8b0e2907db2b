//! A task that is kept aside: whoever wakes it, it is queued once, by the carrier that keeps it or by the winner of the wake.
//!
//! The carrier's thread switches the task away, keeps it aside, runs another that notifies it or does not, and suspends it
//! after all if it is there still, as `worker/aside.rs` and `wait/sleeper.rs` do. Another thread wakes it meanwhile. The file
//! names the carrier and the task, so its steps are repeated here, over the task's true state word.

use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::state::{State, Suspend, Wake};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const PROMISE: &str = "aside: a task is woken and not queued, or is in two places";

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    /// Who notifies it on its own thread takes it out of the cell.
    take_out: bool,
    /// It is suspended before the carrier looks further.
    suspend: bool,
    /// A wake that came before is honoured then.
    look_at_wake: bool,
}

const TRUE: Steps = Steps { take_out: true, suspend: true, look_at_wake: true };

struct Task {
    state: State,
    /// What it waits for, with no order of its own.
    condition: AtomicBool,
    /// The carrier's cell, and its ring. The thread's own.
    aside: Cell<bool>,
    ring: Cell<bool>,
    mailbox: AtomicUsize,
    /// The carrier's place to sleep.
    parker: Parker,
    /// Whether its scheduler's reference is somebody's, in the model's own books.
    is_owned: Cell<bool>,
    /// What only its owner touches, as the header's `next` and `fiber`.
    owned: UnsafeCell<u32>,
}

// SAFETY: the cells are the carrier's thread's, or the model's books; loom runs all threads on one of the system's.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    fn touch(&self) {
        // SAFETY: the model's claim: one owner at a time. Loom checks it.
        self.owned.with_mut(|owned| unsafe { *owned += 1 });
    }

    fn take_over(&self) {
        assert!(!self.is_owned.replace(true), "{PROMISE}");
        self.touch();
    }

    /// Into the ring, by the carrier's thread.
    fn queue(&self) {
        assert!(!self.ring.replace(true), "{PROMISE}");
    }

    /// As `Sitter::begin_wake` and `end_wake`, by another task of the carrier's.
    fn notify_here(&self, steps: Steps) {
        if self.aside.get() {
            self.aside.set(!steps.take_out);
            self.queue();
        } else if self.state.transition_to_woken() == Wake::Submit {
            self.take_over();
            self.queue();
        }
    }

    /// The same, by another thread.
    fn wake_elsewhere(&self) {
        // ORDERING: Relaxed, so that only the state word can order it.
        self.condition.store(true, Ordering::Relaxed);
        if self.state.transition_to_woken() == Wake::Submit {
            self.take_over();
            // ORDERING: AcqRel, as a queue orders a push before its pop.
            self.mailbox.fetch_add(1, Ordering::AcqRel);
            self.parker.unpark();
        }
    }

    /// As `Carrier::suspend_aside`.
    fn suspend_aside(&self, steps: Steps) {
        if steps.suspend && self.aside.replace(false) {
            self.is_owned.set(false);
            if self.state.transition_to_suspended() == Suspend::Woken {
                assert!(!self.is_owned.replace(true), "{PROMISE}");
                if steps.look_at_wake {
                    self.queue();
                }
            }
        }
    }

    /// The carrier runs it, if it is queued, or sleeps until it is.
    fn run_next(&self) {
        // ORDERING: AcqRel, as in `wake_elsewhere`.
        while !self.ring.replace(false) && self.mailbox.swap(0, Ordering::AcqRel) == 0 {
            self.parker.park();
        }
        assert!(self.is_owned.get(), "{PROMISE}");
        self.touch();
    }
}

/// The task waits until another thread has woken it; at first another task of its carrier's `notifies` it, too.
fn waits(steps: Steps, notifies: bool) {
    explore(PROMISE, 3, move || {
        let task = Arc::new(Task {
            state: State::new(),
            condition: AtomicBool::new(false),
            aside: Cell::new(false),
            ring: Cell::new(false),
            mailbox: AtomicUsize::new(0),
            parker: Parker::new(),
            is_owned: Cell::new(true),
            owned: UnsafeCell::new(0),
        });
        let other = task.clone();
        let waker = spawn(move || other.wake_elsewhere());
        let mut is_notified = !notifies;
        // ORDERING: Relaxed, as in `wake_elsewhere`.
        while !is_notified || !task.condition.load(Ordering::Relaxed) {
            task.aside.set(true);
            if !is_notified {
                is_notified = true;
                task.notify_here(steps);
            }
            task.suspend_aside(steps);
            task.run_next();
        }
        join([waker]);
    });
}

fn both(steps: Steps) {
    [false, true].into_iter().for_each(|notifies| waits(steps, notifies));
}

#[test]
fn it_is_queued_once_whoever_wakes_it() {
    both(TRUE);
}

#[test]
#[should_panic(expected = "aside: a task is woken and not queued, or is in two places")]
fn one_that_is_not_suspended_after_all() {
    both(Steps { suspend: false, ..TRUE });
}

#[test]
#[should_panic(expected = "aside: a task is woken and not queued, or is in two places")]
fn one_that_is_queued_and_kept() {
    both(Steps { take_out: false, ..TRUE });
}

#[test]
#[should_panic(expected = "aside: a task is woken and not queued, or is in two places")]
fn a_wake_that_came_before_is_overlooked() {
    both(Steps { look_at_wake: false, ..TRUE });
}
