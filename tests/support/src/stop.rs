//! One thread stands still wherever it is, and the others go on.
//!
//! The kernel's own means stop too much: `SIGSTOP` stops the process, a cgroup freezer needs a
//! hierarchy that a test may not have, and a tracer must be another process. So the thread gets a
//! signal whose handler waits. To everybody else that is the same: the thread stands between two of
//! its instructions, or in the system call that it was in, for as long as we like.
//!
//! The handler runs on the thread's alternate stack, where it has one, and keeps `errno`.

use std::ffi::c_int;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SIGNAL: c_int = libc::SIGUSR1;

const FREE: u32 = 0;
const ASKED: u32 = 1;
const STOPPED: u32 = 2;
const RELEASED: u32 = 3;

/// A thread that is stopped, or about to be.
struct Slot {
    thread: AtomicI32,
    state: AtomicU32,
}

static SLOTS: [Slot; 64] =
    [const { Slot { thread: AtomicI32::new(0), state: AtomicU32::new(FREE) } }; 64];

/// A thread that stands still until this is dropped.
#[derive(Debug)]
#[must_use = "the thread goes on when this is dropped"]
pub struct Stopped(&'static Slot);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "thread {}", self.thread.load(Ordering::Relaxed))
    }
}

/// Stops a thread of this process, by its number. When this returns it stands still. `None`: it has
/// ended.
///
/// # Panics
/// If 64 threads are stopped, or this one does not take the signal within 10 seconds.
pub fn stop(thread: i32) -> Option<Stopped> {
    install();
    let claim = |slot: &&Slot| {
        slot.state.compare_exchange(FREE, ASKED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    };
    let slot = SLOTS.iter().find(claim).expect("a free slot");
    slot.thread.store(thread, Ordering::SeqCst);
    let process = std::process::id();
    // SAFETY: a signal that has a handler, to a thread of this process or to none.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGNAL) };
    let end = Instant::now() + Duration::from_secs(10);
    while sent == 0 && slot.state.load(Ordering::SeqCst) != STOPPED {
        if !crate::threads::exists(thread) {
            break;
        }
        assert!(Instant::now() < end, "thread {thread} does not take a signal");
        std::thread::yield_now();
    }
    if slot.state.load(Ordering::SeqCst) != STOPPED {
        slot.thread.store(0, Ordering::SeqCst);
        slot.state.store(FREE, Ordering::SeqCst);
        return None;
    }
    Some(Stopped(slot))
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // The handler frees the slot.
        self.0.state.store(RELEASED, Ordering::SeqCst);
        futex(&self.0.state, libc::FUTEX_WAKE, 1);
    }
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: all zeroes is a `sigaction`.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = stand_still as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: a whole action; the handler does what handlers may.
        let answer = unsafe { libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) };
        assert_eq!(answer, 0, "a handler for the signal");
    });
}

/// The handler: system calls and atomics only.
extern "C" fn stand_still(_signal: c_int) {
    // SAFETY: has no conditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address of this thread's `errno` is always good, and a handler does not move.
    let kept = unsafe { *errno };
    // SAFETY: has no conditions.
    let thread = unsafe { libc::gettid() };
    let mine = |slot: &&Slot| {
        slot.thread.load(Ordering::SeqCst) == thread && slot.state.load(Ordering::SeqCst) == ASKED
    };
    if let Some(slot) = SLOTS.iter().find(mine) {
        slot.state.store(STOPPED, Ordering::SeqCst);
        while slot.state.load(Ordering::SeqCst) == STOPPED {
            futex(&slot.state, libc::FUTEX_WAIT, STOPPED);
        }
        slot.thread.store(0, Ordering::SeqCst);
        slot.state.store(FREE, Ordering::SeqCst);
    }
    // SAFETY: as above.
    unsafe { *errno = kept };
}

fn futex(word: &AtomicU32, operation: c_int, value: u32) {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: a live word, and no timeout.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation,
            value,
            ptr::null::<libc::timespec>(),
        )
    };
}
