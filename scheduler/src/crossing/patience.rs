//! Does it pay to let others run for a moment before a return gives up waiting for a worker?
//!
//! A task that comes back from native code and finds no worker is put on a queue, and its thread sleeps: two
//! system calls and a switch of threads more, for somebody must wake that thread again. Where those that have
//! a worker are about to leave for native code themselves, one `sched_yield` brings it here for less. Where they compute it
//! is two switches for nothing. Which of both it is changes slowly, so what came of the last ones tells.

use crate::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// How sure it can be at most that it pays.
const SURE: i32 = 8;
/// What one failure takes from that.
const FAILURE: i32 = 3;
/// Where it did not pay, one return in so many tries again.
const TRIES_AGAIN: i32 = 64;

/// Above 0: it pays. Else so many returns have not tried since.
///
/// A hint: nothing is published by it, and a count that is lost between two threads is no matter.
#[derive(Debug)]
pub(crate) struct Patience(AtomicI32);

impl Patience {
    pub(crate) fn new() -> Patience {
        Patience(AtomicI32::new(0))
    }

    /// Lets others run once, if that has paid, and `look`s then.
    pub(crate) fn wait<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        // ORDERING: Relaxed, a hint.
        let score = self.0.load(Ordering::Relaxed);
        if score <= 0 {
            let again = score <= -TRIES_AGAIN;
            // ORDERING: Relaxed, as above.
            self.0.store(if again { 1 } else { score - 1 }, Ordering::Relaxed);
            if !again {
                return None;
            }
        }
        thread::yield_now();
        let found = look();
        let score = match &found {
            Some(_) => (score + 1).clamp(1, SURE),
            None => (score - FAILURE).max(0),
        };
        // ORDERING: Relaxed, as above.
        self.0.store(score, Ordering::Relaxed);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Patience, SURE, TRIES_AGAIN};

    fn looks(patience: &Patience, found: Option<()>) -> bool {
        let mut looked = false;
        let got = patience.wait(|| {
            looked = true;
            found
        });
        assert_eq!(got, found.filter(|()| looked));
        looked
    }

    #[test]
    fn what_pays_is_done_again_and_what_does_not_now_and_then() {
        let patience = Patience::new();
        let first = (0..).position(|_| looks(&patience, Some(()))).expect("it is tried");
        assert!(first <= TRIES_AGAIN as usize);
        assert!((0..100).all(|_| looks(&patience, Some(()))));
        let failures = (0..).take_while(|_| looks(&patience, None)).count();
        assert!(failures > 1 && failures <= SURE as usize, "{failures}");
        let tried = (0..1000).filter(|_| looks(&patience, None)).count();
        assert!((1..=2 * 1000 / TRIES_AGAIN as usize).contains(&tried), "{tried}");
    }
}
