//! A hold: a task that goes on in managed code sees it, or who looks sees the task.
//!
//! The task comes to a carrier that says `RUN`, and looks who has a hold, as `hold::pass_by` does; the keeper stores that
//! it has one, and looks at the carriers, as `Shared::is_held` does. The steps are spread over rooms, so they are repeated
//! here.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::Arc;
use std::sync::atomic::AtomicBool as Plain;

const PROMISE: &str = "hold: managed code runs though the world stands";

const WAITING: u64 = 0;
const RUN: u64 = 1;

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    light_fence: bool,
    heavy_fence: bool,
    look_once_more: bool,
}

const TRUE: Steps = Steps { light_fence: true, heavy_fence: true, look_once_more: true };

struct World {
    keeper: AtomicU64,
    word: AtomicU64,
    /// The model's own books.
    stands: Plain,
}

impl World {
    /// A task without a worker goes on.
    fn go_on(&self, steps: Steps) {
        if self.keeper.load(Ordering::Acquire) != 0 {
            return;
        }
        self.word.store(RUN, Ordering::Release);
        if steps.light_fence {
            // ORDERING(asymmetric): SeqCst, as in the scheduler without membarrier.
            fence(Ordering::SeqCst);
        }
        if steps.look_once_more && self.keeper.load(Ordering::Acquire) != 0 {
            self.word.store(WAITING, Ordering::Release);
            return;
        }
        // Managed code.
        assert!(!self.stands.load(Ordering::Relaxed), "{PROMISE}");
        loom::thread::yield_now();
        assert!(!self.stands.load(Ordering::Relaxed), "{PROMISE}");
        self.word.store(WAITING, Ordering::Release);
    }

    /// A hold begins; one look, and if it stands, what is done then.
    fn hold(&self, steps: Steps) {
        self.keeper.store(1, Ordering::Relaxed);
        if steps.heavy_fence {
            // ORDERING(asymmetric): SeqCst, membarrier's place.
            fence(Ordering::SeqCst);
        }
        if self.word.load(Ordering::Acquire) != RUN {
            self.stands.store(true, Ordering::Relaxed);
        }
    }
}

fn one_task(steps: Steps) {
    explore(PROMISE, 3, move || {
        let world = Arc::new(World {
            keeper: AtomicU64::new(0),
            word: AtomicU64::new(WAITING),
            stands: Plain::new(false),
        });
        let task = world.clone();
        let tasks = [spawn(move || task.go_on(steps))];
        world.hold(steps);
        join(tasks);
    });
}

#[test]
fn nobody_runs_while_it_stands() {
    one_task(TRUE);
}

#[test]
#[should_panic(expected = "hold: managed code runs though the world stands")]
fn a_task_without_its_fence() {
    one_task(Steps { light_fence: false, ..TRUE });
}

#[test]
#[should_panic(expected = "hold: managed code runs though the world stands")]
fn a_look_without_its_fence() {
    one_task(Steps { heavy_fence: false, ..TRUE });
}

#[test]
#[should_panic(expected = "hold: managed code runs though the world stands")]
fn a_task_that_looks_only_before_it_has_a_worker() {
    one_task(Steps { look_once_more: false, ..TRUE });
}
