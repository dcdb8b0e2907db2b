//! The one door to atomics, cells, locks and the kernel's futex.
//!
//! Protocol files (the task's state word, the parker, the crossing's word, the monitor's gate)
//! take everything that two threads share from here and from nowhere else. The package
//! `sortie-models` includes those files by path over a door of its own, made of loom's types, and
//! so explores the very code that runs.
//!
//! Must not: hold logic. What is here is a name for something that another crate provides.

pub(crate) use crossbeam_utils::CachePadded;
pub(crate) use parking_lot::{Mutex, RwLock};
pub(crate) use std::sync::Arc;

/// Atomics and fences.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };

    /// Says that the code rests on the total order of `SeqCst` accesses around here. Nothing by itself: loom
    /// knows of no such order, and the models' door makes a fence of it.
    #[inline(always)]
    pub(crate) fn total_order() {}

    /// A full fence right behind a `SeqCst` exchange by the same thread.
    #[inline(always)]
    pub(crate) fn exchange_fence() {
        // A locked instruction is a full fence on x86, whatever the compiler makes of its order: it is only to be
        // kept from moving what follows.
        #[cfg(target_arch = "x86_64")]
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        #[cfg(not(target_arch = "x86_64"))]
        fence(Ordering::SeqCst);
    }
}

/// Room for what is handed from thread to thread.
pub(crate) mod cell {
    use std::cell::UnsafeCell;
    use std::mem::MaybeUninit;

    /// Room for one value, whose owner knows whether one is there.
    pub(crate) struct Place<T>(UnsafeCell<MaybeUninit<T>>);

    impl<T> Place<T> {
        pub(crate) fn new() -> Place<T> {
            Place(UnsafeCell::new(MaybeUninit::uninit()))
        }

        /// # Safety
        /// The place is the caller's alone.
        #[inline(always)]
        pub(crate) unsafe fn put(&self, value: T) {
            // SAFETY: the caller's promise.
            let place = unsafe { &mut *self.0.get() };
            place.write(value);
        }

        /// # Safety
        /// The place is the caller's alone, and a value is there. None is there afterwards.
        #[inline(always)]
        pub(crate) unsafe fn take(&self) -> T {
            // SAFETY: the caller's promise.
            let place = unsafe { &*self.0.get() };
            // SAFETY: the caller's promise.
            unsafe { place.assume_init_read() }
        }
    }
}

/// Waiting for a thread that needs a few instructions more.
pub(crate) mod hint {
    use crossbeam_utils::Backoff;

    /// Spins at first, then lets other threads run.
    pub(crate) struct Patience(Backoff);

    impl Patience {
        #[inline]
        pub(crate) fn new() -> Patience {
            Patience(Backoff::new())
        }

        #[cold]
        pub(crate) fn wait(&mut self) {
            self.0.snooze();
        }
    }
}

/// The asymmetric fence.
pub(crate) use crate::crossing::fence;

/// Waiting in the kernel on one 32-bit word.
pub(crate) mod futex {
    use super::atomic::AtomicU32;
    use std::time::Duration;

    /// Blocks the thread while `word` is `expected`, for `timeout` at most (`None`: no limit).
    ///
    /// Returns at a wake, at the timeout, at a signal or for no reason: the caller looks at the
    /// word again. May change `errno`.
    pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
        let spec = timeout.map(|limit| libc::timespec {
            // A limit past the range of `time_t` is as good as none, and the caller looks again.
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the kernel reads the word and the time, both borrowed for the whole call.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                expected,
                spec,
            )
        };
    }

    /// Wakes one thread that waits on `word`. May change `errno`.
    ///
    /// Takes a pointer: the word may be gone by the time the kernel looks at its address, which
    /// then wakes nobody, or somebody whose wait tolerates it.
    pub(crate) fn wake_one(word: *const AtomicU32) {
        // SAFETY: a futex wake uses the address as a key only; nothing is read or written there.
        unsafe {
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1u32)
        };
    }
}
