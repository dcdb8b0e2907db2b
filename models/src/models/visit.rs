//! A foreign thread that comes in while its runtime ends: it is refused, or the end waits for it.
//!
//! The thread marks that it is inside and looks at the stage, as `foreign::visit` does; the shutdown sets the stage and
//! looks at the mark and at what was spawned, as `Shared::live_tasks` does. Neither has a file that could be included, so
//! both are repeated here. The same two steps order a spawn from outside against the end.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::Arc;
use std::sync::atomic::AtomicBool as Plain;

const PROMISE: &str =
    "visit: a thread, or what it has spawned, is in managed code of a runtime that has ended";

const OPEN: usize = 0;
const CLOSING: usize = 1;

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    fence_of_the_visitor: bool,
    fence_of_the_shutdown: bool,
    look_at_the_stage: bool,
    look_at_the_mark_first: bool,
}

const TRUE: Steps = Steps {
    fence_of_the_visitor: true,
    fence_of_the_shutdown: true,
    look_at_the_stage: true,
    look_at_the_mark_first: true,
};

struct Runtime {
    stage: AtomicUsize,
    mark: AtomicU64,
    spawned: AtomicU64,
    /// The model's own books: what is spawned does not end.
    lives: Plain,
    is_gone: Plain,
}

impl Runtime {
    /// `foreign::visit`, and the way out.
    fn visit(&self, steps: Steps) {
        // ORDERING: Relaxed, as in the scheduler: the fence is to order it.
        self.mark.store(1, Ordering::Relaxed);
        if steps.fence_of_the_visitor {
            // ORDERING(shared.stage): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        if !steps.look_at_the_stage || self.stage.load(Ordering::Acquire) == OPEN {
            assert!(!self.is_gone.load(Ordering::Relaxed), "{PROMISE}");
            self.lives.store(true, Ordering::Relaxed);
            // Somewhere in here the shutdown may look.
            loom::thread::yield_now();
            // ORDERING: Relaxed, the weakest count; the mark is to publish it.
            self.spawned.fetch_add(1, Ordering::Relaxed);
        }
        // ORDERING(carrier.visited): Release, as in the scheduler.
        self.mark.store(0, Ordering::Release);
    }

    /// `shutdown::close`, up to its look at `Shared::live_tasks`. True: nothing lives.
    fn close(&self, steps: Steps) -> bool {
        self.stage.fetch_max(CLOSING, Ordering::SeqCst);
        if steps.fence_of_the_shutdown {
            // ORDERING(shared.stage): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        // ORDERING: Relaxed, the weakest look.
        let spawned = || self.spawned.load(Ordering::Relaxed);
        // ORDERING(carrier.visited): Acquire, as in the scheduler.
        let mark = || self.mark.load(Ordering::Acquire);
        let too_early = (!steps.look_at_the_mark_first).then(spawned);
        mark() == 0 && too_early.unwrap_or_else(spawned) == 0
    }
}

fn one_visitor(steps: Steps) {
    explore(PROMISE, 3, move || {
        let runtime = Arc::new(Runtime {
            stage: AtomicUsize::new(OPEN),
            mark: AtomicU64::new(0),
            spawned: AtomicU64::new(0),
            lives: Plain::new(false),
            is_gone: Plain::new(false),
        });
        let visitor = runtime.clone();
        let visitors = [spawn(move || visitor.visit(steps))];
        if runtime.close(steps) {
            assert!(!runtime.lives.load(Ordering::Relaxed), "{PROMISE}");
            runtime.is_gone.store(true, Ordering::Relaxed);
        }
        join(visitors);
    });
}

#[test]
fn nobody_is_inside_after_the_end() {
    one_visitor(TRUE);
}

#[test]
#[should_panic(
    expected = "visit: a thread, or what it has spawned, is in managed code of a runtime that has ended"
)]
fn a_visitor_without_its_fence() {
    one_visitor(Steps { fence_of_the_visitor: false, ..TRUE });
}

#[test]
#[should_panic(
    expected = "visit: a thread, or what it has spawned, is in managed code of a runtime that has ended"
)]
fn a_shutdown_without_its_fence() {
    one_visitor(Steps { fence_of_the_shutdown: false, ..TRUE });
}

#[test]
#[should_panic(
    expected = "visit: a thread, or what it has spawned, is in managed code of a runtime that has ended"
)]
fn a_shutdown_that_looks_at_what_was_spawned_first() {
    one_visitor(Steps { look_at_the_mark_first: false, ..TRUE });
}

#[test]
#[should_panic(
    expected = "visit: a thread, or what it has spawned, is in managed code of a runtime that has ended"
)]
fn a_visitor_that_does_not_look() {
    one_visitor(Steps { look_at_the_stage: false, ..TRUE });
}
