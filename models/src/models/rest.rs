//! A task that passes its turn on is queued before it is away: who takes it goes on with it once nothing runs on its stack.
//!
//! Two threads pass a task to and fro. Each that has it runs on its stack, announces that it leaves, queues it, as
//! `pass_among_all` does, and leaves: the rest of its stack is written, then the word, as the switch does. Who takes it from
//! the queue waits until it is away, as `resume` does. The stack is loom's cell, so that two who are on it at once are
//! found.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::cell::UnsafeCell;
use std::sync::Arc;

const PROMISE: &str = "rest: a task goes on from where it rested before, or does not go on";

/// A version of the word.
trait Rest: Send + Sync + 'static {
    fn new(stack_pointer: usize) -> Self;
    fn get(&self) -> usize;
    fn announce(&self);
    fn is_reached(&self) -> bool;
    fn word(&self) -> &AtomicUsize;
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Rest for $version {
            fn new(stack_pointer: usize) -> Self {
                <$version>::new(stack_pointer)
            }
            fn get(&self) -> usize {
                self.get()
            }
            fn announce(&self) {
                self.announce();
            }
            fn is_reached(&self) -> bool {
                self.is_reached()
            }
            fn word(&self) -> &AtomicUsize {
                &self.0
            }
        }
    )*};
}

versions!(
    crate::rest::Rest,
    crate::mutants::rest_announces_nothing::Rest,
    crate::mutants::rest_is_reached_at_once::Rest,
    crate::mutants::rest_is_reached_relaxed::Rest,
);

/// The steps that the model repeats.
#[derive(Clone, Copy)]
struct Steps {
    /// It is announced before it is queued, not behind that.
    announced_first: bool,
    /// Who takes it waits.
    waits: bool,
    /// That it is away is written last, not before the rest of its stack.
    away_last: bool,
    /// As what the switch writes it.
    written: Ordering,
}

const TRUE: Steps =
    Steps { announced_first: true, waits: true, away_last: true, written: Ordering::Release };

struct Task<R> {
    rest: R,
    /// How often it has left: what a stack holds.
    stack: UnsafeCell<usize>,
    is_queued: AtomicBool,
}

// SAFETY: the stack is touched by who goes on with the task; loom looks whether that is so.
unsafe impl<R: Rest> Sync for Task<R> {}
// SAFETY: as above.
unsafe impl<R: Rest> Send for Task<R> {}

impl<R: Rest> Task<R> {
    /// A pass, by the thread that runs it. Its stack pointer is another each time.
    fn pass(&self, turn: usize, steps: Steps) {
        if steps.announced_first {
            self.rest.announce();
        }
        self.is_queued.store(true, Ordering::Release);
        if !steps.announced_first {
            self.rest.announce();
        }
        let leave = || self.rest.word().store(turn, steps.written);
        if !steps.away_last {
            leave();
        }
        // SAFETY: who runs the task is alone on its stack.
        self.stack.with_mut(|stack| unsafe { *stack = turn });
        if steps.away_last {
            leave();
        }
    }

    /// A thief that finds it resumes it: what it finds on the stack.
    fn take(&self, steps: Steps) -> Option<usize> {
        let queued = &self.is_queued;
        queued.compare_exchange(true, false, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        while steps.waits && !self.rest.is_reached() {
            loom::thread::yield_now();
        }
        let stack_pointer = self.rest.get();
        // SAFETY: as in `pass`.
        let found = self.stack.with(|stack| unsafe { *stack });
        assert_eq!(stack_pointer, found, "{PROMISE}");
        Some(found)
    }
}

fn to_and_fro<R: Rest>(steps: Steps) {
    explore(PROMISE, 3, move || {
        // It has rested before.
        let task = Arc::new(Task {
            rest: R::new(1),
            stack: UnsafeCell::new(1),
            is_queued: AtomicBool::new(false),
        });
        let thief = task.clone();
        let thief = spawn(move || {
            let found = thief.take(steps);
            if let Some(turn) = found {
                thief.pass(turn + 1, steps);
            }
        });
        task.pass(2, steps);
        if let Some(turn) = task.take(steps) {
            task.pass(turn + 1, steps);
        }
        join([thief]);
        // Whoever had it last has left it.
        assert!(task.take(steps).is_some(), "{PROMISE}");
    });
}

#[test]
fn who_takes_a_task_goes_on_where_it_rests() {
    to_and_fro::<crate::rest::Rest>(TRUE);
}

macro_rules! caught {
    ($($mutant:ident: $words:literal),* $(,)?) => {$(
        #[test]
        #[should_panic(expected = $words)]
        fn $mutant() {
            to_and_fro::<crate::mutants::$mutant::Rest>(TRUE);
        }
    )*};
}

caught!(
    rest_announces_nothing: "Causality violation",
    rest_is_reached_at_once: "Causality violation",
    rest_is_reached_relaxed: "Causality violation",
);

#[test]
#[should_panic(expected = "Causality violation")]
fn one_that_is_announced_behind_its_queueing() {
    to_and_fro::<crate::rest::Rest>(Steps { announced_first: false, ..TRUE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_thief_that_does_not_wait() {
    to_and_fro::<crate::rest::Rest>(Steps { waits: false, ..TRUE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn one_that_is_away_before_its_stack_is_written() {
    to_and_fro::<crate::rest::Rest>(Steps { away_last: false, ..TRUE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn one_that_leaves_relaxed() {
    to_and_fro::<crate::rest::Rest>(Steps { written: Ordering::Relaxed, ..TRUE });
}
