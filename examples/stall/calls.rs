//! The two C functions that keep a thread: `poll`, which blocks, and `qsort`, which burns.
//!
//! Nothing here knows of tasks. Every runtime calls the same functions with the same arguments; how it
//! does that is its own business.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// An eventfd: `poll` blocks on it until it was rung, and never again after that.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// Not rung yet.
    pub(crate) fn new() -> Bell {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        assert!(fd >= 0, "no eventfd: {}", io::Error::last_os_error());
        // SAFETY: the descriptor was opened just now, and is nobody else's.
        Bell(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Lets every `poll` of it return. Does not block.
    pub(crate) fn ring(&self) {
        let one = 1_u64;
        // SAFETY: the pointer and the count are those of `one`.
        let wrote = unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
        assert_eq!(wrote, 8, "an eventfd takes eight bytes");
    }

    /// The native call: sits in `poll` until it is rung, or until `limit` has passed. Was it rung?
    pub(crate) fn poll(&self, limit: Duration) -> bool {
        let limit = c_int::try_from(limit.as_millis()).expect("the limit is short");
        let mut asked = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid `pollfd`, which is read and written.
        let ready = unsafe { libc::poll(&raw mut asked, 1, limit) };
        assert!(ready >= 0, "poll failed: {}", io::Error::last_os_error());
        ready == 1
    }
}

/// What is sorted: fifteen digits and a NUL.
pub(crate) type Key = [u8; 16];

unsafe extern "C" {
    /// As `qsort` wants it: with pointers to anything.
    #[link_name = "strcmp"]
    fn compare(left: *const c_void, right: *const c_void) -> c_int;
}

/// The native call: the C library's `qsort`, with its `strcmp`. It computes all the time.
pub(crate) fn sort(keys: &mut [Key]) {
    // SAFETY: the pointer, the count and the size are those of the slice, and every element ends with a
    // NUL, so that `strcmp` stays inside of it.
    unsafe {
        libc::qsort(keys.as_mut_ptr().cast(), keys.len(), size_of::<Key>(), Some(compare));
    }
}

/// As many keys, in no order, as `qsort` takes about this long for.
pub(crate) fn keys_for(time: Duration) -> Vec<Key> {
    let mut keys = self::keys(20_000);
    // Twice: the time for a key grows with the keys, and jumps where they leave a cache.
    for _ in 0..2 {
        // The best of some: what the first costs on top is the machine's waking up.
        let best = (0..3).map(|_| {
            let mut keys = keys.clone();
            let start = Instant::now();
            sort(&mut keys);
            start.elapsed()
        });
        let best = best.min().expect("three of them");
        let count = keys.len() as f64 * time.as_secs_f64() / best.as_secs_f64();
        keys = self::keys(count as usize + 2);
    }
    keys
}

fn keys(count: usize) -> Vec<Key> {
    let mut state = 1_u64;
    let keys = (0..count).map(|_| {
        let mut key = Key::default();
        for digit in &mut key[..15] {
            // A linear congruential generator: any digits will do.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *digit = b'0' + (state >> 33) as u8 % 10;
        }
        key
    });
    keys.collect()
}
