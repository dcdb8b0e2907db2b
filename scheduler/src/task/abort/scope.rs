//! Scopes: a part of a task's code that others may end by unwinding, as a time limit does.
//!
//! A scope's [`Raiser`] may be used from anywhere, at any time. The hook word (`hook.rs`) says whether the scope
//! is still there: who raises claims it, says that the scope is due, asks the task, and finishes; the scope closes
//! it, and so waits for one who is about to raise. So a raise hits no code behind the scope, and no native call but
//! one inside of it. A second raise of one scope is none.
//!
//! INVARIANT(abort.raise): while a scope that is open is due, the task's state word says `RAISE`. The raiser
//! sets the bit after it has said so; a scope that ends clears it, and then looks at those that are left.

use super::Open;
use super::payload::ends;
use crate::crossing::Errno;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::task::hook::HookWord;
use crate::task::{Header, TaskRef, Waker};
use crate::timer::TimerKey;
use crate::wait;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// What a scope and its raisers share.
pub(super) struct Signal {
    task: TaskRef,
    word: HookWord,
    due: AtomicBool,
}

impl Signal {
    /// Is the scope to be ended? By its task, which has learned of it by the state word.
    pub(super) fn is_due(&self) -> bool {
        // ORDERING(abort.due): Relaxed, behind the Acquire look at the state word that says `RAISE`.
        self.due.load(Ordering::Relaxed)
    }
}

/// What takes longer than this is as good as without a limit.
const ENDLESS: Duration = Duration::from_secs(1 << 32);

/// The means to end a [`scope`] from elsewhere.
#[derive(Clone)]
pub struct Raiser {
    /// `None`: nothing can be raised in it.
    signal: Option<Arc<Signal>>,
}

/// A scope was ended by its [`Raiser`], or its time has come: its code was unwound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised;

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the code was ended from outside before it was done")
    }
}

impl std::error::Error for Raised {}

impl Raiser {
    /// Ends the scope: its task unwinds up to there at its next suspension point, and a native call that it is in
    /// is cancelled. False: the scope is over, or was raised in before, or nothing can be raised in it.
    ///
    /// From any thread. Runs the hook of the native call, if it has one, else does not wait; the end of the scope
    /// waits for this. Keeps `errno`.
    pub fn raise(&self) -> bool {
        let Some(signal) = &self.signal else { return false };
        if signal.word.claim().is_none() {
            return false;
        }
        let errno = Errno::save();
        // ORDERING(abort.due): Relaxed, published by the change of the state word that follows (task.state).
        signal.due.store(true, Ordering::Relaxed);
        signal.task.raise();
        signal.word.finish(false);
        errno.restore();
        true
    }

    /// Does the scope's task stay on its carrier?
    pub(crate) fn stays(&self) -> bool {
        self.signal.as_ref().is_some_and(|signal| signal.task.is_pinned())
    }

    /// Can anything be raised? Not on a thread without a task, on one that is attached, or where panics abort the
    /// process: there a scope's code just runs.
    pub fn is_effective(&self) -> bool {
        self.signal.is_some()
    }
}

impl std::fmt::Debug for Raiser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let task = self.signal.as_ref().map(|signal| signal.task.id);
        f.debug_struct("Raiser").field("task", &task).finish()
    }
}

/// Runs `f`, and lets whoever has its [`Raiser`] end it by unwinding, at its next suspension point.
///
/// Scopes nest: one that ends takes those inside with it. What is due but held back by a region inside of the
/// scope is raised at the region's end. If `f` returns before anything was raised, its value counts.
///
/// # Errors
/// [`Raised`]: `f` was unwound.
pub fn scope<R>(f: impl FnOnce(&Raiser) -> R) -> Result<R, Raised> {
    run(false, f)
}

/// A scope; `has_limit`: a timer ends it.
fn run<R>(has_limit: bool, f: impl FnOnce(&Raiser) -> R) -> Result<R, Raised> {
    let raiser = open(has_limit);
    let result = catch_unwind(AssertUnwindSafe(|| f(&raiser)));
    close(&raiser);
    match (result, &raiser.signal) {
        (Ok(value), _) => Ok(value),
        (Err(payload), Some(signal)) if ends(&*payload, signal) => Err(Raised),
        (Err(payload), _) => resume_unwind(payload),
    }
}

/// [`scope`] that a timer ends at `until`; at its first suspension point, if that is past.
///
/// # Errors
/// [`Raised`]: the time came first.
pub fn until<R>(until: Instant, f: impl FnOnce() -> R) -> Result<R, Raised> {
    /// The timer, taken back in time.
    struct Timer<'a>(&'a Signal, TimerKey);
    impl Drop for Timer<'_> {
        fn drop(&mut self) {
            self.0.task.shared.timers.remove(self.1);
        }
    }
    let left = until.saturating_duration_since(Instant::now());
    run(left < ENDLESS, |raiser| {
        let _timer = raiser.signal.as_deref().and_then(|signal| {
            if left.is_zero() {
                // A timer fires when it is served, and a task that only yields may come before that.
                raiser.raise();
                return None;
            }
            let key = signal.task.shared.set_timer(until, Waker::Raiser(raiser.clone()))?;
            Some(Timer(signal, key))
        });
        f()
    })
}

/// A scope begins. Never inlined into user code, which may be switched.
#[inline(never)]
fn open(has_limit: bool) -> Raiser {
    let task = wait::managed().map(|(_, task)| task);
    let task = task.filter(|task| super::check().is_ok() && task.inside().is_some());
    let signal = task.map(|task| {
        let signal = Arc::new(Signal {
            task: wait::reference(task),
            word: HookWord::new(),
            due: AtomicBool::new(false),
        });
        let aborting = &task.own_rare().aborting;
        let open = Open { signal: signal.clone(), holds: aborting.holds.get(), has_limit };
        aborting.with_scopes(|scopes| scopes.push(open));
        // There is no record: the word stands for the scope.
        signal.word.open(std::ptr::null_mut());
        signal
    });
    Raiser { signal }
}

/// The scope ends.
#[inline(never)]
fn close(raiser: &Raiser) {
    let Some(signal) = &raiser.signal else { return };
    let errno = Errno::save();
    signal.word.close();
    errno.restore();
    let task: &Header = &signal.task;
    let aborting = &task.own_rare().aborting;
    let closed = aborting.with_scopes(|scopes| {
        let at = scopes.iter().rposition(|open| Arc::ptr_eq(&open.signal, signal));
        at.map(|at| scopes.remove(at))
    });
    drop(closed);
    if task.state.load().is_raised() {
        task.state.transition_to_settled();
        let is_due = |scopes: &mut Vec<Open>| scopes.iter().any(|open| open.signal.is_due());
        if aborting.with_scopes(is_due) {
            // It runs, so nothing is owed.
            let _ = task.state.transition_to_raising();
        }
    }
}
