//! A library as a program may depend on: it knows nothing of fibers, has thread-locals, and calls a function
//! of its caller's between two looks at one. On which thread the second look is, the caller decides.
//!
//! Each thread-local holds what [`mark`] has stored there on this thread. It is an atomic of a thread that
//! lives: who looks at another thread's variable sees a wrong value, and does no more harm.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was seen before the call, and after it.
pub type Seen = [u64; 2];

/// Two looks, with a call of a function between them.
pub type Look = fn(fn()) -> Seen;

/// A value that has something to do when its thread ends.
struct Kept(AtomicU64);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(0, Relaxed);
    }
}

thread_local! {
    static PLAIN: AtomicU64 = const { AtomicU64::new(0) };
    static KEPT: Kept = Kept(AtomicU64::new(std::process::id().into()));
}

/// Stores a number in this thread's variables.
#[inline(never)]
pub fn mark(number: u64) {
    PLAIN.with(|plain| plain.store(number, Relaxed));
    KEPT.with(|kept| kept.0.store(number, Relaxed));
}

/// Two looks at a plain thread-local.
#[inline(never)]
pub fn twice(between: fn()) -> Seen {
    let before = PLAIN.with(|plain| plain.load(Relaxed));
    between();
    [before, PLAIN.with(|plain| plain.load(Relaxed))]
}

/// The same two, by one piece of code.
#[inline(never)]
pub fn in_a_loop(between: fn()) -> Seen {
    let mut seen = [0; 2];
    for (turn, seen) in seen.iter_mut().enumerate() {
        if turn > 0 {
            between();
        }
        *seen = PLAIN.with(|plain| plain.load(Relaxed));
    }
    seen
}

/// Two looks at a thread-local that is made at its first use and has a destructor, for which the compiler
/// needs its address.
#[inline(never)]
pub fn with_a_destructor(between: fn()) -> Seen {
    let before = KEPT.with(|kept| kept.0.load(Relaxed));
    between();
    [before, KEPT.with(|kept| kept.0.load(Relaxed))]
}

/// Two looks at both by a function that is not inlined and gives the value.
#[inline(never)]
pub fn by_value(between: fn()) -> Seen {
    #[inline(never)]
    fn value() -> u64 {
        let plain = PLAIN.with(|plain| plain.load(Relaxed));
        let kept = KEPT.with(|kept| kept.0.load(Relaxed));
        if plain == kept { plain } else { u64::MAX }
    }
    let before = value();
    between();
    [before, value()]
}

/// Two looks by a function that is not inlined, but gives the address: of that the compiler finds out that
/// it is always the same.
#[inline(never)]
pub fn by_address(between: fn()) -> Seen {
    #[inline(never)]
    fn address() -> *const AtomicU64 {
        PLAIN.with(std::ptr::from_ref)
    }
    // SAFETY: this thread's variable, or that of a thread which lives.
    let before = unsafe { &*address() }.load(Relaxed);
    between();
    // SAFETY: as above.
    [before, unsafe { &*address() }.load(Relaxed)]
}
