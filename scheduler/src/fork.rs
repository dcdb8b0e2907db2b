//! What `fork` leaves of a runtime in the child: nothing that works, and nothing that hangs.
//!
//! The child has one thread, a copy of the one that forked. The runtimes' other threads are not there, and a
//! lock that one of them held is held for good. So the child's handler says of every runtime that it is dead
//! ([`Stage::Forked`]), and of its own thread that it carries no task; what the stage reaches then answers
//! without a lock, a queue or a wait. Code of a task that forked goes on as on a plain thread, and ends as the
//! only thread of a process does: its end is the process's.
//!
//! The table of runtimes is read by that handler, so it has no lock either: nodes are added, used again, and
//! never freed. A runtime leaves it before its memory is freed, so whichever the child finds in its copy is
//! whole there.
//!
//! Must not: take a lock, or allocate, in the handler.

use crate::shared::{Shared, Stage};
use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::worker::current;
use std::ptr;
use std::sync::Once;

/// A place in the table.
struct Node {
    /// Null: free.
    runtime: AtomicPtr<Shared>,
    next: *const Node,
}

static NEWEST: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

/// Did a runtime live when this process was forked off?
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Is this the child of a process in which a runtime lived? Then none can be had here.
pub fn is_child() -> bool {
    // ORDERING: Relaxed, written before the child had a second thread.
    IS_CHILD.load(Ordering::Relaxed)
}

/// Enters a runtime in the table, until [`forget`].
pub(crate) fn register(shared: &Shared) {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        // SAFETY: the function stays, and touches atomics and its own thread only.
        let error = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if error != 0 {
            tracing::warn!(
                target: "sortie::runtime",
                error = %std::io::Error::from_raw_os_error(error),
                "a child of `fork` will not know that its runtimes are dead"
            );
        }
    });
    let runtime = ptr::from_ref(shared).cast_mut();
    let took = |node: &Node| {
        let free = ptr::null_mut();
        // ORDERING(fork.table): Release, pairs with the Acquire load in `in_child`: who finds the runtime
        // finds it made.
        node.runtime.compare_exchange(free, runtime, Ordering::Release, Ordering::Relaxed).is_ok()
    };
    if nodes().any(took) {
        return;
    }
    // ORDERING: Relaxed, a guess that the exchange checks.
    let mut newest = NEWEST.load(Ordering::Relaxed);
    let node = Box::leak(Box::new(Node { runtime: AtomicPtr::new(runtime), next: newest }));
    // ORDERING(fork.table): Release, pairs with the Acquire load in `nodes`; on failure nothing is read.
    while let Err(now) =
        NEWEST.compare_exchange_weak(newest, node, Ordering::Release, Ordering::Relaxed)
    {
        newest = now;
        node.next = now;
    }
}

/// Takes a runtime out of the table, before its memory is freed.
pub(crate) fn forget(shared: &Shared) {
    let runtime = ptr::from_ref(shared).cast_mut();
    for node in nodes() {
        // ORDERING: Relaxed, nothing is published: the place is free.
        let _ = node.runtime.compare_exchange(
            runtime,
            ptr::null_mut(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    // ORDERING(fork.table): Acquire, pairs with the Release exchange in `register`.
    let newest = NEWEST.load(Ordering::Acquire).cast_const();
    // SAFETY: nodes are leaked, and published whole.
    let node = |node: *const Node| unsafe { node.as_ref() };
    std::iter::successors(node(newest), move |at| node(at.next))
}

/// In the child, before `fork` returns there.
extern "C" fn in_child() {
    for node in nodes() {
        // ORDERING(fork.table): Acquire, pairs with the Release exchange in `register`.
        let runtime = node.runtime.load(Ordering::Acquire);
        // SAFETY: a runtime leaves the table before it is freed; what other threads did to this process's
        // copy ended with the fork.
        if let Some(shared) = unsafe { runtime.as_ref() } {
            if !shared.is_terminated() {
                // ORDERING: Relaxed, there is no other thread.
                IS_CHILD.store(true, Ordering::Relaxed);
            }
            shared.enter_stage(Stage::Forked);
        }
    }
    current::set_carrier(ptr::null());
}

/// The code of a task, or a native call made for one, has ended in the child. Its thread is the only one.
#[cold]
pub(crate) fn end_of_child() -> ! {
    std::process::exit(0)
}
