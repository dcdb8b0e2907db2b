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

    /// Where the code rests on the total order of `SeqCst` accesses, which loom does not know.
    pub(crate) fn total_order() {
        fence(Ordering::SeqCst);
    }

    /// A full fence behind an exchange.
    pub(crate) fn exchange_fence() {
        fence(Ordering::SeqCst);
    }
}

/// No thread of a model shares a cache line with another.
#[derive(Debug)]
pub(crate) struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    pub(crate) fn new(value: T) -> CachePadded<T> {
        CachePadded(value)
    }
}

impl<T> std::ops::Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Room for what is handed from thread to thread. Loom sees who comes there without order.
pub(crate) mod cell {
    use loom::cell::UnsafeCell;
    use std::mem::MaybeUninit;

    pub(crate) struct Place<T>(UnsafeCell<MaybeUninit<T>>);

    impl<T> Place<T> {
        pub(crate) fn new() -> Place<T> {
            Place(UnsafeCell::new(MaybeUninit::uninit()))
        }

        /// # Safety
        /// The place is the caller's alone.
        pub(crate) unsafe fn put(&self, value: T) {
            self.0.with_mut(|place| {
                // SAFETY: the caller's promise, and loom looks.
                let place = unsafe { &mut *place };
                place.write(value);
            });
        }

        /// # Safety
        /// The place is the caller's alone, and a value is there.
        pub(crate) unsafe fn take(&self) -> T {
            self.0.with_mut(|place| {
                // SAFETY: the caller's promise, and loom looks.
                let place = unsafe { &*place };
                // SAFETY: the caller's promise.
                unsafe { place.assume_init_read() }
            })
        }
    }
}

/// Waiting for a thread that needs a few instructions more: the others have their turn.
pub(crate) mod hint {
    pub(crate) struct Patience;

    impl Patience {
        pub(crate) fn new() -> Patience {
            Patience
        }

        pub(crate) fn wait(&mut self) {
            loom::thread::yield_now();
        }
    }
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
    pub(crate) fn heavy_to_light() -> bool {
        heavy()
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

    pub(crate) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
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
