//! The thread's `errno`, which system calls of ours must not change.

/// The thread's `errno`, kept over system calls of ours.
#[derive(Debug)]
pub struct Errno(i32);

impl Errno {
    /// Reads it. Never inlined: the address of `errno` is the thread's, and must not outlive a switch.
    #[inline(never)]
    pub fn save() -> Errno {
        // SAFETY: has no conditions.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the address of this thread's `errno` is always good.
        Errno(unsafe { *errno })
    }

    /// Writes it back, on whatever thread this is now. Never inlined, as [`Errno::save`].
    #[inline(never)]
    pub fn restore(self) {
        // SAFETY: has no conditions.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as in `save`.
        unsafe { *errno = self.0 };
    }
}
