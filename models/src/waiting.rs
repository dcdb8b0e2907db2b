//! What stands in a line in the models: a thread with a parker of the scheduler's.

use crate::park::Parker;
use crate::wait::due::Waiting;
use std::sync::Arc;

/// See the module.
#[derive(Clone)]
pub(crate) struct Somebody(pub(crate) Arc<Parker>);

impl Somebody {
    pub(crate) fn new() -> Somebody {
        Somebody(Arc::new(Parker::new()))
    }
}

impl Waiting for Somebody {
    fn wake(&self) {
        self.0.unpark();
    }
    fn is_lost(&self) -> bool {
        false
    }
    fn home(&self) -> usize {
        0
    }
    fn holds(&self) -> usize {
        0
    }
}
