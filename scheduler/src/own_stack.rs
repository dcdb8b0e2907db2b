//! Stacks of tasks that have asked for a size of their own.
//!
//! All other tasks have stacks of one size, which are warm when they come, and go from task to task. A task with a
//! stack of its own has it, and a fiber on it, from its spawn on: who spawns it learns at once that there is none. The
//! fiber runs this task and no other. So the loop needs no look of its own to tell such a task from others: it finds a fiber, as
//! that of a task which has run before, and the end of that fiber is another [`Reason`](crate::fiber::Reason) to come back.
//! What else a first run does, the fiber's first frames do.
//!
//! INVARIANT(own_stack.home): a task that has a fiber of this room's has that stack's pool in its header's rare part.
//!
//! Must not: be on the way of a task without such a stack.

use crate::fiber::{Body, FiberBox};
use crate::shared::Shared;
use crate::spawn::{Spawn, spawn_with_all};
use crate::stack::{Stack, StackError, Stacks};
use crate::sync::Arc;
use crate::task::{Header, JoinHandle};
use crate::wait;
use crate::worker::start::{bind, give_fiber};

/// A stack for one task, which is not spawned yet.
///
/// Dropped, it goes back.
#[derive(Debug)]
#[must_use = "a stack that is dropped goes back"]
pub struct OwnStack {
    shared: Arc<Shared>,
    /// The stack, and where it goes back to; `None` once a task has it, and if the runtime was shut down when it was
    /// taken: tasks are refused then.
    lent: Option<(Arc<Stacks>, Stack)>,
}

impl OwnStack {
    /// A stack with at least so many usable bytes.
    ///
    /// # Errors
    /// [`StackError`]: no stack has this size, or there is no memory, or no mapping, for another.
    pub(crate) fn take(shared: &Arc<Shared>, usable_bytes: usize) -> Result<OwnStack, StackError> {
        // In the child of a `fork` somebody may hold the lock for good.
        let lent =
            if shared.is_closing() { None } else { Some(shared.own_stacks.take(usable_bytes)?) };
        Ok(OwnStack { shared: shared.clone(), lent })
    }

    /// Usable bytes; 0 if there is no stack, because the runtime was shut down.
    #[must_use]
    pub fn usable_bytes(&self) -> usize {
        self.lent.as_ref().map_or(0, |(pool, _)| pool.shape().usable_bytes())
    }

    /// Spawns a task on it, on the scheduler that the stack is of. Options that say how large the stack is to be are ignored.
    pub fn spawn<F, T>(self, options: Spawn, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        // SAFETY: nothing is borrowed.
        unsafe { spawn_with_all(&shared, options, Some(Ok(self)), f) }
    }

    /// The stack is this task's, which nobody else knows yet.
    pub(crate) fn carry(mut self, task: &Header) {
        let Some((pool, stack)) = self.lent.take() else { return };
        task.own_rare().own_stack.set(Some(pool));
        let argument = std::ptr::from_ref(task).cast();
        give_fiber(task, FiberBox::for_one_body(stack), Body { run: run_first, argument });
    }
}

impl Drop for OwnStack {
    fn drop(&mut self) {
        let Some((pool, stack)) = self.lent.take() else { return };
        if self.shared.is_forked() {
            // The parent has it; and see `take`.
            std::mem::forget((pool, stack));
            return;
        }
        self.shared.keep_own_stack(pool, stack);
    }
}

/// The lowest frame of a task on its fiber.
///
/// # Safety
/// `header` is that of a task which runs here for the first time.
unsafe fn run_first(header: *const ()) {
    // SAFETY: by contract; the scheduler's reference is out while it runs.
    let task = unsafe { &*header.cast::<Header>() };
    bind_here(task);
    let body = task.body();
    // SAFETY: the task's body, with its argument, for its one run.
    unsafe { (body.run)(body.argument) };
}

/// What the loop does for others at their first run. Never inlined: the carrier is none any more after a switch.
#[inline(never)]
fn bind_here(task: &Header) {
    let (carrier, _) = wait::managed().expect("a task begins on a carrier");
    bind(carrier, task);
}

/// Where the stack of a task goes that has ended, or will never run: its owner asks once.
pub(crate) fn pool_of(task: &Header) -> Arc<Stacks> {
    let pool = task.rare().and_then(|rare| rare.own_stack.take());
    pool.expect("see INVARIANT(own_stack.home)")
}

/// The fiber of a task of this room's that has ended.
pub(crate) fn give_back(shared: &Shared, pool: Arc<Stacks>, fiber: FiberBox) {
    // SAFETY: it has ended.
    let stack = unsafe { fiber.into_stack() };
    shared.keep_own_stack(pool, stack);
}

/// A task is refused that has never run. By its owner.
pub(crate) fn give_back_unused(task: &Header) {
    let Some(fiber) = task.fiber.take() else { return };
    task.stack_low.set(0);
    let pool = pool_of(task);
    // SAFETY: from `give_fiber`, and the task no longer names it.
    let fiber = unsafe { FiberBox::from_raw(fiber) };
    // SAFETY: its body has not begun.
    let stack = unsafe { fiber.into_stack() };
    task.shared.keep_own_stack(pool, stack);
}
