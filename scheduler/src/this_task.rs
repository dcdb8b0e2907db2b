//! What code of a task may ask of the scheduler that it runs on.

use crate::fiber::Frame;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::Id;
use crate::wait;
use crate::worker::current;
use std::any::Any;
use std::thread;
use std::time::{Duration, Instant};

/// Lets others run. True if somebody else did, false if nobody could, or this is no managed code.
///
/// A suspension point of a task.
#[inline(always)]
pub fn yield_now() -> bool {
    wait::yield_now()
}

/// Waits until `duration` has passed. A suspension point of a task; any other thread sleeps.
pub fn sleep(duration: Duration) {
    wait::sleep(duration);
}

/// Waits until this time has come. A suspension point of a task; any other thread sleeps.
pub fn sleep_until(until: Instant) {
    wait::sleep_until(until);
}

/// Takes an abort that somebody asked for, and lets others run if the monitor has asked for that. A task that is asked again
/// and again without ever having let others run by itself lets them for longer each time: for 10 ms at first, for 80 at
/// last, or until nobody else is ready.
///
/// A suspension point of a task. Keeps `errno`.
pub fn checkpoint() {
    wait::checkpoint();
}

/// The task that this thread's code belongs to, in managed or native code.
pub fn current_task() -> Option<(Id, Option<Arc<str>>)> {
    wait::task().map(|task| (task.id, task.name().cloned()))
}

/// Does this thread run managed code of a task?
pub fn is_managed() -> bool {
    wait::managed().is_some()
}

/// The word that the embedder keeps with the current task; null outside of a task.
#[inline]
pub fn task_word() -> *const () {
    wait::kept_task().map_or(std::ptr::null(), |(_, task)| task.embedder.get())
}

/// Sets the word that the embedder keeps with the current task. The scheduler never follows it.
#[inline]
pub fn set_task_word(word: *const ()) {
    if let Some((carrier, task)) = wait::carrier_and_task() {
        task.embedder.set(word);
        carrier.set_task_word(word);
    }
}

/// The word that the embedder keeps with this thread's carrier; null at first, `None` on a thread that
/// is no carrier. It is kept until the runtime's memory is freed.
#[inline]
pub fn carrier_word() -> Option<*mut ()> {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let carrier = unsafe { current::carrier().as_ref() }?;
    // ORDERING: Relaxed, the carrier's thread reads what it wrote.
    Some(carrier.embedder.load(Ordering::Relaxed))
}

/// Sets the word that the embedder keeps with this thread's carrier. The scheduler never follows it.
pub fn set_carrier_word(word: *mut ()) {
    // SAFETY: as in `carrier_word`.
    if let Some(carrier) = unsafe { current::carrier().as_ref() } {
        // ORDERING: Relaxed, as in `carrier_word`.
        carrier.embedder.store(word, Ordering::Relaxed);
    }
}

/// Runs `f` on what the embedder keeps with the current task's runtime ([`Config::embedder`](crate::Config::embedder)).
pub fn with_embedder<R>(f: impl FnOnce(&dyn Any) -> R) -> Option<R> {
    let shared = Arc::clone(&wait::task()?.shared);
    shared.config.embedder.as_deref().map(|embedder| f(embedder))
}

/// Runs `f` on the carrier's own stack if the current task is on its fiber's, else plainly. What unwinds goes on in the
/// caller.
///
/// # Safety
/// The task has left for native code ([`crossing::leave`](crate::crossing::leave))
/// and comes back after this returns, so that nothing in `f` can switch the fiber.
#[inline]
pub unsafe fn on_carrier_stack<R>(f: impl FnOnce() -> R) -> R {
    let Some((carrier, _)) = wait::kept_task() else { return f() };
    let Some(inside) = carrier.lowest.get() else { return f() };
    let low = carrier.stack_low.replace(0);
    if low == 0 {
        return f();
    }
    let mut frame = Frame::new(f);
    // SAFETY: there was a low end, so this is a fiber's own stack, or one of its native stacks; the fiber is the
    // lowest or on top of it, and no frame but the loop's is on the carrier's stack. The rest is the contract.
    let outcome = unsafe { inside.on_carrier_stack(&mut frame) };
    carrier.stack_low.set(low);
    outcome.into_result().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Bytes left on the current task's own stack; very many for code that is not on one.
pub fn stack_left() -> usize {
    let carrier = wait::kept_task().map(|(carrier, _)| carrier);
    carrier.map_or(usize::MAX, |carrier| current::stack_pointer() - carrier.stack_low.get())
}

/// Runs managed code that native code called back, and catches what unwinds out of it: while `f`
/// runs, an abort may be raised up to here.
///
/// # Errors
/// The payload of the panic, or of the abort: pass it to [`raise`] once no foreign frame lies
/// between.
pub fn guard<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    let Some(task) = wait::task() else {
        return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    };
    let before = task.guarded_layers.replace(task.callbacks.open());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    if let Some(task) = wait::task() {
        task.guarded_layers.set(before);
    }
    result
}

/// Goes on unwinding with a payload that [`guard`] caught.
pub fn raise(payload: Box<dyn Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}
