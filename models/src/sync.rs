//! The door, as the scheduler's `sync` has it, but made of loom's types.
//!
//! Loom treats `SeqCst` accesses as `AcqRel` and models `fence(SeqCst)`: what passes here does not
//! rest on the former.

pub(crate) use loom::sync::Arc;

/// Atomics and fences.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// The asymmetric fence: both sides as what they stand for together, a full fence each.
pub(crate) mod fence {
    use super::atomic::{Ordering, fence};

    pub(crate) fn light() {
        // ORDERING(asymmetric): SeqCst, pairs with `heavy`.
        fence(Ordering::SeqCst);
    }

    /// The compiler's half; the kernel's answer to `heavy_half` makes it a fence.
    pub(crate) fn light_half() {
        light();
    }

    #[must_use]
    pub(crate) fn heavy() -> bool {
        // ORDERING(asymmetric): SeqCst, pairs with `light`.
        fence(Ordering::SeqCst);
        true
    }

    #[must_use]
    pub(crate) fn heavy_half() -> bool {
        heavy()
    }
}

/// A mutex that is not poisoned.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("loom's mutex is never poisoned")
    }
}

/// Waiting in the kernel on one 32-bit word.
///
/// The kernel compares the word and puts the thread to sleep in one step as seen by wakes, and it
/// compares with the newest value. Here that step is an exchange that always fails: loom lets a
/// failing exchange read the newest value only, orders nothing by it, and does not switch threads
/// between it and what follows up to the next access.
///
/// A wake finds its sleeper by address, never through the pointer, and only one that sleeps.
/// Sleeping is [`crate::explore::sleep`], where spurious returns and limits are.
pub(crate) mod futex {
    use super::atomic::{AtomicU32, Ordering};
    use crate::explore;
    use std::time::Duration;

    /// No protocol's value: the exchange below always fails.
    const NO_VALUE: u32 = u32::MAX;

    pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
        // ORDERING: Relaxed, the kernel's look orders nothing that the protocols may rest on.
        let now = word
            .compare_exchange(NO_VALUE, NO_VALUE, Ordering::Relaxed, Ordering::Relaxed)
            .unwrap_or_else(|now| now);
        if now == expected {
            explore::sleep(std::ptr::from_ref(word).addr(), timeout);
        }
    }

    pub(crate) fn wake_one(word: *const AtomicU32) {
        explore::wake_one(word.addr());
    }
}
