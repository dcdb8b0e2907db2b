//! The task's state word.
//!
//! One 32-bit word says where a task is (its *phase*) and what is known about it (its *bits*).
//! Every change but one goes through [`State::update`], the one compare-and-exchange loop, and each
//! `transition_to_*` returns what its caller now owes.
//!
//! | phase | where the task is | who owns its fiber |
//! |---|---|---|
//! | `ACTIVE` | on one queue, or running, or on its way between the two | the queue's taker, the running carrier |
//! | `SUSPENDED` | on no queue; whoever holds a waker may end this | nobody, until the winner of a wake |
//! | `BLOCKED` | waits in place: its frames hold a carrier, which sleeps | that carrier |
//! | `DONE` | finished; its output or its error is stored | nobody |
//!
//! ```text
//!            suspend                    wake -> Submit (the winner queues it)
//!   ACTIVE ----------> SUSPENDED ---------------------------------------------> ACTIVE
//!   ACTIVE --block---> BLOCKED ---wake -> Unpark (the winner unparks the home)--> ACTIVE
//!   ACTIVE --complete-> DONE
//! ```
//!
//! A wake of an `ACTIVE` task leaves `WOKEN`, which turns its next suspension into nothing: so a
//! waiter registers first and suspends after, and no wake is lost between the two. Wakes may come
//! for no reason; every wait looks at its condition again.
//!
//! Ordering, argued once: all changes are read-modify-writes with AcqRel, so the word has one
//! modification order and each change sees whatever was done before every earlier one.
//! (task.state) One is a store: [`State::set_done_in_private`], of a word that nobody else can reach.

use crate::sync::atomic::{AtomicU32, Ordering};

const PHASE: u32 = 0b11;
const ACTIVE: u32 = 0;
const SUSPENDED: u32 = 1;
const BLOCKED: u32 = 2;
const DONE: u32 = 3;

/// A wake came while the task was active. Cleared by the suspension that it turns into nothing.
const WOKEN: u32 = 1 << 2;
/// The task shall unwind at its next suspension point. Never cleared.
const ABORT: u32 = 1 << 3;
/// The join handle still exists. Whoever finds it gone at the end drops the output.
const HANDLE: u32 = 1 << 4;
/// A joiner stored its waker in the header. Set and cleared by the joiner while not `DONE`; from
/// `DONE` on the waker is the completer's.
const JOINER: u32 = 1 << 5;
/// Beside `ABORT`: less holds it back. Never cleared.
const RUDE: u32 = 1 << 6;
/// A scope of the task's is due, which says so itself. Set after that; cleared by the task, which then looks
/// at the scopes that are left.
const RAISE: u32 = 1 << 7;
/// Three bits: the priority, as the number of its level exclusive or [`ORDINARY`], so that the ordinary one is 0.
const PRIORITY: u32 = 0b111 << PRIORITY_AT;
const PRIORITY_AT: u32 = 8;
const ORDINARY: u32 = 3;
/// Beside `DONE`: the scheduler's reference was left to the handle, which gives up two. Never cleared.
const LEFT: u32 = 1 << 11;

/// What a wake owes. See [`State::transition_to_woken`].
#[must_use = "a task that is not submitted or unparked after a won wake never runs again"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The caller won: it owns the scheduler's reference and must put the task on a queue.
    Submit,
    /// The task waits in place: the caller must unpark its carrier.
    Unpark,
    /// Somebody else does it, or there is nothing to do.
    Nothing,
}

/// What came of a suspension. See [`State::transition_to_suspended`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspend {
    /// The task is suspended: whoever wakes it may run it at once, and free it. It is no longer
    /// the caller's to touch.
    Suspended,
    /// A wake came first: the task goes on.
    Woken,
}

/// What the completer owes. See [`State::transition_to_done`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// Nobody will ask for the output. Not done yet: drop it, while the task may still wait in a
    /// destructor, and come again.
    DropOutput,
    /// Done, and a joiner waits: wake it with the waker in the header.
    WakeJoiner,
    /// Done.
    Nothing,
}

/// A copy of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u32);

impl Snapshot {
    pub(crate) fn is_done(self) -> bool {
        self.0 & PHASE == DONE
    }
    /// On a queue, or running, or between the two.
    pub(crate) fn is_active(self) -> bool {
        self.0 & PHASE == ACTIVE
    }
    pub(crate) fn is_blocked(self) -> bool {
        self.0 & PHASE == BLOCKED
    }
    /// Does the handle of a task that is done give up the scheduler's reference, too?
    pub(crate) fn is_left(self) -> bool {
        self.0 & LEFT != 0
    }
    /// Is nothing owed at its end, if it ends now? See [`State::transition_to_left`].
    #[inline]
    pub(crate) fn owes_nothing(self) -> bool {
        owes_nothing(self.0)
    }
    pub(crate) fn is_abort_requested(self) -> bool {
        self.0 & ABORT != 0
    }
    pub(crate) fn is_rude(self) -> bool {
        self.0 & RUDE != 0
    }
    pub(crate) fn is_raised(self) -> bool {
        self.0 & RAISE != 0
    }
    /// Has the task another priority than the ordinary one?
    #[inline]
    pub(crate) fn is_ranked(self) -> bool {
        self.0 & PRIORITY != 0
    }
    /// The number of its priority's level, from 0.
    pub(crate) fn priority(self) -> usize {
        ((self.0 & PRIORITY) >> PRIORITY_AT ^ ORDINARY) as usize
    }
    /// Was the task asked to unwind, as a whole or up to a scope?
    pub(crate) fn is_asked_to_unwind(self) -> bool {
        self.0 & (ABORT | RAISE) != 0
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 & PHASE {
            ACTIVE => "ACTIVE",
            SUSPENDED => "SUSPENDED",
            BLOCKED => "BLOCKED",
            _ => "DONE",
        })?;
        for (bit, name) in [
            (WOKEN, "|WOKEN"),
            (ABORT, "|ABORT"),
            (RUDE, "|RUDE"),
            (RAISE, "|RAISE"),
            (HANDLE, "|HANDLE"),
            (JOINER, "|JOINER"),
        ] {
            if self.0 & bit != 0 {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// The word. See the module.
pub(crate) struct State(AtomicU32);

impl State {
    /// A new task, about to be queued, with a join handle.
    pub(crate) fn new() -> Self {
        State(AtomicU32::new(ACTIVE | HANDLE))
    }

    /// The word as it is now.
    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // ORDERING(task.state): Acquire, pairs with every AcqRel change; a `DONE` read here makes
        // the output visible.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The one loop by which the word changes.
    #[inline]
    fn update<T>(&self, mut step: impl FnMut(u32) -> (u32, T)) -> T {
        // ORDERING: Relaxed, only a guess; the exchange decides.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let (next, outcome) = step(now);
            // ORDERING(task.state): AcqRel, see the module.
            match self.0.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return outcome,
                Err(changed) => now = changed,
            }
        }
    }

    /// Somebody wakes the task.
    #[inline]
    pub(crate) fn transition_to_woken(&self) -> Wake {
        self.update(wake)
    }

    /// Somebody asks the task to unwind: as a wake, and the task finds the bit when it goes on.
    pub(crate) fn transition_to_aborting(&self) -> Wake {
        self.ask(ABORT)
    }

    /// As [`State::transition_to_aborting`], and rudely.
    pub(crate) fn transition_to_aborting_rudely(&self) -> Wake {
        self.ask(ABORT | RUDE)
    }

    /// A scope of the task's has said that it is due: as a wake.
    pub(crate) fn transition_to_raising(&self) -> Wake {
        self.ask(RAISE)
    }

    fn ask(&self, what: u32) -> Wake {
        self.update(|now| {
            if now & PHASE == DONE {
                return (now, Wake::Nothing);
            }
            wake(now | what)
        })
    }

    /// The task's priority is another from the next time on that it is queued. `level` is below 8.
    pub(crate) fn transition_to_priority(&self, level: usize) {
        let bits = (level as u32 ^ ORDINARY) << PRIORITY_AT & PRIORITY;
        self.update(|now| (now & !PRIORITY | bits, ()));
    }

    /// A scope of the task's has ended. The task looks at those that are left after this.
    pub(crate) fn transition_to_settled(&self) {
        self.update(|now| (now & !RAISE, ()));
    }

    /// The carrier that switched away from the task makes the suspension known.
    #[inline]
    pub(crate) fn transition_to_suspended(&self) -> Suspend {
        self.update(|now| pause(now, SUSPENDED))
    }

    /// The task is about to wait in place.
    pub(crate) fn transition_to_blocked(&self) -> Suspend {
        self.update(|now| pause(now, BLOCKED))
    }

    /// The task waited in place with a limit, and the limit has passed.
    pub(crate) fn transition_to_unblocked(&self) {
        self.update(|now| match now & PHASE {
            BLOCKED => (now & !PHASE | ACTIVE, ()),
            // A waker was faster and its token lies in the carrier's parker.
            _ => (now, ()),
        });
    }

    /// The task's body ended, and its output, or its error, is stored or `dropped` already.
    #[inline]
    pub(crate) fn transition_to_done(&self, dropped: bool) -> Completion {
        self.update(|now| {
            assert!(now & PHASE == ACTIVE, "a task completes twice: {:?}", Snapshot(now));
            if now & HANDLE == 0 && !dropped {
                return (now, Completion::DropOutput);
            }
            let owed = match now & JOINER {
                0 => Completion::Nothing,
                _ => Completion::WakeJoiner,
            };
            (now & !(PHASE | WOKEN) | DONE, owed)
        })
    }

    /// [`State::transition_to_done`], and the scheduler's reference goes to the handle: the task is no longer the
    /// caller's to touch. False: something is owed, and nothing has changed.
    #[inline]
    pub(crate) fn transition_to_left(&self) -> bool {
        self.update(|now| match owes_nothing(now) {
            true => (now & !WOKEN | DONE | LEFT, true),
            false => (now, false),
        })
    }

    /// [`State::transition_to_done`] for a task that nobody else knows but who joins it, in the hand of the
    /// loop on this thread: see INVARIANT(lend.private).
    #[inline]
    pub(crate) fn set_done_in_private(&self) {
        // ORDERING: Relaxed, nobody else reads or writes the word meanwhile.
        let now = self.0.load(Ordering::Relaxed);
        debug_assert!(owes_nothing(now), "{:?}", Snapshot(now));
        // ORDERING(task.state): Release, as the exchange that it stands for.
        self.0.store(now & !(PHASE | WOKEN) | DONE, Ordering::Release);
    }

    /// The joiner has stored its waker. False: the task is done, and the waker is still its own.
    #[inline]
    pub(crate) fn transition_to_joined(&self) -> bool {
        self.update(|now| match now & PHASE {
            DONE => (now, false),
            _ => (now | JOINER, true),
        })
    }

    /// The joiner gives up. False: the task is done, and the waker is the completer's.
    pub(crate) fn transition_to_unjoined(&self) -> bool {
        self.update(|now| match now & PHASE {
            DONE => (now, false),
            _ => (now & !JOINER, true),
        })
    }

    /// The join handle is dropped. True: the task is done, and its output is the caller's to drop.
    #[inline]
    pub(crate) fn transition_to_detached(&self) -> bool {
        self.update(|now| (now & !HANDLE, now & PHASE == DONE))
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.load().fmt(f)
    }
}

/// Is there a handle, and nobody who joins?
#[inline]
fn owes_nothing(now: u32) -> bool {
    now & (PHASE | HANDLE | JOINER) == ACTIVE | HANDLE
}

#[inline]
fn wake(now: u32) -> (u32, Wake) {
    match now & PHASE {
        ACTIVE => (now | WOKEN, Wake::Nothing),
        SUSPENDED => (now & !PHASE | ACTIVE, Wake::Submit),
        BLOCKED => (now & !PHASE | ACTIVE, Wake::Unpark),
        _ => (now, Wake::Nothing),
    }
}

#[inline]
fn pause(now: u32, to: u32) -> (u32, Suspend) {
    assert!(now & PHASE == ACTIVE, "a task that is not running pauses: {:?}", Snapshot(now));
    match now & WOKEN {
        0 => (now & !PHASE | to, Suspend::Suspended),
        _ => (now & !WOKEN, Suspend::Woken),
    }
}
