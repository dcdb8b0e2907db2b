//! Threads that are not the runtime's, and run managed code all the same.
//!
//! A foreign thread that is *attached* has a carrier without a loop, and an *adopted* task without
//! a fiber, whose base is native. Its first step into managed code is a return from native code
//! whose worker was taken ([`crate::crossing::call_back`]): it waits in line for one, runs, and at its
//! outermost exit gives the worker away. A wait in its managed code is in place.
//!
//! The attachment is kept for the thread's next call and ends with the thread.

use crate::carrier::{Carrier, CarrierRef};
use crate::crossing::{self, Terminated};
use crate::handler;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use crate::task::TaskRef;
use crate::task::cell::{Kind, new_task};
use crate::task::complete::refuse;
use crate::task::header::{Birth, Extras};
use crate::task::join_error::Refusal;
use crate::task::membership::Sets;
use crate::task::supply::Share;
use crate::worker::current;
use std::any::Any;
use std::cell::RefCell;
use std::ptr;

/// Why a thread cannot be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The runtime was shut down.
    ShutDown,
    /// The thread belongs to a runtime, or is attached to another one and inside it.
    Taken,
    /// The thread runs a signal handler.
    InSignalHandler,
}

struct Attachment {
    shared: Arc<Shared>,
    carrier: CarrierRef,
    task: TaskRef,
    /// What the embedder keeps with the adopted task.
    _embedder: Box<dyn Any>,
}

thread_local! {
    /// The attachment of this thread. A plain thread-local: foreign threads are not switched.
    static ATTACHED: RefCell<Option<Attachment>> = const { RefCell::new(None) };
}

/// Sees to it that this thread is attached to the runtime, with the word that the embedder keeps
/// with its adopted task made by `embedder` when it is needed.
pub(crate) fn attach(
    shared: &Arc<Shared>,
    embedder: impl FnOnce() -> (Box<dyn Any>, *const ()),
) -> Result<(), AttachError> {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let carrier = unsafe { current::carrier().as_ref() };
    let is_attached = carrier
        .is_some_and(|carrier| carrier.foreign && ptr::eq(carrier.shared, Arc::as_ptr(shared)));
    // What the thread has known since it was attached need not be asked of the kernel again.
    if handler::in_signal_handler() || !is_attached && handler::is_on_signal_stack() {
        return Err(AttachError::InSignalHandler);
    }
    if shared.is_closing() {
        return Err(AttachError::ShutDown);
    }
    if is_attached {
        return Ok(());
    }
    if carrier.is_some_and(|carrier| !carrier.foreign || !detach()) {
        return Err(AttachError::Taken);
    }
    let id = crate::task::Id(shared.ids(1).start);
    let nothing = || ();
    let extras = Extras {
        name: std::thread::current().name().map(Arc::from),
        span: tracing::Span::none(),
        sets: Sets::new(),
    };
    let conceived = kind_of(&nothing)
        .conceive(Birth { shared, id, migrating: false, share: Share::default() })
        .with(extras);
    // SAFETY: of the kind of this closure, which borrows nothing.
    let (task, handle) = unsafe { new_task(conceived, nothing) };
    drop(handle);
    let (kept, word) = embedder();
    task.embedder.set(word);
    let carrier = shared.arena.acquire(Arc::as_ptr(shared), true);
    // ORDERING: Relaxed, the thread's own, read by itself.
    task.home.store(ptr::from_ref(&*carrier).cast_mut(), Ordering::Relaxed);
    carrier.word.wait();
    handler::remember(&carrier);
    carrier.vitals.begin();
    carrier.begin(&task, 0);
    let attachment = Attachment { shared: shared.clone(), carrier, task, _embedder: kept };
    let kept = ATTACHED.try_with(|attached| *attached.borrow_mut() = Some(attachment));
    if kept.is_err() {
        // The thread is ending: its thread-locals are gone, and so was the attachment just now.
        return Err(AttachError::ShutDown);
    }
    current::set_carrier(&*carrier);
    Ok(())
}

/// The kind of tasks that run this closure.
fn kind_of<F: FnOnce()>(_: &F) -> Kind {
    Kind::of::<F, ()>()
}

/// Is the thread of this carrier inside its runtime? For the thread itself.
pub(crate) fn is_visiting(carrier: &Carrier) -> bool {
    // ORDERING: Relaxed, the thread reads what it wrote itself.
    carrier.visited.load(Ordering::Relaxed)
}

/// An attached thread comes into managed code: it waits for a worker by `regain`, and lives as a task does, so that
/// a shutdown waits for it.
pub(crate) fn visit<E: From<Terminated>>(
    carrier: &Carrier,
    regain: impl FnOnce(&Carrier) -> Result<(), E>,
) -> Result<(), E> {
    let shared = carrier.shared();
    // ORDERING: Relaxed, the fence below orders it.
    carrier.visited.store(true, Ordering::Relaxed);
    // ORDERING(shared.stage): SeqCst, between the mark and the look at the stage; pairs with the
    // stage's change before the shutdown's look at the marks.
    fence(Ordering::SeqCst);
    let entered = if shared.is_closing() { Err(Terminated.into()) } else { regain(carrier) };
    match entered {
        // SAFETY: this is the carrier's thread, and the word says `RUN`.
        Ok(()) => drop(unsafe { carrier.with_worker(|worker| worker.count(Counter::Reentries)) }),
        Err(_) => end_visit(carrier),
    }
    entered
}

/// An attached thread has left managed code, and given its worker away.
pub(crate) fn end_visit(carrier: &Carrier) {
    if is_visiting(carrier) {
        // ORDERING(carrier.visited): Release, pairs with the Acquire in `Arena::visitors`: what was spawned in the visit
        // is counted.
        carrier.visited.store(false, Ordering::Release);
        carrier.shared().after_finish();
    }
}

/// Ends this thread's attachment, if it is in none of the runtime's code. True if none is left.
fn detach() -> bool {
    ATTACHED
        .try_with(|attached| {
            let mut attached = attached.borrow_mut();
            match &*attached {
                Some(attachment) if attachment.task.callbacks.open() > 0 => false,
                Some(attachment) if attachment.carrier.word.is_run() => false,
                // In its last step out, and somebody who is told of that is asking.
                Some(attachment) if is_visiting(&attachment.carrier) => false,
                _ => {
                    let ended = attached.take();
                    // Dropped without the borrow: what the embedder keeps may come here.
                    drop(attached);
                    drop(ended);
                    true
                }
            }
        })
        .unwrap_or(false)
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let carrier = self.carrier;
        // The thread ends inside managed code, or in native code that this called: its worker must
        // not end with it.
        if carrier.word.is_run() || carrier.come_back() {
            crossing::give_away(&carrier);
        } else {
            crossing::end_without_worker(&carrier);
        }
        end_visit(&carrier);
        carrier.vitals.end();
        current::set_carrier(ptr::null());
        // ORDERING: Relaxed, the census lock orders it where it matters.
        let _lock = self.shared.census.lock.lock();
        carrier.end();
        self.shared.living.remove(&self.task);
        refuse(self.task.clone(), Refusal::ShutDown);
        self.shared.arena.release(carrier);
    }
}
