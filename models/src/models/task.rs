//! The task's state word: wakes, aborts, pauses and the end of a task.
//!
//! Two models. In [`pauses`] a task waits for two others, suspended or in place, while a waker and
//! an aborter come; the winner of a wake touches what only the task's owner may. In [`ends`] a task
//! completes while its join handle is joined, given up in the middle of joining, or dropped.

use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::sync::Arc;

const WAKE_LOST: &str = "task.state: a wake is lost";
const JOINER_SLEEPS: &str = "task.state: the joiner of a task that ended is not woken";

/// What a wake owes, in one type for all versions.
enum Owed {
    Submit,
    Unpark,
    Nothing,
}

/// What the completer owes, likewise.
#[derive(PartialEq)]
enum End {
    DropOutput,
    WakeJoiner,
    Nothing,
}

/// A version of the state word. The answers are those of its `transition_to_*`.
trait State: 'static {
    fn new() -> Self;
    fn woken(&self) -> Owed;
    fn aborting(&self) -> Owed;
    /// True: suspended.
    fn suspended(&self) -> bool;
    /// True: blocked.
    fn blocked(&self) -> bool;
    fn unblocked(&self);
    fn done(&self, dropped: bool) -> End;
    fn left(&self) -> bool;
    fn is_left(&self) -> bool;
    fn joined(&self) -> bool;
    fn unjoined(&self) -> bool;
    fn detached(&self) -> bool;
    fn is_done(&self) -> bool;
    fn is_blocked(&self) -> bool;
    fn is_abort_requested(&self) -> bool;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl State for $($module)::+::State {
            fn new() -> Self {
                <$($module)::+::State>::new()
            }
            fn woken(&self) -> Owed {
                use $($module)::+::Wake;
                match self.transition_to_woken() {
                    Wake::Submit => Owed::Submit,
                    Wake::Unpark => Owed::Unpark,
                    Wake::Nothing => Owed::Nothing,
                }
            }
            fn aborting(&self) -> Owed {
                use $($module)::+::Wake;
                match self.transition_to_aborting() {
                    Wake::Submit => Owed::Submit,
                    Wake::Unpark => Owed::Unpark,
                    Wake::Nothing => Owed::Nothing,
                }
            }
            fn suspended(&self) -> bool {
                self.transition_to_suspended() == $($module)::+::Suspend::Suspended
            }
            fn blocked(&self) -> bool {
                self.transition_to_blocked() == $($module)::+::Suspend::Suspended
            }
            fn unblocked(&self) {
                self.transition_to_unblocked();
            }
            fn done(&self, dropped: bool) -> End {
                use $($module)::+::Completion;
                match self.transition_to_done(dropped) {
                    Completion::DropOutput => End::DropOutput,
                    Completion::WakeJoiner => End::WakeJoiner,
                    Completion::Nothing => End::Nothing,
                }
            }
            fn left(&self) -> bool {
                self.transition_to_left()
            }
            fn is_left(&self) -> bool {
                self.load().is_left()
            }
            fn joined(&self) -> bool {
                self.transition_to_joined()
            }
            fn unjoined(&self) -> bool {
                self.transition_to_unjoined()
            }
            fn detached(&self) -> bool {
                self.transition_to_detached()
            }
            fn is_done(&self) -> bool {
                self.load().is_done()
            }
            fn is_blocked(&self) -> bool {
                self.load().is_blocked()
            }
            fn is_abort_requested(&self) -> bool {
                self.load().is_abort_requested()
            }
        }
    )*};
}

versions!(
    crate::state,
    crate::mutants::state_pause_ignores_woken,
    crate::mutants::state_wake_of_active_is_forgotten,
    crate::mutants::state_wake_of_active_submits,
    crate::mutants::state_wake_by_load_and_store,
    crate::mutants::state_wake_of_blocked_owes_nothing,
    crate::mutants::state_abort_leaves_no_bit,
    crate::mutants::state_detach_does_not_report_done,
    crate::mutants::state_done_always_drops,
    crate::mutants::state_done_never_drops,
    crate::mutants::state_done_forgets_the_joiner,
    crate::mutants::state_join_after_done_waits,
    crate::mutants::state_unjoin_after_done_takes_back,
    crate::mutants::state_left_to_a_joiner,
    crate::mutants::state_left_to_nobody,
    crate::mutants::state_left_and_not_said,
    crate::mutants::state_changes_relaxed,
);

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

const PAUSES: [(Pause, Pause); 3] = [
    (Pause::Suspended, Pause::Suspended),
    (Pause::InPlace, Pause::Suspended),
    (Pause::InPlaceWithLimit, Pause::InPlace),
];
const HOLDERS: [Holder; 3] = [Holder::Joins, Holder::GivesUp, Holder::Detaches];

#[test]
fn no_wake_is_lost() {
    for (first, then) in PAUSES {
        pauses::<crate::state::State>(first, then);
    }
}

#[test]
fn an_end_is_told_once() {
    HOLDERS.into_iter().for_each(ends::<crate::state::State>);
}

#[test]
fn a_task_that_is_left_to_its_handle_is_freed_once() {
    HOLDERS.into_iter().for_each(|holder| ends_by::<crate::state::State>(holder, true));
}

macro_rules! caught {
    ($($mutant:ident, $expected:literal, $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            type State = crate::mutants::$mutant::State;
            let run: fn() = $run;
            run();
        }
    )*};
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
