//! One side of a channel: how many handles there are, and who of them waits.

use sortie_scheduler::wait::WaitList;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module.
pub(crate) struct Side {
    handles: AtomicUsize,
    pub(crate) waiting: WaitList,
}

impl Side {
    /// A side with one handle.
    pub(super) fn new() -> Side {
        Side { handles: AtomicUsize::new(1), waiting: WaitList::new() }
    }

    pub(super) fn add_handle(&self) {
        // ORDERING: Relaxed, whoever adds one has one.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// One handle is gone. True: it was the last.
    pub(super) fn drop_handle(&self) -> bool {
        // ORDERING(channel.handles): AcqRel, pairs with itself: the last one comes after what was done through the others.
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
