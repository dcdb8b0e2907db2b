//! What a stack overflow is to say of the task, and the carrier's signal stack.

use crate::carrier::Carrier;
use crate::stack::{
    AltStack, Fault, Message, Stacks, install_handler, set_describe, set_overflowed,
};
use crate::task::Header;
use crate::worker::current;
use std::fmt::Write;

/// Prepares this thread to report an overflow, with a signal stack of this pool; undone when the value is dropped.
pub(crate) fn on_carrier(stacks: &Stacks) -> Option<AltStack<'_>> {
    set_describe(describe);
    set_overflowed(overflowed);
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

/// The carrier that this thread is, and its task. Called by the signal handler: they are there while it runs.
fn here<'a>() -> Option<(&'a Carrier, &'a Header)> {
    // SAFETY: the handler runs on the thread that faulted; the arena outlives its stay.
    let carrier = unsafe { current::carrier().as_ref() }?;
    // SAFETY: the loop keeps the task on its carrier.
    let task = unsafe { carrier.current().as_ref() }?;
    Some((carrier, task))
}

/// Asks the embedder what is to be done about it. Called by the signal handler, as [`describe`].
fn overflowed() {
    let Some((carrier, task)) = here() else { return };
    if let Some(embedder) = &task.shared.config.embedder {
        embedder.overflowed(task.embedder.get(), !carrier.word.is_run());
    }
}

/// Says who runs on this thread. Called by the signal handler: no allocation, no lock.
fn describe(fault: &Fault, message: &mut Message) {
    let _ = fault;
    let Some((carrier, task)) = here() else { return };
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
