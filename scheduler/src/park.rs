//! Parking: one thread sleeps on one word until another wakes it.
//!
//! A [`Parker`] holds one token. [`Parker::unpark`] leaves it, [`Parker::park`] takes it, and sleeps
//! in the kernel while there is none; a token left before the park is not lost, several are one.
//!
//! Must not: be parked on by two threads at once (its owner parks, anybody unparks).
//!
//! Both sides change the word by `swap` or compare-and-exchange only, and that is the point:
//! `unpark` must write even if a token is there already, because the parker that takes the token
//! must see what *this* waker did before it, and `park` must take the token by the same operation
//! that reads it, or a token left in between would be erased and its thread sleep for ever.

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::futex;
use std::time::Duration;

/// No token, nobody sleeps.
const EMPTY: u32 = 0;
/// No token, the owner sleeps in the kernel or is about to.
const PARKED: u32 = 1;
/// A token lies here.
const NOTIFIED: u32 = 2;

/// One thread's place to sleep. See the module.
#[derive(Debug)]
pub(crate) struct Parker {
    word: AtomicU32,
}

impl Parker {
    /// A parker without a token.
    pub(crate) fn new() -> Self {
        Parker { word: AtomicU32::new(EMPTY) }
    }

    /// Takes the token, sleeping until there is one. May change `errno`.
    pub(crate) fn park(&self) {
        while !self.sleep(None) {}
    }

    /// As [`Parker::park`], but sleeps at most about `timeout`; true if it took a token.
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        self.sleep(Some(timeout))
    }

    /// Takes a token if one comes within one sleep, which may be cut short for no reason.
    fn sleep(&self, timeout: Option<Duration>) -> bool {
        // ORDERING: Relaxed, nothing is published and nothing taken: a failed exchange has seen
        // NOTIFIED, and the swap below takes it.
        if self.word.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            futex::wait(&self.word, PARKED, timeout);
        }
        // ORDERING(park.token): Acquire, pairs with the Release swap in `unpark`: the parker sees
        // all that the waker did before it left the token.
        self.word.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    /// Leaves the token and wakes the owner if it sleeps. May change `errno`.
    pub(crate) fn unpark(&self) {
        let word = std::ptr::from_ref(&self.word);
        // ORDERING(park.token): Release, pairs with the Acquire swap in `sleep`. A swap even if the
        // token is there: see the module.
        if self.word.swap(NOTIFIED, Ordering::Release) == PARKED {
            // After the swap the owner may return and drop the parker: only its address is used.
            futex::wake_one(word);
        }
    }
}
