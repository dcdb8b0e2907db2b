//! An alternate signal stack for a thread: where the handler runs when the stack itself is full.
//!
//! INVARIANT(alt.thread): an [`AltStack`] ends on the thread that installed it (it is not `Send`).
//! The kernel would otherwise write signal frames to memory that is gone.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use super::GuardKind;
use super::os::{self, Mapping};

/// How many bytes of stack those have who handle an overflow, on each thread of a runtime's: room for handlers of
/// others too, which may print a backtrace.
pub const OVERFLOW_STACK_BYTES: usize = 64 * 1024;

/// The thread's alternate signal stack, until this is dropped; then the one before it again.
#[derive(Debug)]
#[must_use = "the alternate stack is gone when this is dropped"]
pub(crate) struct AltStack {
    /// A guard page, then the stack.
    mapping: Mapping,
    stack_start: usize,
    previous: libc::stack_t,
    /// INVARIANT(alt.thread).
    not_send: PhantomData<*mut ()>,
}

impl AltStack {
    /// Gives the calling thread an alternate signal stack with a guard below it.
    ///
    /// # Errors
    ///
    /// What the kernel answered; the thread is then as before.
    pub(crate) fn install() -> io::Result<Self> {
        let page = os::page_bytes();
        // The kernel's frame holds all vector registers, so its size depends on the machine.
        let bytes = (OVERFLOW_STACK_BYTES + os::min_signal_stack_bytes()).next_multiple_of(page);
        let mapping = Mapping::new(page + bytes)?;
        Self::install_in(mapping, page, bytes)
    }

    fn install_in(mapping: Mapping, page: usize, bytes: usize) -> io::Result<Self> {
        let start = mapping.range().start;
        let stack = libc::stack_t {
            ss_sp: ptr::with_exposed_provenance_mut(start + page),
            ss_flags: 0,
            ss_size: bytes,
        };
        // SAFETY: the first page of a mapping that nobody has seen yet. `Protect`, since one guard
        // a thread costs few mappings and no kernel refuses it.
        let result = unsafe { mapping.guard(start..start + page, GuardKind::Protect) }
            // SAFETY: the rest of the mapping stays for as long as it is installed: only `drop`
            // unmaps it, on this thread (INVARIANT(alt.thread)), after it has put another in place.
            .and_then(|()| unsafe { exchange(Some(&stack)) });
        match result {
            Ok(previous) => {
                Ok(Self { mapping, stack_start: start + page, previous, not_send: PhantomData })
            }
            Err(error) => {
                // SAFETY: it was not installed, and it is ours alone.
                let _ = unsafe { mapping.unmap() };
                Err(error)
            }
        }
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        // SAFETY: only asks.
        let is_ours =
            unsafe { exchange(None) }.is_ok_and(|now| now.ss_sp.addr() == self.stack_start);
        // Someone who put another one in place may put ours back when done: it must stay mapped.
        // SAFETY: the previous one is its owner's to keep for as long as the thread has it, as it
        // was before us.
        if !is_ours || unsafe { exchange(Some(&self.previous)) }.is_err() {
            return;
        }
        // SAFETY: it is not this thread's alternate stack any more, and was no other's
        // (INVARIANT(alt.thread)). If the kernel refuses, address space is lost and nothing else.
        let _ = unsafe { self.mapping.unmap() };
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
    use super::*;

    fn current() -> usize {
        // SAFETY: only asks.
        unsafe { exchange(None) }.unwrap().ss_sp.addr()
    }

    #[test]
    fn nests_and_restores() {
        std::thread::spawn(|| {
            let before = current();
            let outer = AltStack::install().unwrap();
            let inner = AltStack::install().unwrap();
            assert_eq!(current(), inner.stack_start);
            drop(inner);
            assert_eq!(current(), outer.stack_start);
            drop(outer);
            assert_eq!(current(), before);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn another_ones_stack_is_left_in_place() {
        std::thread::spawn(|| {
            let ours = AltStack::install().unwrap();
            let theirs = AltStack::install().unwrap();
            drop(ours);
            assert_eq!(current(), theirs.stack_start);
            // It would restore ours, which is gone.
            std::mem::forget(theirs);
        })
        .join()
        .unwrap();
    }
}
