//! What a stack overflow is to say of the task, and the carrier's signal stack.

use crate::stack::{AltStack, Fault, Message, Stacks, install_handler, set_describe};
use crate::worker::current;
use std::fmt::Write;

/// Prepares this thread to report an overflow, with a signal stack of this pool; undone when the value is dropped.
pub(crate) fn on_carrier(stacks: &Stacks) -> Option<AltStack<'_>> {
    set_describe(describe);
    let prepared = install_handler().and_then(|()| AltStack::install(stacks));
    prepared
        .inspect_err(|error| {
            tracing::warn!(
                target: "sortie::carrier",
                %error,
                "a stack overflow on this thread will end the process without naming its task"
            );
        })
        .ok()
}

/// Says who runs on this thread. Called by the signal handler: no allocation, no lock.
fn describe(fault: &Fault, message: &mut Message) {
    let _ = fault;
    // SAFETY: the handler runs on the thread that faulted; the arena outlives its stay.
    let Some(carrier) = (unsafe { current::carrier().as_ref() }) else {
        return;
    };
    // SAFETY: the loop keeps the task on its carrier.
    let Some(task) = (unsafe { carrier.current().as_ref() }) else {
        return;
    };
    let _ = match task.name() {
        Some(name) => write!(message, "task {name:?} (id {})", task.id),
        None => write!(message, "task {}", task.id),
    };
    if !carrier.word.is_run() {
        // ORDERING: Relaxed, this thread wrote it.
        let target = carrier.target.load(std::sync::atomic::Ordering::Relaxed);
        let address = carrier.shared().address_of(target);
        let _ = write!(message, " in native code at {address:#x}");
    }
}
