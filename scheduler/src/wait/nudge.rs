//! A nudge: it wakes somebody who waits, so that they look whether their wait is over.

use super::waker;
use crate::task::Waker;

/// Wakes a task or thread out of its pause, for no reason that the wait itself knows: what is waited for is looked at
/// once more, and [whether the wait is over](super::ask_whether_over). One that comes before the pause ends it at once.
///
/// ```
/// use sortie_scheduler::wait::Nudge;
///
/// Nudge::current().nudge();
/// // A sleep goes on all the same.
/// std::thread::sleep(std::time::Duration::from_millis(1));
/// ```
pub struct Nudge(Waker);

impl Nudge {
    /// For the next wait of the current task or thread: for that one alone, as where it waits may be another matter then.
    #[must_use]
    pub fn current() -> Nudge {
        Nudge(waker())
    }

    /// Wakes it. From any thread; does not wait; may change `errno`.
    pub fn nudge(&self) {
        self.0.wake();
    }
}

impl std::fmt::Debug for Nudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nudge").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Nudge;
    use crate::wait::tests::waiter;
    use crate::wait::{WaitList, ask_whether_over, deadline};
    use crate::{Config, Embedder};
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[derive(Debug)]
    struct Says(Arc<AtomicBool>);

    impl Embedder for Says {
        fn is_wait_over(&self, _: *const ()) -> bool {
            self.0.load(SeqCst)
        }
    }

    #[test]
    fn a_wait_that_asks_ends_when_the_embedder_says_so() {
        let is_over = Arc::new(AtomicBool::new(false));
        let config = Config::new().workers(1).embedder(Arc::new(Says(is_over.clone())));
        let runtime = config.start().unwrap();
        let nudge = Arc::new(Mutex::new(None));
        let nudges = nudge.clone();
        let task = runtime.spawn(move || {
            let list = WaitList::new();
            let ends = |limit| {
                let waiter = waiter();
                list.enter(&waiter).wait_until(deadline(limit))
            };
            // Who does not ask is not told.
            assert!(!ends(Duration::from_millis(1)));
            assert!(ask_whether_over(true));
            *nudges.lock().unwrap() = Some(Nudge::current());
            let told = ends(Duration::MAX);
            ask_whether_over(false);
            told
        });
        loop {
            if let Some(nudge) = nudge.lock().unwrap().as_ref() {
                // Nothing has changed: it waits on.
                nudge.nudge();
                is_over.store(true, SeqCst);
                nudge.nudge();
                break;
            }
            std::thread::yield_now();
        }
        assert!(!task.join().unwrap(), "it was not notified");
        assert!(runtime.shutdown(Duration::from_secs(10)).unwrap().is_clean());
    }
}
