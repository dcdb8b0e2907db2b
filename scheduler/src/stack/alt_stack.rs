//! An alternate signal stack for a thread: where the handler runs when the stack itself is full.
//!
//! They come from a pool, as all stacks do: a mapping of its own for each would change the address space at the
//! start and at the end of every thread, which costs both more than the rest of it where threads start by the
//! hundred.
//!
//! INVARIANT(alt.thread): an [`AltStack`] ends on the thread that installed it (it is not `Send`).
//! The kernel would otherwise write signal frames to a stack that is another's.

use std::io;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

use super::{Stack, Stacks};

/// How many bytes of stack those have who handle an overflow, on each thread of a runtime's: room for handlers of
/// others too, which may print a backtrace.
pub const OVERFLOW_STACK_BYTES: usize = 64 * 1024;

/// What our own handler needs of it below them, without optimization.
pub(super) const OWN_FRAMES_BYTES: usize = 16 * 1024;

/// The thread's alternate signal stack, until this is dropped; then the one before it again.
#[derive(Debug)]
#[must_use = "the alternate stack is gone when this is dropped"]
pub(crate) struct AltStack<'pool> {
    pool: &'pool Stacks,
    stack: ManuallyDrop<Stack>,
    previous: libc::stack_t,
    /// INVARIANT(alt.thread).
    not_send: PhantomData<*mut ()>,
}

impl<'pool> AltStack<'pool> {
    /// Gives the calling thread an alternate signal stack of this pool, with a guard below it.
    ///
    /// # Errors
    ///
    /// Why there is no stack, or what the kernel answered; the thread is then as before.
    pub(crate) fn install(pool: &'pool Stacks) -> io::Result<Self> {
        let stack = pool.take().map_err(io::Error::other)?;
        let usable = stack.usable();
        let new = libc::stack_t {
            ss_sp: ptr::with_exposed_provenance_mut(usable.start),
            ss_flags: 0,
            ss_size: usable.len(),
        };
        // SAFETY: the memory is ours (INVARIANT(stack.owned)) for as long as it is installed: only `drop` gives
        // it back, on this thread (INVARIANT(alt.thread)), after it has put another in place.
        match unsafe { exchange(Some(&new)) } {
            Ok(previous) => {
                let stack = ManuallyDrop::new(stack);
                Ok(Self { pool, stack, previous, not_send: PhantomData })
            }
            Err(error) => {
                pool.give(stack);
                Err(error)
            }
        }
    }
}

impl Drop for AltStack<'_> {
    fn drop(&mut self) {
        let start = self.stack.usable().start;
        // SAFETY: only asks.
        let is_ours = unsafe { exchange(None) }.is_ok_and(|now| now.ss_sp.addr() == start);
        // Someone who put another one in place may put ours back when done: it must stay mapped.
        // SAFETY: the previous one is its owner's to keep for as long as the thread has it, as it
        // was before us.
        if !is_ours || unsafe { exchange(Some(&self.previous)) }.is_err() {
            return;
        }
        // SAFETY: it is taken once, here. It is not this thread's alternate stack any more, and was no other's
        // (INVARIANT(alt.thread)).
        let stack = unsafe { ManuallyDrop::take(&mut self.stack) };
        self.pool.give(stack);
    }
}

/// Sets the calling thread's alternate stack, if one is named; returns the one before.
///
/// # Safety
///
/// The new stack's memory stays for as long as the thread has it.
unsafe fn exchange(new: Option<&libc::stack_t>) -> io::Result<libc::stack_t> {
    let new = new.map_or(ptr::null(), ptr::from_ref);
    let mut old = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: the kernel reads `new` and writes `old`; the new stack stays (caller).
    let result = unsafe { libc::sigaltstack(new, old.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel has written it.
    Ok(unsafe { old.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::super::StackShape;
    use super::*;

    fn current() -> usize {
        // SAFETY: only asks.
        unsafe { exchange(None) }.unwrap().ss_sp.addr()
    }

    #[test]
    fn nests_and_restores() {
        std::thread::spawn(|| {
            let pool = Stacks::new(StackShape::signal());
            let before = current();
            let outer = AltStack::install(&pool).unwrap();
            let inner = AltStack::install(&pool).unwrap();
            assert_eq!(current(), inner.stack.usable().start);
            drop(inner);
            assert_eq!(current(), outer.stack.usable().start);
            drop(outer);
            assert_eq!(current(), before);
            assert_eq!(pool.stats().stacks_out, 0);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn another_ones_stack_is_left_in_place() {
        std::thread::spawn(|| {
            let pool = Stacks::new(StackShape::signal());
            let ours = AltStack::install(&pool).unwrap();
            let start = ours.stack.usable().start;
            let theirs = AltStack::install(&pool).unwrap();
            drop(ours);
            assert_eq!(current(), theirs.stack.usable().start);
            drop(theirs);
            assert_eq!(current(), start);
            assert_eq!(pool.stats().stacks_out, 1, "what may be put back stays");
        })
        .join()
        .unwrap();
    }
}
