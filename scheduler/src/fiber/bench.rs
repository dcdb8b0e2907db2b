//! A door for benchmarks: the switch of our own fiber type, and nothing around it.
//!
//! Must not: be used by a runtime. It is public so that the command `sortie bench` can hold the
//! switch against the raw coroutine, and hidden since it promises nothing.

use super::{Body, FiberBox, Inside, Reason};
use crate::stack::{StackError, StackShape, Stacks};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// As a runtime's stacks by default.
const STACK_BYTES: usize = 64 << 10;

/// What the body and the loop outside share. Both run on one thread, one at a time.
struct Loop {
    inside: Inside,
    goes_on: Cell<bool>,
    turns: Cell<u64>,
}

unsafe fn suspend_again(argument: *const ()) {
    // SAFETY: `switches` passes a `Loop` that it keeps until this body has ended.
    let it = unsafe { &*argument.cast::<Loop>() };
    while it.goes_on.get() {
        it.turns.set(it.turns.get() + 1);
        // SAFETY: this is the fiber's own stack, and `switches` resumes it on its own thread.
        unsafe { it.inside.suspend(Reason::Yielded) };
    }
}

/// Resumes a warm fiber `pairs` times, each time until it suspends again, and says how long that
/// took. The fiber and its stack are made before the clock starts.
///
/// # Errors
/// [`StackError`] if there is no memory for the fiber's stack.
pub fn switches(pairs: u64) -> Result<Duration, StackError> {
    let stacks = Stacks::new(StackShape::fiber(STACK_BYTES)?);
    let fiber = FiberBox::new(stacks.take()?);
    let shared = Loop { inside: fiber.inside(), goes_on: Cell::new(true), turns: Cell::new(0) };
    fiber.prepare(Body { run: suspend_again, argument: (&raw const shared).cast() });
    // The first turn touches the stack's first page.
    // SAFETY: prepared above; resumed on this thread here and below.
    unsafe { fiber.resume() };

    let start = Instant::now();
    for _ in 0..pairs {
        // SAFETY: suspended in its body, on this thread.
        unsafe { fiber.resume() };
    }
    let took = start.elapsed();

    shared.goes_on.set(false);
    // SAFETY: as above.
    let end = unsafe { fiber.resume() };
    assert_eq!(end, Reason::Done, "the body ends when it is told to");
    assert_eq!(shared.turns.get(), pairs + 1, "each resume ran the body");
    // SAFETY: the last suspension was `Done`.
    stacks.give(unsafe { fiber.into_stack() });
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::switches;

    #[test]
    fn every_resume_is_a_turn_of_the_body() {
        // The assertions are inside.
        assert!(switches(0).is_ok());
        assert!(switches(1000).is_ok_and(|took| !took.is_zero()));
    }
}
