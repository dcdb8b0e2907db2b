//! A foreign thread that comes in while its runtime ends: it is refused, or the end waits for it.
//!
//! The thread counts its visit and looks at the stage, as `foreign::visit` does; the shutdown sets the stage and
//! looks at the counts, as `Shared::live_tasks` does. Neither has a file that could be included, so both are
//! repeated here. The same two steps order a spawn from outside against the end.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::Arc;
use std::sync::atomic::AtomicBool as Plain;

const PROMISE: &str = "visit: a thread is in managed code of a runtime that has ended";

const OPEN: usize = 0;
const CLOSING: usize = 1;

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    fence_of_the_visitor: bool,
    fence_of_the_shutdown: bool,
    look_at_the_stage: bool,
}

const TRUE: Steps =
    Steps { fence_of_the_visitor: true, fence_of_the_shutdown: true, look_at_the_stage: true };

struct Runtime {
    stage: AtomicUsize,
    visits: AtomicU64,
    ended: AtomicU64,
    /// The model's own books.
    is_inside: Plain,
    is_gone: Plain,
}

impl Runtime {
    /// `foreign::visit`, and the way out.
    fn visit(&self, steps: Steps) {
        // ORDERING: Relaxed, here and below, as the scheduler's counters: the fences are to order them.
        self.visits.fetch_add(1, Ordering::Relaxed);
        if steps.fence_of_the_visitor {
            // ORDERING(shared.stage): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        if !steps.look_at_the_stage || self.stage.load(Ordering::Acquire) == OPEN {
            assert!(!self.is_gone.load(Ordering::Relaxed), "{PROMISE}");
            self.is_inside.store(true, Ordering::Relaxed);
            // Somewhere in here the shutdown may look.
            loom::thread::yield_now();
            self.is_inside.store(false, Ordering::Relaxed);
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// `shutdown::close`, up to its look at `Shared::live_tasks`. True: nothing lives.
    fn close(&self, steps: Steps) -> bool {
        self.stage.fetch_max(CLOSING, Ordering::SeqCst);
        let finished = self.ended.load(Ordering::Relaxed);
        if steps.fence_of_the_shutdown {
            // ORDERING(shared.stage): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        self.visits.load(Ordering::Relaxed) == finished
    }
}

fn one_visitor(steps: Steps) {
    explore(PROMISE, 3, move || {
        let runtime = Arc::new(Runtime {
            stage: AtomicUsize::new(OPEN),
            visits: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            is_inside: Plain::new(false),
            is_gone: Plain::new(false),
        });
        let visitor = runtime.clone();
        let visitors = [spawn(move || visitor.visit(steps))];
        if runtime.close(steps) {
            assert!(!runtime.is_inside.load(Ordering::Relaxed), "{PROMISE}");
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
#[should_panic(expected = "visit: a thread is in managed code of a runtime that has ended")]
fn a_visitor_without_its_fence() {
    one_visitor(Steps { fence_of_the_visitor: false, ..TRUE });
}

#[test]
#[should_panic(expected = "visit: a thread is in managed code of a runtime that has ended")]
fn a_shutdown_without_its_fence() {
    one_visitor(Steps { fence_of_the_shutdown: false, ..TRUE });
}

#[test]
#[should_panic(expected = "visit: a thread is in managed code of a runtime that has ended")]
fn a_visitor_that_does_not_look() {
    one_visitor(Steps { look_at_the_stage: false, ..TRUE });
}
