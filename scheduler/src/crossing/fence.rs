//! The asymmetric fence: a free light side for the many, a heavy side for the few.
//!
//! [`light`] and [`heavy`] order a store before a load as two `fence(SeqCst)` do: if one thread
//! stores X, calls `light`, loads Y, and another stores Y, calls `heavy`, loads X, at least one of
//! them sees the other's store. `heavy` asks the kernel (`membarrier(PRIVATE_EXPEDITED)`) to run a
//! full fence on every thread of the process, so `light` needs to hold the compiler back only.
//! Where the kernel has no membarrier, both are full fences.
//!
//! Reference: membarrier(2). Registering costs 0.6 us in a process with one thread and
//! milliseconds once threads run, so [`register`] is called by the builder, before the first one.

use crate::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::atomic::compiler_fence;

const UNKNOWN: u32 = 0;
const MEMBARRIER: u32 = 1;
const FENCES: u32 = 2;

/// How the process fences, for ever after the first [`register`].
static MEANS: AtomicU32 = AtomicU32::new(UNKNOWN);

/// Registers the process once. True if the kernel has membarrier.
pub fn register() -> bool {
    // ORDERING: Relaxed, the word stands for itself: threads that read it were started later, or
    // run `register` themselves.
    if MEANS.load(Ordering::Relaxed) == UNKNOWN {
        // SAFETY: membarrier with a registration command touches no memory of ours.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_membarrier,
                libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                0,
                0,
            )
        };
        let means = if answer == 0 { MEMBARRIER } else { FENCES };
        // ORDERING: Relaxed, as above; two first registrations get the same answer.
        MEANS.store(means, Ordering::Relaxed);
    }
    // ORDERING: Relaxed, as above.
    MEANS.load(Ordering::Relaxed) == MEMBARRIER
}

/// The side of those who cross often.
#[inline]
pub(crate) fn light() {
    // ORDERING: Relaxed, see `register`.
    if MEANS.load(Ordering::Relaxed) == MEMBARRIER {
        compiler_fence(Ordering::SeqCst);
    } else {
        // ORDERING(asymmetric): SeqCst, pairs with `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The side of those who ask rarely. May change `errno`.
///
/// False: the kernel refuses a membarrier that it had promised (a seccomp filter put over the
/// process later). From then on the light side is a full fence too, but those that ran before may
/// have been missed: the caller must not rely on this one.
#[must_use]
pub(crate) fn heavy() -> bool {
    // ORDERING: Relaxed, see `register`.
    let mut done = true;
    if MEANS.load(Ordering::Relaxed) == MEMBARRIER {
        // SAFETY: membarrier touches no memory of ours.
        let answer = unsafe {
            libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)
        };
        if answer != 0 {
            // ORDERING: Relaxed, see `register`.
            MEANS.store(FENCES, Ordering::Relaxed);
            done = false;
        }
    }
    // ORDERING(asymmetric): SeqCst, pairs with `light`.
    fence(Ordering::SeqCst);
    done
}
