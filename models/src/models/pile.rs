//! The pile of lenders: whoever looks under the census lock may follow what it sees.
//!
//! A carrier's tasks lend one after the other, and end; the steps of the census (`census.rs`, `worker/finish.rs`) are spread over
//! rooms, so they are repeated here.

use crate::explore::{explore, join, spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::fence::{heavy, light};
use crate::task::Header;
use loom::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::Arc;

const FREED: &str = "pile.kept: a lender is looked at that was freed";

trait Pile: 'static {
    fn new() -> Self;
    fn push(&self, lender: NonNull<Header>) -> bool;
    fn pop(&self, lender: NonNull<Header>);
    fn seen(&self) -> Vec<NonNull<Header>>;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl Pile for $($module)::+::Pile {
            fn new() -> Self {
                <$($module)::+::Pile>::new()
            }
            fn push(&self, lender: NonNull<Header>) -> bool {
                self.push(lender)
            }
            fn pop(&self, lender: NonNull<Header>) {
                self.pop(lender);
            }
            fn seen(&self) -> Vec<NonNull<Header>> {
                self.seen().collect()
            }
        }
    )*};
}

versions!(
    crate::pile,
    crate::mutants::pile_pushes_relaxed,
    crate::mutants::pile_is_seen_relaxed,
    crate::mutants::pile_height_before_note,
    crate::mutants::pile_keeps_its_notes,
);

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    light_fence: bool,
    heavy_fence: bool,
    look_at_the_count: bool,
}

const TRUE: Steps = Steps { light_fence: true, heavy_fence: true, look_at_the_count: true };

struct World<P> {
    pile: P,
    asking: AtomicUsize,
    lock: Mutex<()>,
    step: AtomicUsize,
    tasks: [Header; 2],
    /// What whoever frees a task writes, and who looks at it reads.
    memory: [UnsafeCell<bool>; 2],
}

impl<P: Pile> World<P> {
    fn new() -> Arc<World<P>> {
        let task = |number| Header { next: Cell::new(ptr::null()), number };
        Arc::new(World {
            pile: P::new(),
            asking: AtomicUsize::new(0),
            lock: Mutex::new(()),
            step: AtomicUsize::new(0),
            tasks: [task(0), task(1)],
            memory: [UnsafeCell::new(false), UnsafeCell::new(false)],
        })
    }

    /// Something neutral, around which loom tries both orders.
    fn step(&self) {
        // ORDERING: Relaxed, it is to order nothing.
        self.step.fetch_add(1, Ordering::Relaxed);
    }

    /// A task lends, has its turn again, and ends.
    fn lend_and_end(&self, steps: Steps, number: usize) {
        let task = NonNull::from(&self.tasks[number]);
        assert!(self.pile.push(task));
        self.pile.pop(task);
        if steps.light_fence {
            light();
        }
        // ORDERING: Acquire, as in `Census::is_asked`.
        let is_asked = steps.look_at_the_count && self.asking.load(Ordering::Acquire) > 0;
        let _census = is_asked.then(|| self.lock.lock());
        self.step();
        // SAFETY: the model's claim: nobody looks at it any more. Loom checks it.
        self.memory[number].with_mut(|freed| unsafe { *freed = true });
    }

    /// As `Shared::ask`.
    fn ask(&self, steps: Steps) {
        // ORDERING: Relaxed, as there.
        self.asking.fetch_add(1, Ordering::Relaxed);
        if steps.heavy_fence {
            let _ = heavy();
        }
        let lock = self.lock.lock();
        self.step();
        for task in self.pile.seen() {
            // SAFETY: the headers outlive the model.
            let number = unsafe { task.as_ref() }.number;
            // SAFETY: the model's claim: it is there. Loom checks it.
            let freed = self.memory[number].with(|freed| unsafe { *freed });
            assert!(!freed, "{FREED}");
        }
        drop(lock);
        // ORDERING: Release, as there.
        self.asking.fetch_sub(1, Ordering::Release);
    }
}

fn lenders_end<P: Pile>(steps: Steps) {
    explore(FREED, 3, move || {
        let world = World::<P>::new();
        let its = world.clone();
        let carrier = spawn(move || {
            its.lend_and_end(steps, 0);
            its.lend_and_end(steps, 1);
        });
        world.ask(steps);
        join([carrier]);
    });
}

#[test]
fn no_lender_is_looked_at_that_was_freed() {
    lenders_end::<crate::pile::Pile>(TRUE);
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal, $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            let run: fn() = $run;
            run();
        }
    )*};
}

caught! {
    pile_pushes_relaxed, "pile.kept: a lender is looked at that was freed",
        || lenders_end::<crate::mutants::pile_pushes_relaxed::Pile>(TRUE);
    pile_is_seen_relaxed, "pile.kept: a lender is looked at that was freed",
        || lenders_end::<crate::mutants::pile_is_seen_relaxed::Pile>(TRUE);
    pile_height_before_note, "pile.kept: a lender is looked at that was freed",
        || lenders_end::<crate::mutants::pile_height_before_note::Pile>(TRUE);
    pile_keeps_its_notes, "pile.kept: a lender is looked at that was freed",
        || lenders_end::<crate::mutants::pile_keeps_its_notes::Pile>(TRUE);
    ends_without_fence, "Causality violation",
        || lenders_end::<crate::pile::Pile>(Steps { light_fence: false, ..TRUE });
    asks_without_fence, "Causality violation",
        || lenders_end::<crate::pile::Pile>(Steps { heavy_fence: false, ..TRUE });
    ends_without_a_look, "Causality violation",
        || lenders_end::<crate::pile::Pile>(Steps { look_at_the_count: false, ..TRUE });
}
