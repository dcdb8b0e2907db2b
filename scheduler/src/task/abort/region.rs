//! Regions of a task's code in which aborts wait.
//!
//! | region | opened | holds back |
//! |---|---|---|
//! | delay | once: it is a flag | everything |
//! | prevent | as often as one likes: it is counted | what others ask for |
//! | critical | likewise | all but rude aborts |
//! | complete | likewise | everything |
//!
//! What was held back is raised at the end of the region, if it may be raised there. Native calls that begin
//! in a region are not cut short. A scope ([`scope`](super::scope())) that is opened inside a region belongs to
//! it: what it raises does not leave the region.
//!
//! Regions are the task's own: its code opens and closes them, on whatever thread, in managed code and in native
//! code. Those that are open when a task ends, end with it. When the runtime is gone over a task no region keeps it.
//!
//! *Why delay is a flag.* The closure form nests by itself: who finds a region open leaves its end to whoever
//! opened it. A count would do the same for pairs that match, and hide those that do not, until a task that
//! nobody can abort is found at a shutdown.

use super::{holds, raise_here};
use crate::task::Header;
use crate::wait;

/// The regions that a task has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    delayed: bool,
    prevented: u32,
    critical: u32,
    complete: u32,
}

impl Holds {
    /// Do the regions let an abort of the whole task pass?
    pub(super) fn let_pass(self, rude: bool, by_itself: bool) -> bool {
        !self.delayed
            && self.complete == 0
            && (self.prevented == 0 || by_itself)
            && (self.critical == 0 || rude)
    }
}

/// A region that delays aborts was begun twice, or ended without a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelayError {
    /// One is open already: it is a flag, and ends with the first end.
    Open,
    /// None is open.
    NotOpen,
    /// No task runs here.
    Outside,
}

impl std::fmt::Display for DelayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DelayError::Open => {
                "a region that delays aborts is open already, and does not nest: who has opened it ends it"
            }
            DelayError::NotOpen => {
                "no region that delays aborts is open: begin it first, and end it once, in the same task"
            }
            DelayError::Outside => {
                "no task runs here whose aborts could be delayed: call it in code of a task"
            }
        })
    }
}

impl std::error::Error for DelayError {}

fn current() -> Option<&'static Header> {
    wait::kept_task().map(|(_, task)| task)
}

fn change(task: &Header, change: impl FnOnce(&mut Holds)) {
    let open = &task.own_rare().aborting.holds;
    let mut holds = open.get();
    change(&mut holds);
    open.set(holds);
}

/// From here on no abort is raised in the current task, until [`end_delay`]. Does not block.
///
/// # Errors
/// [`DelayError`]: a region is open already, or there is no task; nothing was done.
pub fn begin_delay() -> Result<(), DelayError> {
    let task = current().ok_or(DelayError::Outside)?;
    if holds(task).delayed {
        return Err(DelayError::Open);
    }
    change(task, |holds| holds.delayed = true);
    Ok(())
}

/// Ends what [`begin_delay`] began, and raises an abort that came meanwhile.
///
/// # Errors
/// [`DelayError`]: no region is open, or there is no task; nothing was done.
pub fn end_delay() -> Result<(), DelayError> {
    let task = current().ok_or(DelayError::Outside)?;
    if !holds(task).delayed {
        return Err(DelayError::NotOpen);
    }
    change(task, |holds| holds.delayed = false);
    raise_here();
    Ok(())
}

/// Runs `f` in a region that delays aborts: in one of its own, or in that which is open. On a thread without a
/// task it just runs.
///
/// An abort that came meanwhile is raised when `f` is over, and its value is dropped then. A panic of `f` ends
/// the region and goes on.
pub fn delay<R>(f: impl FnOnce() -> R) -> R {
    /// Ends the region however `f` ends. While the thread panics nothing is raised.
    struct Ends(bool);
    impl Drop for Ends {
        fn drop(&mut self) {
            if self.0
                && let Err(error) = end_delay()
            {
                tracing::error!(target: "sortie::task", %error, "a region was ended inside another");
            }
        }
    }
    let ends = Ends(begin_delay().is_ok());
    let value = f();
    drop(ends);
    value
}

/// What others ask for from here on waits until the matching [`end_prevent`]. Counted. Does not block.
/// False: there is no task here.
///
/// # Panics
/// With 2^32 - 1 open.
pub fn begin_prevent() -> bool {
    begin(|holds| &mut holds.prevented)
}

/// Ends what [`begin_prevent`] began; the last of them raises what has waited. False: none is open.
pub fn end_prevent() -> bool {
    end(|holds| &mut holds.prevented)
}

/// From here on aborts wait until the matching [`end_critical`], but for rude ones. Counted. Does not block.
/// False: there is no task here.
///
/// # Panics
/// With 2^32 - 1 open.
pub fn begin_critical() -> bool {
    begin(|holds| &mut holds.critical)
}

/// Ends what [`begin_critical`] began; the last of them raises what has waited. False: none is open.
pub fn end_critical() -> bool {
    end(|holds| &mut holds.critical)
}

/// From here on no abort is raised in the current task, until the matching [`end_complete`]: as [`begin_delay`], but
/// counted, and beside it. Does not block. False: there is no task here.
///
/// # Panics
/// With 2^32 - 1 open.
pub fn begin_complete() -> bool {
    begin(|holds| &mut holds.complete)
}

/// Ends what [`begin_complete`] began; the last of them raises what has waited. False: none is open.
pub fn end_complete() -> bool {
    end(|holds| &mut holds.complete)
}

fn begin(count: fn(&mut Holds) -> &mut u32) -> bool {
    let Some(task) = current() else { return false };
    change(task, |holds| {
        let count = count(holds);
        *count = count.checked_add(1).expect("2^32 - 1 regions are open");
    });
    true
}

fn end(count: fn(&mut Holds) -> &mut u32) -> bool {
    let Some(task) = current() else { return false };
    let Some(left) = count(&mut holds(task)).checked_sub(1) else { return false };
    change(task, |holds| *count(holds) = left);
    raise_here();
    true
}
