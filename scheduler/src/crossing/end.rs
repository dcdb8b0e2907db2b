//! Ends: of a task, whatever native layers it has left open; and of a runtime around a task that is in native code.

use super::back::end_without_worker;
use super::below;
use super::reentry::regain;
use crate::carrier::Carrier;
use crate::task::{Header, abort};
use crate::wait;
use std::ptr;

/// The current task has returned from native code, was refused ([`Terminated`](super::Terminated)), and no frame of
/// that call is left: it unwinds from here, or where others lie below, parks the thread for good.
pub fn stop_after_return() -> ! {
    stop(wait::task().expect("called by a task that was refused its return"))
}

/// The current task ends: whatever native layers it has left open are closed, and it has its worker
/// again unless the runtime is gone. The embedder's word is no more. True if any layers were open.
#[inline]
pub fn end_of_body() -> bool {
    let Some((carrier, task)) = wait::kept_task() else { return false };
    if carrier.word.is_run() && below::has_left_nothing(task) {
        task.embedder.set(ptr::null());
        carrier.set_task_word(ptr::null());
        return false;
    }
    let left_open = close_all(carrier, task);
    crate::set_task_word(ptr::null());
    left_open
}

/// [`end_of_body`], where something may be open.
#[cold]
#[inline(never)]
fn close_all(carrier: &Carrier, task: &Header) -> bool {
    task.guarded_layers.set(0);
    let left_open = task.callbacks.open() > 0;
    below::forget(carrier, task);
    if carrier.word.is_run() {
        return left_open;
    }
    if !carrier.come_back() {
        // Without a worker the task still ends: its carrier's loop sees to the rest.
        end_without_worker(carrier);
        let _ = regain(carrier);
    }
    true
}

/// The runtime is gone under a task that is still here: its frames unwind, or, where they may not,
/// the thread parks for good, and its stack with it.
pub(crate) fn stop(task: &Header) -> ! {
    if wait::may_unwind(task) {
        abort::raise_at_the_end();
    }
    stay(task, "above foreign frames")
}

/// The runtime is gone under a task that is still here, where it may not be unwound: its thread parks for good.
pub(crate) fn stay(task: &Header, place: &str) -> ! {
    tracing::error!(
        target: "sortie::shutdown",
        task = task.id.get(),
        "a task outlived its runtime {place}; its thread is parked for good"
    );
    loop {
        std::thread::park();
    }
}
