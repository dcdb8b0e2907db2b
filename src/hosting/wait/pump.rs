//! Messages that a task handles while it waits, as a window's thread does.
//!
//! A handler runs on the waiting task, inside a native layer of the host's own, so that it may call back into managed
//! code. It never counts as the end of the wait.

use crate::hosting::task::current;
use crate::task;
use crate::transition;
use sortie_scheduler::wait::Nudge;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Handler = Box<dyn FnOnce() + Send>;

/// The messages of a task: what others want done on it while it waits with [`WaitOption::MSGPUMP`].
///
/// Registered by [`HostSyncManager::set_message_queue`].
///
/// ```
/// use sortie::hosting::MessageQueue;
///
/// let queue = MessageQueue::new();
/// queue.post(|| println!("handled"));
/// assert!(!queue.is_empty());
/// ```
///
/// [`WaitOption::MSGPUMP`]: crate::hosting::WaitOption::MSGPUMP
/// [`HostSyncManager::set_message_queue`]: crate::hosting::HostSyncManager::set_message_queue
#[derive(Default)]
pub struct MessageQueue(Mutex<State>);

#[derive(Default)]
struct State {
    messages: VecDeque<Handler>,
    /// Who waits, and handles them.
    handler: Option<Arc<Nudge>>,
}

impl MessageQueue {
    /// A queue without messages.
    #[must_use]
    pub fn new() -> Arc<MessageQueue> {
        Arc::default()
    }

    /// Leaves a message: `handle` runs on the task, when it waits the next time, or now if it does. From any thread; does
    /// not wait.
    pub fn post(&self, handle: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        state.messages.push_back(Box::new(handle));
        let handler = state.handler.clone();
        drop(state);
        if let Some(handler) = handler {
            handler.nudge();
        }
    }

    /// Is there no message?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().messages.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Handler> {
        self.state().messages.pop_front()
    }

    pub(super) fn set_handler(&self, handler: Option<Arc<Nudge>>) {
        let before = std::mem::replace(&mut self.state().handler, handler);
        drop(before);
    }
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue").field("messages", &self.state().messages.len()).finish()
    }
}

/// Handles what there is. A handler's panic is told of, and the wait goes on; an abort goes on its way.
pub(super) fn handle(queue: &MessageQueue) {
    // Of one thread, as the messages of a window are.
    task::begin_thread_affinity();
    let _pinned = Pinned;
    while let Some(handler) = queue.next() {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| in_native_layer(handler))) else {
            continue;
        };
        if task::is_abort(&*payload) {
            std::panic::resume_unwind(payload);
        }
        tracing::error!(target: "sortie::task", task = current::id(), "the handler of a message has panicked");
    }
}

struct Pinned;

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = task::end_thread_affinity();
    }
}

/// Runs it between `leave` and `enter`, where the task is in managed code; as it is, where it is in native code already.
fn in_native_layer(handler: Handler) {
    struct Enters;
    impl Drop for Enters {
        fn drop(&mut self) {
            let _ = transition::enter();
        }
    }
    let target = handle as *const () as usize;
    let _enters = transition::leave(target).is_ok().then_some(Enters);
    handler();
}
