//! What others may see of a thread: how much it has computed, and whether it sleeps.

use crate::sync::atomic::{AtomicI32, Ordering};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The vital signs of one thread, or of none.
#[derive(Debug)]
pub(crate) struct Vitals {
    clock: AtomicI32,
    thread: AtomicI32,
}

/// No thread.
const NONE: i32 = i32::MIN;

impl Default for Vitals {
    fn default() -> Vitals {
        Vitals { clock: AtomicI32::new(NONE), thread: AtomicI32::new(NONE) }
    }
}

impl Vitals {
    /// From now on those of the calling thread.
    pub(crate) fn begin(&self) {
        let mut clock = NONE;
        // SAFETY: has no conditions.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the thread is this one, and the place is borrowed for the call.
        let error = unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) };
        // ORDERING: Relaxed, a look at a thread that has ended is answered with an error.
        self.clock.store(if error == 0 { clock } else { NONE }, Ordering::Relaxed);
        // SAFETY: has no conditions.
        let thread = unsafe { libc::gettid() };
        // ORDERING: Relaxed, as above.
        self.thread.store(thread, Ordering::Relaxed);
    }

    /// The thread is about to end.
    pub(crate) fn end(&self) {
        // ORDERING: Relaxed, as above.
        self.clock.store(NONE, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.thread.store(NONE, Ordering::Relaxed);
    }

    /// The processor time that the thread has used so far, in nanoseconds; a system call of 0.2 us.
    /// `None` if there is no thread.
    pub(crate) fn processor_time(&self) -> Option<u64> {
        // ORDERING: Relaxed, as above.
        let clock = self.clock.load(Ordering::Relaxed);
        if clock == NONE {
            return None;
        }
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the place is borrowed for the call.
        let answer = unsafe { libc::clock_gettime(clock, &raw mut time) };
        (answer == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// Does the thread sleep in the kernel, and is not merely kept from a processor? Asked of
    /// `/proc`, in some microseconds. False if that does not answer.
    pub(crate) fn is_asleep(&self) -> bool {
        // ORDERING: Relaxed, as above.
        let thread = self.thread.load(Ordering::Relaxed);
        state_of(thread).is_some_and(|state| matches!(state, b'S' | b'D' | b'T' | b't'))
    }
}

/// The kernel's letter for what a thread does. One read, of the beginning: what comes behind it nobody wants.
fn state_of(thread: i32) -> Option<u8> {
    let mut path = [0; 40];
    // What does not fit is no thread's number.
    write!(&mut path[..], "/proc/self/task/{thread}/stat\0").ok()?;
    // SAFETY: the path ends with a NUL, and is borrowed for the call.
    let file = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    // SAFETY: it is open, and nobody else's.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    // The number and the name have 28 bytes at most.
    let mut stat = [0; 64];
    // SAFETY: the kernel writes to the place, which is borrowed for the call, and no more than it holds.
    let length = unsafe { libc::read(file.as_raw_fd(), stat.as_mut_ptr().cast(), stat.len()) };
    let stat = &stat[..usize::try_from(length).ok()?];
    // The name is in parentheses, and may hold any.
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_ends + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::Vitals;
    use crate::sync::Arc;

    #[test]
    fn a_thread_that_computes_is_awake_and_uses_time() {
        let vitals = Vitals::default();
        assert_eq!(vitals.processor_time(), None);
        assert!(!vitals.is_asleep());
        vitals.begin();
        let before = vitals.processor_time().expect("a thread has a clock");
        assert!(!vitals.is_asleep());
        while vitals.processor_time().is_some_and(|now| now < before + 1_000_000) {}
        vitals.end();
        assert_eq!(vitals.processor_time(), None);
    }

    #[test]
    fn a_thread_that_waits_is_asleep_and_uses_none() {
        let vitals = Arc::new(Vitals::default());
        let watched = vitals.clone();
        let thread = std::thread::spawn(move || {
            watched.begin();
            std::thread::park();
        });
        while !vitals.is_asleep() {
            std::thread::yield_now();
        }
        let before = vitals.processor_time();
        assert!(vitals.is_asleep());
        assert_eq!(vitals.processor_time(), before);
        thread.thread().unpark();
        thread.join().unwrap();
    }
}
