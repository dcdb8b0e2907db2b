//! The hook of a native call: it is run if the task is aborted in the call, and hits nothing that follows.
//!
//! A task makes calls, each with a frame that the hook borrows. Others abort it: they say so in the task's
//! state word, and run the hook if they can claim it. In [`blocked`] a call lasts until its hook has run, so
//! that a hook which nobody runs is a task that sleeps for ever; in [`passing`] calls return when they like.
//! `task/cancel.rs`, which needs the whole scheduler, is repeated here.

use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::state::State;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const PROMISE: &str = "hook: an abort is missed, or a wait for a hook is forgotten";

/// A version of the hook word.
trait Word: 'static {
    fn new() -> Self;
    fn open(&self, record: *mut ());
    fn claim(&self) -> Option<*mut ()>;
    fn finish(&self, again: bool);
    fn close(&self);
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Word for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn open(&self, record: *mut ()) {
                self.open(record);
            }
            fn claim(&self) -> Option<*mut ()> {
                self.claim()
            }
            fn finish(&self, again: bool) {
                self.finish(again);
            }
            fn close(&self) {
                self.close();
            }
        }
    )*};
}

versions!(
    crate::hook::HookWord,
    crate::mutants::hook_open_without_fence::HookWord,
    crate::mutants::hook_claim_without_fence::HookWord,
    crate::mutants::hook_open_relaxed::HookWord,
    crate::mutants::hook_claim_relaxed::HookWord,
    crate::mutants::hook_claim_by_load_and_store::HookWord,
    crate::mutants::hook_finish_relaxed::HookWord,
    crate::mutants::hook_finish_wakes_nobody::HookWord,
    crate::mutants::hook_finish_again_relaxed::HookWord,
    crate::mutants::hook_finish_again_forgets_the_waiter::HookWord,
    crate::mutants::hook_close_does_not_wait::HookWord,
    crate::mutants::hook_close_by_load_and_store::HookWord,
    crate::mutants::hook_close_overlooks_what_was_done::HookWord,
    crate::mutants::hook_close_overlooks_what_may_be_done_again::HookWord,
);

/// The steps of `task/cancel.rs` that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    /// The task looks whether it is aborted after it has opened the word.
    look: bool,
    /// Who aborts says so before the claim.
    says_first: bool,
    /// And runs a fence before it believes that there is no word at all.
    fence: bool,
}

const TRUE_STEPS: Steps = Steps { look: true, says_first: true, fence: true };

struct Place<W> {
    /// The header has its rare part, in which the word lies.
    made: AtomicBool,
    word: W,
    state: State,
    /// The native function sleeps here.
    native: Parker,
    /// What the hook borrows of the call's frame.
    frame: UnsafeCell<usize>,
    /// So that loom tries both orders of what lies around it; see `crossing::Place::step`.
    noise: AtomicUsize,
    /// In the model's books: the call that the task is in; 0 in managed code.
    call: Cell<usize>,
    /// In the model's books: the hooks that were run for that call.
    hooks: Cell<usize>,
}

impl<W: Word> Place<W> {
    fn new() -> Arc<Place<W>> {
        Arc::new(Place {
            made: AtomicBool::new(false),
            word: W::new(),
            state: State::new(),
            native: Parker::new(),
            frame: UnsafeCell::new(0),
            noise: AtomicUsize::new(0),
            call: Cell::new(0),
            hooks: Cell::new(0),
        })
    }

    fn step(&self) {
        // ORDERING: Relaxed, it must order nothing.
        self.noise.fetch_add(1, Ordering::Relaxed);
    }

    /// A use of the frame that must not meet another.
    fn use_frame(&self) {
        self.frame.with_mut(|frame| {
            // SAFETY: loom fails the model before two uses meet.
            unsafe { *frame += 1 };
        });
    }

    // ---- the task: `cancellable` ----

    /// One call, in which `native` runs. False: it was aborted, and not made.
    fn call(&self, number: usize, steps: Steps, native: impl FnOnce()) -> bool {
        if self.state.load().is_abort_requested() {
            return false;
        }
        self.use_frame();
        self.hooks.set(0);
        self.call.set(number);
        // ORDERING(task.rare): Release, pairs with the Acquire in `interrupt`.
        self.made.store(true, Ordering::Release);
        self.word.open(std::ptr::without_provenance_mut(number));
        let made = !(steps.look && self.state.load().is_abort_requested());
        if made {
            native();
        }
        self.word.close();
        self.call.set(0);
        self.use_frame();
        self.step();
        made
    }

    // ---- the others: `TaskRef::abort` and `interrupt` ----

    fn abort(&self, steps: Steps, runs: usize) {
        if steps.says_first {
            let _ = self.state.transition_to_aborting();
        }
        self.interrupt(steps, runs);
        if !steps.says_first {
            let _ = self.state.transition_to_aborting();
        }
    }

    /// The hook wants to be run so often.
    fn interrupt(&self, steps: Steps, runs: usize) {
        // ORDERING(task.rare): Acquire, pairs with the Release in `call`.
        if !self.made.load(Ordering::Acquire) {
            if steps.fence {
                // ORDERING(hook.abort): SeqCst, pairs with the fence in `HookWord::open`.
                fence(Ordering::SeqCst);
            }
            // ORDERING(task.rare): Acquire, as above.
            if !self.made.load(Ordering::Acquire) {
                return;
            }
        }
        let Some(record) = self.word.claim() else { return };
        assert_eq!(self.call.get(), record.addr(), "hook: it hits what follows");
        assert!(self.hooks.get() < runs, "hook: it is run too often");
        self.use_frame();
        self.step();
        assert_eq!(self.call.get(), record.addr(), "hook: it hits what follows");
        self.hooks.set(self.hooks.get() + 1);
        let again = self.hooks.get() < runs;
        if !again {
            self.native.unpark();
        }
        self.word.finish(again);
    }
}

/// A call that lasts until its hook has run `runs` times. Who aborts tries so often.
fn blocked<W: Word>(aborters: usize, runs: usize, preemptions: usize, steps: Steps) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<W>::new();
        let threads: Vec<_> = (0..aborters)
            .map(|_| {
                let place = place.clone();
                spawn(move || (0..runs).for_each(|_| place.abort(steps, runs)))
            })
            .collect();
        place.call(1, steps, || {
            while place.hooks.get() < runs {
                place.native.park();
            }
        });
        join(threads);
    });
}

/// Calls that return at once.
fn passing<W: Word>(aborters: usize, runs: usize, preemptions: usize, steps: Steps) {
    explore(PROMISE, preemptions, move || {
        let place = Place::<W>::new();
        let threads: Vec<_> = (0..aborters)
            .map(|_| {
                let place = place.clone();
                spawn(move || (0..runs).for_each(|_| place.abort(steps, runs)))
            })
            .collect();
        for number in 1..=2 {
            if !place.call(number, steps, || place.step()) {
                break;
            }
        }
        join(threads);
    });
}

type True = crate::hook::HookWord;

#[test]
fn an_abort_ends_a_call() {
    blocked::<True>(1, 1, 3, TRUE_STEPS);
}

#[test]
fn two_aborts_end_a_call() {
    blocked::<True>(2, 1, 2, TRUE_STEPS);
}

#[test]
fn a_hook_that_is_run_again_ends_a_call() {
    blocked::<True>(1, 2, 3, TRUE_STEPS);
}

#[test]
fn a_hook_hits_its_call() {
    passing::<True>(1, 1, 3, TRUE_STEPS);
}

#[test]
fn one_of_two_hits_its_call() {
    passing::<True>(2, 1, 2, TRUE_STEPS);
}

#[test]
fn a_hook_that_is_run_again_hits_its_call() {
    passing::<True>(1, 2, 3, TRUE_STEPS);
}

#[test]
#[should_panic(expected = "hook: an abort is missed")]
fn a_task_that_does_not_look_again() {
    blocked::<True>(1, 1, 3, Steps { look: false, ..TRUE_STEPS });
}

#[test]
#[should_panic(expected = "hook: an abort is missed")]
fn an_abort_that_is_said_late() {
    blocked::<True>(1, 1, 3, Steps { says_first: false, ..TRUE_STEPS });
}

#[test]
#[should_panic(expected = "hook: an abort is missed")]
fn an_abort_that_looks_for_a_word_without_a_fence() {
    blocked::<True>(1, 1, 3, Steps { fence: false, ..TRUE_STEPS });
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal: $model:ident, $aborters:literal, $runs:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            $model::<crate::mutants::$mutant::HookWord>($aborters, $runs, 3, TRUE_STEPS);
        }
    )*};
}

caught! {
    hook_open_without_fence, "hook: an abort is missed": blocked, 1, 1;
    hook_claim_without_fence, "hook: an abort is missed": blocked, 1, 1;
    hook_open_relaxed, "hook: it hits what follows": passing, 1, 1;
    hook_claim_relaxed, "hook: it hits what follows": passing, 1, 1;
    hook_claim_by_load_and_store, "hook: it": passing, 2, 1;
    hook_finish_relaxed, "Causality violation": passing, 1, 1;
    hook_finish_wakes_nobody, "a wait for a hook is forgotten": passing, 1, 1;
    hook_finish_again_relaxed, "Causality violation": passing, 1, 2;
    hook_finish_again_forgets_the_waiter, "a wait for a hook is forgotten": passing, 1, 2;
    hook_close_does_not_wait, "Causality violation": passing, 1, 1;
    hook_close_by_load_and_store, "Causality violation": passing, 1, 1;
    hook_close_overlooks_what_was_done, "Causality violation": passing, 1, 1;
    hook_close_overlooks_what_may_be_done_again, "Causality violation": passing, 1, 2;
}
