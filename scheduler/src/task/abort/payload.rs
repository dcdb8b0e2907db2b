//! What unwinds a task: a payload of our own, so that nobody else can make one.

use super::scope::Signal;
use crate::sync::Arc;
use std::any::Any;

/// See the module.
pub(crate) struct Payload {
    /// Up to where; `None`: the whole task.
    scope: Option<Arc<Signal>>,
}

impl Payload {
    pub(super) fn abort() -> Payload {
        Payload { scope: None }
    }

    pub(super) fn scope(signal: Arc<Signal>) -> Payload {
        Payload { scope: Some(signal) }
    }

    /// Does it unwind the whole task?
    pub(super) fn is_abort(&self) -> bool {
        self.scope.is_none()
    }

    /// Unwinds the current task, without the panic hook's message.
    pub(super) fn raise(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

/// Has this payload unwound code up to the scope of this signal?
pub(super) fn ends(payload: &(dyn Any + Send), signal: &Arc<Signal>) -> bool {
    payload
        .downcast_ref::<Payload>()
        .and_then(|payload| payload.scope.as_ref())
        .is_some_and(|scope| Arc::ptr_eq(scope, signal))
}

/// Does this payload unwind the whole task?
pub(crate) fn is_whole(payload: &(dyn Any + Send)) -> bool {
    payload.downcast_ref::<Payload>().is_some_and(Payload::is_abort)
}

/// Is this what an abort, or a time limit around this code, unwinds a task with?
///
/// Code that catches panics should let it pass, by [`std::panic::resume_unwind`]: a task that goes on is asked
/// again at its next suspension point.
pub fn is_abort(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Payload>()
}
