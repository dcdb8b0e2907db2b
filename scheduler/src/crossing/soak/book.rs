//! What is written down of a worker, by its owners, and of a thread, by itself.
//!
//! A book is written without any atomic read-modify-write, fence or lock: nothing but the protocol
//! orders the owners.

use crate::sync::atomic::{AtomicUsize, Ordering};
use std::cell::UnsafeCell;

/// What a worker's owners write down.
#[derive(Default)]
pub(super) struct Book {
    /// Who uses the worker; 0: nobody.
    pub(super) user: AtomicUsize,
    /// How often the worker was used, and a word made of that number.
    pub(super) uses: UnsafeCell<[u64; 2]>,
}

// SAFETY: that only the worker's owner touches it is what is tested. All access is volatile.
unsafe impl Sync for Book {}

impl Book {
    /// Uses the worker for so long. False: another uses it, too.
    pub(super) fn record(&self, me: usize, pauses: u64) -> bool {
        let uses = self.uses.get();
        // SAFETY: the cell lives; volatile, because in a broken protocol others are here.
        let [count, check] = unsafe { uses.read_volatile() };
        // ORDERING: Relaxed, here and below: must order nothing.
        let was_free = self.user.load(Ordering::Relaxed) == 0;
        // ORDERING: as above.
        self.user.store(me, Ordering::Relaxed);
        pause(pauses);
        // SAFETY: as above.
        unsafe { uses.write_volatile([count + 1, Self::check(count + 1)]) };
        // ORDERING: as above.
        let is_mine = self.user.load(Ordering::Relaxed) == me;
        // ORDERING: as above.
        self.user.store(0, Ordering::Relaxed);
        was_free && is_mine && check == Self::check(count)
    }

    pub(super) fn check(count: u64) -> u64 {
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

pub(super) fn pause(times: u64) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}

/// What one thread has seen.
pub(super) struct Tally {
    /// Uses of each worker.
    pub(super) uses: Vec<u64>,
    pub(super) double_owners: u64,
    /// Calls of an owner; workers that a taker tried to take.
    pub(super) calls: u64,
    /// Calls that cost an owner its worker; workers that a taker got.
    pub(super) taken: u64,
}
