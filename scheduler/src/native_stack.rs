//! Stacks for native code whose callbacks may suspend their task.
//!
//! Native frames on the carrier's own stack keep the carrier: its loop, which runs other tasks, lies
//! below them. Native frames on a stack of their own belong to the task, as its fiber's do: the fiber is
//! switched away from there as from its own stack, and the carrier is free.
//!
//! A carrier keeps a few such stacks for its next calls; the runtime's pool has the others. A stack is
//! taken on one carrier and may be given back on another.

use crate::carrier::Carrier;
use crate::crossing::Here;
use crate::fiber::{self, Frame, Outcome};
use crate::fork;
use crate::shared::Shared;
use crate::stack::{Stack, StackError};
use crate::task::Header;
use crate::wait;
use std::mem::ManuallyDrop;
use std::panic::resume_unwind;

/// How many a carrier keeps.
const KEPT: usize = 8;

/// A stack for one native call of the current task. Stays in the task's frames: neither `Send` nor
/// `Sync`.
///
/// One that is forgotten is never unmapped; see `Stack`.
#[derive(Debug)]
pub struct NativeStack {
    /// Boxed, to be handed on as one word.
    stack: ManuallyDrop<Box<Stack>>,
    /// Not to another task.
    task: std::marker::PhantomData<*mut ()>,
}

impl NativeStack {
    /// A stack for the current task, before it leaves.
    ///
    /// # Errors
    /// [`StackError`]: there is no memory, or no mapping, for another stack. `Ok(None)`: the code runs
    /// on no task that could be switched away, and a stack would be of no use.
    pub fn take() -> Result<Option<NativeStack>, StackError> {
        let Some((carrier, task)) = wait::managed() else { return Ok(None) };
        if !wait::is_switchable(task) {
            return Ok(None);
        }
        // SAFETY: this is the carrier's thread, and the closure stays in the list.
        let kept = unsafe { carrier.with_native_stacks(Vec::pop) };
        let stack = match kept {
            Some(stack) => stack,
            None => Box::new(carrier.shared().native_stacks.take()?),
        };
        Ok(Some(NativeStack { stack: ManuallyDrop::new(stack), task: std::marker::PhantomData }))
    }

    /// The lowest address that code may use.
    pub fn low(&self) -> usize {
        self.stack.usable().start
    }

    /// Runs `f` on this stack. What unwinds goes on in the caller.
    ///
    /// # Safety
    /// The task has left for native code, and comes back after this returns.
    #[inline]
    pub unsafe fn run<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let Some((carrier, _)) = wait::kept_task() else { return f() };
        let low = carrier.stack_low.replace(0);
        let mut frame = Frame::new(f);
        // SAFETY: the frame is new.
        let outcome = unsafe { fiber::on_stack(&mut self.stack, &mut frame) };
        // Callbacks may have moved the task, or a jump have left them with their stack for the task's.
        if let Some((carrier, task)) = wait::kept_task() {
            carrier.stack_low.set(low);
            task.stack_low.set(low);
        }
        outcome.into_result().unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl Here {
    /// As [`NativeStack::take`], if the carrier has a stack at hand.
    #[inline(always)]
    pub fn take_native_stack(self) -> Option<NativeStack> {
        if !wait::is_switchable(self.task()) {
            return None;
        }
        // SAFETY: this is the carrier's thread, and the closure stays in the list.
        let stack = unsafe { self.carrier().with_native_stacks(Vec::pop) }?;
        Some(NativeStack { stack: ManuallyDrop::new(stack), task: std::marker::PhantomData })
    }

    /// As [`NativeStack::run`], for native code whose callbacks do not take the task to another thread. The stack is given back. Returns also what the carrier said of the task's stack when the code had ended, for
    /// [`crossing::leave_stack`](crate::crossing::leave_stack).
    ///
    /// # Safety
    /// As for [`NativeStack::run`], and it is the frame's first time.
    #[inline(always)]
    pub unsafe fn on_native_stack<R, F: FnOnce() -> R>(
        self,
        stack: NativeStack,
        frame: &mut Frame<F, R>,
    ) -> (Outcome<'_, R>, usize) {
        let mut stack = ManuallyDrop::new(stack);
        let carrier = self.carrier();
        let low = carrier.stack_low.replace(0);
        // SAFETY: by contract.
        let outcome = unsafe { fiber::on_stack(&mut stack.stack, frame) };
        let left = carrier.stack_low.replace(low);
        // SAFETY: the value is forgotten, and this is the last use of it.
        let stack = unsafe { ManuallyDrop::take(&mut stack.stack) };
        give_back(carrier, self.task(), stack);
        (outcome, left)
    }
}

/// The stack goes to the carrier, or to the runtime's pool.
#[inline]
fn give_back(carrier: &Carrier, task: &Header, stack: Box<Stack>) {
    // SAFETY: this is the carrier's thread, and the closure stays in the list.
    let surplus = unsafe {
        carrier.with_native_stacks(|kept| {
            if kept.len() < KEPT && !task.shared.is_closing() {
                kept.push(stack);
                return None;
            }
            Some(stack)
        })
    };
    if let Some(stack) = surplus {
        task.shared.native_stacks.give(*stack);
    }
}

impl Drop for NativeStack {
    fn drop(&mut self) {
        // SAFETY: the value is gone after this.
        let stack = unsafe { ManuallyDrop::take(&mut self.stack) };
        let Some((carrier, task)) = wait::kept_task() else {
            // A task's frames end on a carrier. Lost, and kept mapped, rather than unmapped under anybody.
            debug_assert!(fork::is_child(), "a native stack is given back by its task");
            return;
        };
        give_back(carrier, task, stack);
    }
}

/// The carrier's thread ends: its stacks go back to the runtime's pool.
pub(crate) fn give_all(carrier: &Carrier, shared: &Shared) {
    // SAFETY: this is the carrier's thread, out of its loop, and the closure stays in the list.
    let stacks = unsafe { carrier.with_native_stacks(std::mem::take) };
    let mut stacks: Vec<_> = stacks.into_iter().map(|stack| *stack).collect();
    if !stacks.is_empty() {
        shared.native_stacks.give_batch(&mut stacks);
    }
}
