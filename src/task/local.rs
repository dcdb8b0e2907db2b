//! What Sortie knows of a task beside the scheduler: its layers, and a panic on its way.
//!
//! It lies in the task's own first frame, and the scheduler's header points to it while the task
//! runs; that of an adopted foreign thread lies in a box that the attachment keeps. Only code of
//! the task touches it, on whatever thread that is.

use crate::target::ledger::Row;
use crate::transition::Layers;
use std::any::Any;
use std::cell::{Cell, RefCell};

/// See the module.
pub(crate) struct Local {
    layers: RefCell<Layers>,
    /// The ledger's row of the native call that is on top, on the carrier that it is on.
    row: Cell<Option<&'static Row>>,
    /// What a callback caught and the matching `enter` raises again.
    pending: Cell<Option<Box<dyn Any + Send>>>,
}

impl Local {
    pub(crate) fn new(layers: Layers) -> Local {
        Local { layers: RefCell::new(layers), row: Cell::new(None), pending: Cell::new(None) }
    }

    /// Runs `f` on the layers. `f` neither suspends nor comes back here.
    #[inline]
    pub(crate) fn layers<R>(&self, f: impl FnOnce(&mut Layers) -> R) -> R {
        f(&mut self.layers.borrow_mut())
    }

    /// The row of the native call on top, by which a callback is written down; returns the one
    /// before.
    pub(crate) fn set_row(&self, row: Option<&'static Row>) -> Option<&'static Row> {
        self.row.replace(row)
    }

    /// Keeps a panic for the matching `enter`.
    pub(crate) fn keep(&self, payload: Box<dyn Any + Send>) {
        self.pending.set(Some(payload));
    }

    /// Is a panic kept?
    pub(crate) fn keeps_panic(&self) -> bool {
        let payload = self.pending.take();
        let kept = payload.is_some();
        self.pending.set(payload);
        kept
    }

    /// Takes the panic that was kept.
    #[inline]
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.pending.take()
    }
}

/// Runs `f` on what is known of the current task; `None` on a thread that runs none.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
    let word = sortie_scheduler::task_word().cast::<Local>();
    // SAFETY: the word is set by `run` and by the attachment of a foreign thread, to a `Local` that
    // lives until the task's body, or the attachment, ends, when the word is cleared. The reference
    // does not outlive `f`, which is code of that task.
    unsafe { word.as_ref() }.map(f)
}

/// Gives a task's closure its `Local`.
pub(crate) fn with_local<F, T>(f: F) -> impl FnOnce() -> T + Send + 'static
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    move || run(f)
}

/// A task's first frame.
fn run<T>(f: impl FnOnce() -> T) -> T {
    /// Ends the layers however the body ends, and takes the pointer back.
    struct Frame<'a>(&'a Local);
    impl Drop for Frame<'_> {
        fn drop(&mut self) {
            let leaked = self.0.layers(Layers::end).count;
            let open = sortie_scheduler::crossing::close_all();
            sortie_scheduler::set_task_word(std::ptr::null());
            if leaked > 0 || open > 0 {
                tracing::warn!(
                    target: "sortie::crossing",
                    leaked,
                    "a task ended with layers open: some `leave` or `reverse_enter` has no end"
                );
            }
        }
    }
    let local = Local::new(Layers::managed());
    sortie_scheduler::set_task_word((&raw const local).cast());
    let _frame = Frame(&local);
    f()
}
