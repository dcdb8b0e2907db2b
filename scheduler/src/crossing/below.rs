//! What lies below a callback, and so what a wait in it means.
//!
//! | native frames below | a wait |
//! |---|---|
//! | on a thread's own stack, or nothing was promised of their library: [`Below::THREAD`] | in place: the carrier waits, its worker serves others |
//! | on a stack of the task's, [`Below::stack`] | switches the fiber away. Unless it `migrates`, the task is tied to its carrier ([`crate::affinity`]) while the callback is open |
//!
//! The weakest of a task's layers decides: with one of the first kind it waits in place, with one that
//! is tied it is tied. INVARIANT(below.even): each callback that was entered with a [`Below`] is left with
//! the same one, innermost first, on the carrier that the task is on then; for a tied one that is the
//! carrier on which it was entered.

use crate::NativeStack;
use crate::affinity;
use crate::carrier::Carrier;
use crate::task::Header;

/// See the module. One word, because each callback puts it aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below(usize);

/// Beside the lowest address of a stack, which is even: the task may go on on another thread.
const MIGRATES: usize = 1;

impl Below {
    /// Native frames that keep their thread.
    pub const THREAD: Below = Below(0);

    /// Native frames on a stack of the task's; `migrates`: it may go on on another thread.
    #[inline(always)]
    pub fn stack(stack: &NativeStack, migrates: bool) -> Below {
        Below(stack.low() | if migrates { MIGRATES } else { 0 })
    }

    /// The lowest address of the task's stack that code may use, if the frames are on one.
    #[inline(always)]
    pub(super) fn low(self) -> Option<usize> {
        (self != Below::THREAD).then_some(self.0 & !MIGRATES)
    }

    /// [`Below::low`] if the task is tied to its carrier, but not blocking it.
    #[inline(always)]
    pub(super) fn low_of_tied(self) -> Option<usize> {
        self.low().filter(|_| self.0 & MIGRATES == 0)
    }

    /// [`Below::low`] if the task may go on on another thread.
    #[inline(always)]
    pub(super) fn low_of_moving(self) -> Option<usize> {
        self.low().filter(|_| self.0 & MIGRATES != 0)
    }
}

/// A callback begins.
pub(super) fn enter(carrier: &Carrier, task: &Header, below: Below) {
    task.callbacks.begin(below == Below::THREAD);
    if below.low_of_tied().is_some() {
        affinity::tie(carrier, task);
    }
}

/// A callback ends, or did not begin after all.
pub(super) fn leave(carrier: &Carrier, task: &Header, below: Below) {
    task.callbacks.end_if_open(below == Below::THREAD);
    if below.low_of_tied().is_some() {
        affinity::untie(carrier, task);
    }
}

/// Is nothing open of the current task?
#[inline]
pub(super) fn has_left_nothing(task: &Header) -> bool {
    let layers = task.callbacks.open() | task.callbacks.blocking() | task.guarded_layers.get();
    layers == 0 && !affinity::has_ties(task)
}

/// The task ends: nothing of it is open any more.
pub(super) fn forget(carrier: &Carrier, task: &Header) {
    task.callbacks.set(0, 0);
    affinity::forget(carrier, task);
}

/// The code of a callback runs on the stack below it: until [`resume_outer`] that is the task's own.
///
/// Returns what was before.
pub fn use_stack_of(below: Below) -> Option<usize> {
    let low = below.low()?;
    let (carrier, task) = crate::wait::kept_task()?;
    carrier.stack_low.set(low);
    Some(task.stack_low.replace(low))
}

/// The callback ends, and the native code goes on, on a stack that is no task's.
pub fn resume_outer(before: Option<usize>) {
    if let Some(before) = before
        && let Some((carrier, task)) = crate::wait::kept_task()
    {
        carrier.stack_low.set(0);
        task.stack_low.set(before);
    }
}
