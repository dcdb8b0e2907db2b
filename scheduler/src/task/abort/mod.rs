//! Aborts: how a task is asked to unwind, when it does, and up to where.
//!
//! | request | by | unwinds | held back by |
//! |---|---|---|---|
//! | abort | [`TaskRef::abort`]; the end of the runtime | the whole task | each kind of region (`region.rs`) |
//! | rude abort | [`TaskRef::abort_rudely`] | the whole task | not by critical regions |
//! | a scope's raise | [`Raiser`], and the timer of [`until`] | the task up to its [`scope`](scope()) (`scope.rs`) | regions that were opened inside of the scope |
//! | its own abort | [`abort_current`] | the whole task | not by regions that prevent others' aborts |
//!
//! Who asks (`handle.rs`) says so in the task's state word, wakes the task, and runs the hook of the native call that it is
//! in. The task looks at the word at each suspension point and checkpoint; what is *due* there, and may be
//! raised, unwinds it by a payload of our own (`payload.rs`). Which waits that ends, `ends.rs` tells those who look for
//! deadlocks.
//!
//! - *Where it may be raised* is not asked for here but in [`wait::may_unwind`]: never over foreign frames,
//!   never while the thread panics. Each destructor runs, and no frame is taken away that others may borrow from.
//! - *A payload that user code catches* is raised again at each further suspension point, as long as the request
//!   stands; others run in between. Tasks that have swallowed [`SWALLOWED_LIMIT`] aborts at the end of their runtime
//!   are not waited for once nobody else is left: the report names them.
//! - *A rude abort* takes from the task's cleaning up what takes time: while it unwinds, its sleeps and yields
//!   return at once, and its native calls that can be cancelled are.
//! - *Where panics abort the process* (`panic = "abort"`) nothing can be unwound: requests are refused, and
//!   shutdown waits for its tasks to end by themselves.

mod ends;
mod handle;
mod payload;
mod region;
mod scope;

pub(crate) use ends::{Asked, has_limit, has_not_looked, has_not_looked_since};
pub use handle::AbortHandle;
pub use payload::is_abort;
pub(super) use payload::is_whole;
pub use region::{
    DelayError, begin_complete, begin_critical, begin_delay, begin_prevent, delay, end_complete,
    end_critical, end_delay, end_prevent,
};
pub use scope::{Raised, Raiser, scope, until};

use self::payload::Payload;
use self::region::Holds;
use self::scope::Signal;
use super::{Header, TaskRef, cancel};
use crate::crossing::Errno;
use crate::fiber::Reason;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::wait;
use std::cell::Cell;

/// How many aborts a task may swallow at the end of its runtime before it is given up.
pub const SWALLOWED_LIMIT: u32 = 100;

/// A task's part. But for `raised`, for its owner.
pub(crate) struct Aborting {
    /// The regions that are open.
    holds: Cell<Holds>,
    /// It has aborted itself.
    by_itself: Cell<bool>,
    /// The scopes that are open, the innermost last.
    scopes: Cell<Vec<Open>>,
    /// How many aborts were raised. Written by the owner.
    raised: AtomicU32,
    /// Counted among those that the end of the runtime does not wait for.
    given_up: Cell<bool>,
}

/// A scope that is open.
#[derive(Clone)]
struct Open {
    signal: Arc<Signal>,
    /// The regions that were open when it began.
    holds: Holds,
    /// A timer ends it.
    has_limit: bool,
}

impl Aborting {
    pub(super) fn new() -> Aborting {
        Aborting {
            holds: Cell::new(Holds::default()),
            by_itself: Cell::new(false),
            scopes: Cell::new(Vec::new()),
            raised: AtomicU32::new(0),
            given_up: Cell::new(false),
        }
    }

    fn with_scopes<R>(&self, f: impl FnOnce(&mut Vec<Open>) -> R) -> R {
        let mut scopes = self.scopes.take();
        let result = f(&mut scopes);
        self.scopes.set(scopes);
        result
    }
}

/// The regions that the task has open. By the task.
fn holds(task: &Header) -> Holds {
    task.rare().map_or_else(Holds::default, |rare| rare.aborting.holds.get())
}

/// Has the task a scope open that others may end? By the task.
pub(crate) fn has_scopes(task: &Header) -> bool {
    task.rare().is_some_and(|rare| rare.aborting.with_scopes(|scopes| !scopes.is_empty()))
}

/// Has the task a region open? By the task.
pub(crate) fn is_held(task: &Header) -> bool {
    holds(task) != Holds::default()
}

/// Has the task swallowed more than it may? By anybody.
pub(crate) fn is_stubborn(task: &Header) -> bool {
    // ORDERING: Relaxed, a count for the record.
    let raised = task.rare().map(|rare| rare.aborting.raised.load(Ordering::Relaxed));
    raised > Some(SWALLOWED_LIMIT)
}

/// Why an abort was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbortError {
    /// The program is built with `panic = "abort"`: no task can be unwound.
    PanicsAbort,
    /// No task runs here that could be unwound.
    Outside,
}

impl std::fmt::Display for AbortError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AbortError::PanicsAbort => {
                "tasks cannot be aborted in a program that is built with `panic = \"abort\"`: build it \
                 with `panic = \"unwind\"`, or let the task look at a flag"
            }
            AbortError::Outside => {
                "this code is not a task's that can be unwound: call it in managed code of a task"
            }
        })
    }
}

impl std::error::Error for AbortError {}

/// Can tasks be unwound in this program?
///
/// # Errors
/// [`AbortError::PanicsAbort`].
pub fn check() -> Result<(), AbortError> {
    if cfg!(panic = "abort") { Err(AbortError::PanicsAbort) } else { Ok(()) }
}

impl TaskRef {
    /// Asks the task to unwind at its next suspension point, and runs the hook of the native call that it
    /// is in, if that has one. May change `errno`.
    pub(crate) fn abort(&self) {
        self.settle(self.state.transition_to_aborting());
        cancel::interrupt(self);
    }

    /// As [`TaskRef::abort`], and rudely.
    pub(crate) fn abort_rudely(&self) {
        self.settle(self.state.transition_to_aborting_rudely());
        cancel::interrupt(self);
    }

    /// A scope of the task's is due, which was said before.
    fn raise(&self) {
        self.settle(self.state.transition_to_raising());
        cancel::interrupt(self);
    }
}

/// Aborts the current task: unwinds it from here, and its join says that it was aborted.
///
/// Returns only if it cannot be raised here: in a region that delays aborts it is raised at the region's end;
/// while the thread panics, or foreign frames lie between, at the next suspension point where it may be.
///
/// # Errors
/// [`AbortError`]: there is no task here, or none can be unwound; nothing was done.
pub fn abort_current() -> Result<(), AbortError> {
    check()?;
    let Some((_, task)) = wait::kept_task() else { return Err(AbortError::Outside) };
    if task.inside().is_none() {
        return Err(AbortError::Outside);
    }
    task.own_rare().aborting.by_itself.set(true);
    // It runs, so nothing is owed.
    let _ = task.state.transition_to_aborting();
    raise_here();
    Ok(())
}

/// Raises what is due, if this is managed code.
fn raise_here() {
    if let Some((_, task)) = wait::managed() {
        wait::raise_if_aborted(task);
    }
}

/// The request that is to be raised in the task now, if one is. By the task.
fn due(task: &Header) -> Option<Payload> {
    let (word, holds) = (task.state.load(), holds(task));
    let aborting = task.rare().map(|rare| &rare.aborting);
    let by_itself = aborting.is_some_and(|aborting| aborting.by_itself.get());
    let is_aborted = word.is_abort_requested() || task.shared.is_closing();
    if is_aborted && holds.let_pass(word.is_rude(), by_itself) {
        return Some(Payload::abort());
    }
    if !word.is_raised() {
        return None;
    }
    // The outermost: it ends the others too.
    aborting?.with_scopes(|scopes| {
        let due = scopes.iter().find(|open| open.signal.is_due() && open.holds == holds)?;
        Some(Payload::scope(due.signal.clone()))
    })
}

/// Is something due that may be raised here? By the task.
pub(crate) fn is_due(task: &Header) -> bool {
    wait::may_unwind(task) && due(task).is_some()
}

/// Unwinds the task, if something is due that may be raised here. By the task, in managed code.
#[cold]
#[inline(never)]
pub(crate) fn raise_if_due(task: &Header) {
    if wait::may_unwind(task)
        && let Some(payload) = due(task)
    {
        if payload.is_abort() {
            before_raise(task);
        }
        payload.raise();
    }
}

/// Unwinds the task, whose runtime is gone. By the task, where it may unwind.
pub(crate) fn raise_at_the_end() -> ! {
    Payload::abort().raise()
}

/// One more abort is raised. Whoever has swallowed one before lets others run: he might catch them without end.
fn before_raise(task: &Header) {
    let aborting = &task.own_rare().aborting;
    // ORDERING: Relaxed, the owner alone writes, and others only look.
    let raised = aborting.raised.load(Ordering::Relaxed).saturating_add(1);
    // ORDERING: Relaxed, as above.
    aborting.raised.store(raised, Ordering::Relaxed);
    let stubborn = raised > SWALLOWED_LIMIT && task.shared.is_closing();
    if stubborn && !aborting.given_up.replace(true) {
        task.shared.stubborn.add();
    }
    if stubborn && task.shared.stubborn.are_alone(task.shared.live_tasks()) {
        // Not to be found on a queue, from which nobody takes it any more, when the runtime is ended now.
    } else if raised > 1 && wait::is_switchable(task) {
        task.no_suspend.check("the second abort of a task that has caught the first");
        if wait::is_to_switch(task) {
            wait::switch_away(task, Reason::Yielded);
        }
    }
    if raised == SWALLOWED_LIMIT + 1 {
        tracing::warn!(
            target: "sortie::task",
            task = task.id.get(),
            name = task.name().map(|name| &**name),
            swallowed = SWALLOWED_LIMIT,
            "a task catches each abort: code that catches panics should raise it again, see `is_abort`"
        );
    }
}

/// The task has ended. By its owner.
pub(crate) fn forget(task: &Header) {
    if task.rare().is_some_and(|rare| rare.aborting.given_up.take()) {
        task.shared.stubborn.remove();
    }
}

/// The tasks of a runtime that catch each abort, while it ends.
#[derive(Debug, Default)]
pub(crate) struct Stubborn {
    count: AtomicU32,
    /// One of them has seen, while it ran, that nobody else was left. They do not switch from then on.
    alone: AtomicBool,
}

impl Stubborn {
    fn add(&self) {
        // ORDERING: Relaxed, a count that is looked at again and again.
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self) {
        // ORDERING: Relaxed, as above.
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asked by one of them: is nobody else left?
    fn are_alone(&self, live: u64) -> bool {
        // ORDERING: Relaxed, a task that ends is counted out here first, and so is never missed there.
        let alone = u64::from(self.count.load(Ordering::Relaxed)) == live;
        if alone {
            // ORDERING: Relaxed, it publishes nothing.
            self.alone.store(true, Ordering::Relaxed);
        }
        alone
    }

    /// Is nobody else left, and one of them running?
    pub(crate) fn are_left(&self, live: u64) -> bool {
        // ORDERING: Relaxed, as in `are_alone`.
        self.alone.load(Ordering::Relaxed)
            // ORDERING: Relaxed, as in `are_alone`.
            && u64::from(self.count.load(Ordering::Relaxed)) == live
    }
}

/// Does the cleaning up of the task go on without its sleeps and yields? By the task.
pub(crate) fn skips_pauses(task: &Header) -> bool {
    task.state.load().is_rude() && std::thread::panicking()
}

/// What [`JoinHandle::abort`](super::JoinHandle::abort) does, with `errno` kept.
///
/// # Errors
/// [`AbortError::PanicsAbort`].
pub(super) fn ask(task: &TaskRef, rudely: bool) -> Result<(), AbortError> {
    check()?;
    let errno = Errno::save();
    if rudely {
        task.abort_rudely();
    } else {
        task.abort();
    }
    errno.restore();
    Ok(())
}

/// As [`ask`], for functions that cannot say why not: an event does.
pub(super) fn ask_or_report(task: &TaskRef, rudely: bool) {
    if let Err(error) = ask(task, rudely) {
        tracing::error!(target: "sortie::task", task = task.id.get(), %error, "an abort is refused");
    }
}
