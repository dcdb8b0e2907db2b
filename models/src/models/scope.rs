//! A scope that another ends: what it is due for is seen by its task, is not forgotten when a scope inside ends, and
//! hits nothing behind it.
//!
//! A task has two scopes, one inside the other, each with a raiser on another thread. It waits in the inner one
//! until the outer one is due, leaving the inner one in between; a raise that is forgotten is a task that sleeps for
//! ever. `task/abort/scope.rs`, which needs the whole scheduler, is repeated here over the true words.

use crate::explore::{explore, join, spawn};
use crate::hook::HookWord;
use crate::park::Parker;
use crate::state::{State, Suspend, Wake};
use crate::sync::atomic::{AtomicBool, Ordering};
use std::cell::Cell;
use std::sync::Arc;

const PROMISE: &str = "scope: a raise is forgotten";

/// The steps that a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    /// Who raises says that the scope is due before he asks the task.
    says_first: bool,
    /// A scope that ends looks at those that are left.
    looks_again: bool,
    /// A scope that ends waits for one who is about to raise.
    closes: bool,
}

const TRUE_STEPS: Steps = Steps { says_first: true, looks_again: true, closes: true };

/// As `Signal`.
struct Scope {
    word: HookWord,
    due: AtomicBool,
    /// In the model's books: its code has not ended.
    open: Cell<bool>,
}

impl Scope {
    fn new() -> Scope {
        Scope { word: HookWord::new(), due: AtomicBool::new(false), open: Cell::new(false) }
    }

    fn is_due(&self) -> bool {
        // ORDERING: Relaxed, as in `Signal::is_due`.
        self.due.load(Ordering::Relaxed)
    }
}

struct Place {
    state: State,
    parker: Parker,
    scopes: [Scope; 2],
}

impl Place {
    /// As `Raiser::raise`.
    fn raise(&self, scope: &Scope, steps: Steps) {
        if scope.word.claim().is_none() {
            return;
        }
        assert!(scope.open.get(), "scope: a raise hits what follows");
        if steps.says_first {
            // ORDERING: Relaxed, as in `Raiser::raise`.
            scope.due.store(true, Ordering::Relaxed);
        }
        if self.state.transition_to_raising() != Wake::Nothing {
            self.parker.unpark();
        }
        if !steps.says_first {
            // ORDERING: Relaxed, as above.
            scope.due.store(true, Ordering::Relaxed);
        }
        assert!(scope.open.get(), "scope: a raise hits what follows");
        scope.word.finish(false);
    }

    fn open(&self, scope: &Scope) {
        scope.open.set(true);
        scope.word.open(std::ptr::null_mut());
    }

    /// As `close`: with the scopes that are left.
    fn close(&self, scope: &Scope, left: &[&Scope], steps: Steps) {
        if steps.closes {
            scope.word.close();
        }
        scope.open.set(false);
        if self.state.load().is_raised() {
            self.state.transition_to_settled();
            if steps.looks_again && left.iter().any(|scope| scope.is_due()) {
                let _ = self.state.transition_to_raising();
            }
        }
    }

    /// A suspension point: the outermost of these that is due.
    fn due<'a>(&self, scopes: &[&'a Scope]) -> Option<&'a Scope> {
        if !self.state.load().is_raised() {
            return None;
        }
        scopes.iter().find(|scope| scope.is_due()).copied()
    }

    /// Waits until one of these scopes is due.
    fn wait<'a>(&self, scopes: &[&'a Scope]) -> &'a Scope {
        loop {
            if let Some(due) = self.due(scopes) {
                return due;
            }
            if self.state.transition_to_blocked() == Suspend::Suspended {
                while self.state.load().is_blocked() {
                    self.parker.park();
                }
                self.state.transition_to_unblocked();
            }
        }
    }
}

#[expect(clippy::arc_with_non_send_sync, reason = "loom runs one thread at a time")]
fn nested(preemptions: usize, steps: Steps) {
    explore(PROMISE, preemptions, move || {
        let place = Arc::new(Place {
            state: State::new(),
            parker: Parker::new(),
            scopes: [Scope::new(), Scope::new()],
        });
        let [outer, inner] = &place.scopes;
        place.open(outer);
        place.open(inner);
        let raisers: Vec<_> = (0..2)
            .map(|n| {
                let place = place.clone();
                spawn(move || place.raise(&place.scopes[n], steps))
            })
            .collect();
        // Whichever is due first, the inner one is over then.
        let first = place.wait(&[outer, inner]);
        let was_outer = std::ptr::eq(first, outer);
        place.close(inner, &[outer], steps);
        if !was_outer {
            let _ = place.wait(&[outer]);
        }
        place.close(outer, &[], steps);
        assert!(!place.state.load().is_raised(), "scope: what is over leaves something behind");
        join(raisers);
    });
}

#[test]
fn no_raise_is_forgotten() {
    nested(2, TRUE_STEPS);
}

#[test]
#[should_panic(expected = "scope: a raise is forgotten")]
fn a_raise_that_is_said_late() {
    nested(2, Steps { says_first: false, ..TRUE_STEPS });
}

#[test]
#[should_panic(expected = "scope: a raise is forgotten")]
fn an_end_that_does_not_look_again() {
    nested(2, Steps { looks_again: false, ..TRUE_STEPS });
}

#[test]
#[should_panic(expected = "scope: ")]
fn an_end_that_waits_for_nobody() {
    nested(2, Steps { closes: false, ..TRUE_STEPS });
}
