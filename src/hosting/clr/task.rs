//! [`RuntimeTask`]: the runtime's half of a task, with its state.

use super::ClrShared;
use crate::hosting::vm::ClrTask;
use std::fmt;
use std::sync::Arc;

/// `ICLRTask`: the runtime's half of a task. Clones are the same half.
#[derive(Clone)]
pub struct RuntimeTask {
    shared: Arc<Half>,
}

struct Half {
    clr: Arc<ClrShared>,
    vm: Arc<dyn ClrTask>,
}

impl RuntimeTask {
    pub(super) fn new(clr: Arc<ClrShared>, vm: Arc<dyn ClrTask>) -> RuntimeTask {
        RuntimeTask { shared: Arc::new(Half { clr, vm }) }
    }

    /// Is it the same half?
    #[must_use]
    pub fn is(&self, other: &RuntimeTask) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The VM's part of it.
    #[must_use]
    pub fn vm(&self) -> &Arc<dyn ClrTask> {
        &self.shared.vm
    }
}

impl fmt::Debug for RuntimeTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeTask").field("clr", &self.shared.clr).finish_non_exhaustive()
    }
}
