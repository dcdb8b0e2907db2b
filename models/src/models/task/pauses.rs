//! A task waits, suspended or in place, until it was both woken and asked to abort.

use super::{Owed, State};
use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const WAKE_LOST: &str = "task.state: a wake is lost";

/// How the task of [`pauses`] waits.
#[derive(Clone, Copy)]
enum Pause {
    Suspended,
    InPlace,
    /// In place, with a limit that passes at once the first time.
    InPlaceWithLimit,
}

struct Waiting<S> {
    state: S,
    /// What the task waits for, with no order of its own.
    condition: AtomicBool,
    /// How often the task is on a queue.
    queued: AtomicUsize,
    /// Whether it runs or is queued, in the model's own books.
    placed: Cell<bool>,
    /// What only the task's owner touches, as the header's `next` and `fiber`.
    owned: UnsafeCell<u32>,
    /// The carrier's place to sleep.
    parker: Parker,
}

impl<S: State> Waiting<S> {
    fn settle(&self, owed: Owed) {
        match owed {
            Owed::Submit => {
                let placed = self.placed.replace(true);
                assert!(!placed, "task.state: a task is in two places at once");
                self.touch();
                // ORDERING: AcqRel, as a queue orders a push before its pop.
                self.queued.fetch_add(1, Ordering::AcqRel);
                self.parker.unpark();
            }
            Owed::Unpark => self.parker.unpark(),
            Owed::Nothing => {}
        }
    }

    fn touch(&self) {
        // SAFETY: the model's claim: one owner at a time. Loom checks it.
        self.owned.with_mut(|owned| unsafe { *owned += 1 });
    }

    fn pause(&self, how: Pause) {
        match how {
            Pause::Suspended => {
                self.placed.set(false);
                if !self.state.suspended() {
                    let placed = self.placed.replace(true);
                    assert!(!placed, "task.state: a task is in two places at once");
                } else {
                    // ORDERING: AcqRel, as in `settle`.
                    while self.queued.swap(0, Ordering::AcqRel) == 0 {
                        self.parker.park();
                    }
                }
            }
            Pause::InPlace | Pause::InPlaceWithLimit => {
                if self.state.blocked() {
                    if matches!(how, Pause::InPlaceWithLimit) {
                        self.parker.park_timeout(std::time::Duration::ZERO);
                    } else {
                        while self.state.is_blocked() {
                            self.parker.park();
                        }
                    }
                    self.state.unblocked();
                }
            }
        }
        self.touch();
    }
}

fn pauses<S: State>(first: Pause, then: Pause) {
    explore(WAKE_LOST, 2, move || {
        let task = Arc::new(Waiting {
            state: S::new(),
            condition: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            placed: Cell::new(true),
            owned: UnsafeCell::new(0),
            parker: Parker::new(),
        });
        let waker = {
            let task = task.clone();
            spawn(move || {
                // ORDERING: Relaxed, so that only the state word can order it.
                task.condition.store(true, Ordering::Relaxed);
                task.settle(task.state.woken());
            })
        };
        let aborter = {
            let task = task.clone();
            spawn(move || task.settle(task.state.aborting()))
        };
        let mut how = first;
        // ORDERING: Relaxed, as above.
        while !(task.condition.load(Ordering::Relaxed) && task.state.is_abort_requested()) {
            task.pause(how);
            how = then;
        }
        join([waker, aborter]);
    });
}

const PAUSES: [(Pause, Pause); 3] = [
    (Pause::Suspended, Pause::Suspended),
    (Pause::InPlace, Pause::Suspended),
    (Pause::InPlaceWithLimit, Pause::InPlace),
];

#[test]
fn no_wake_is_lost() {
    for (first, then) in PAUSES {
        pauses::<crate::state::State>(first, then);
    }
}

caught! {
    state_pause_ignores_woken, "task.state: a wake is lost",
        || PAUSES.into_iter().for_each(|(first, then)| pauses::<State>(first, then));
    state_wake_of_active_is_forgotten, "task.state: a wake is lost",
        || PAUSES.into_iter().for_each(|(first, then)| pauses::<State>(first, then));
    state_wake_of_active_submits, "Causality violation",
        || pauses::<State>(Pause::Suspended, Pause::Suspended);
    state_wake_by_load_and_store, "task.state: a wake is lost",
        || pauses::<State>(Pause::Suspended, Pause::Suspended);
    state_wake_of_blocked_owes_nothing, "task.state: a wake is lost",
        || pauses::<State>(Pause::InPlace, Pause::Suspended);
    state_abort_leaves_no_bit, "task.state: a wake is lost",
        || pauses::<State>(Pause::Suspended, Pause::Suspended);
}
