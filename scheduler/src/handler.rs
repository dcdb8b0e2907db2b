//! Is this code a signal handler's?
//!
//! A handler interrupts whatever its thread was at, the scheduler's own steps among them, so it may call nothing
//! of ours. What a handler most likely calls all the same is told apart by where it runs: handlers that were
//! installed with `SA_ONSTACK`, as all should be in a process with small stacks, run on the thread's alternate
//! signal stack. A carrier has one from its beginning, an attached thread the one that it had when it was
//! attached, and both know where it is; another thread asks the kernel, which only the attachment does.
//!
//! Not told apart: a handler without `SA_ONSTACK`, or on a thread that has no signal stack, which looks like code
//! of what it interrupted, and one on a signal stack that was changed since. A handler that calls nothing of ours disturbs nothing.

use crate::carrier::Carrier;
use crate::worker::current;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Does this thread run a signal handler? Asked of carriers and of attached threads without a system call;
/// false on all others.
#[inline]
pub fn in_signal_handler() -> bool {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    unsafe { current::carrier().as_ref() }.is_some_and(is_inside)
}

/// [`in_signal_handler`], on the carrier's own thread.
#[inline]
pub(crate) fn is_inside(carrier: &Carrier) -> bool {
    let (start, bytes) = carrier.signal_stack.get();
    current::stack_pointer().wrapping_sub(start) < bytes
}

/// Does this thread run a signal handler? Asked of the kernel, on any thread.
pub(crate) fn is_on_signal_stack() -> bool {
    look().is_some_and(|stack| stack.ss_flags & libc::SS_ONSTACK != 0)
}

/// The carrier remembers its thread's alternate signal stack. On its own thread.
pub(crate) fn remember(carrier: &Carrier) {
    let stack = look().filter(|stack| stack.ss_flags & libc::SS_DISABLE == 0);
    let stack = stack.map_or(0..0, |stack| range(&stack));
    carrier.signal_stack.set((stack.start, stack.len()));
}

fn range(stack: &libc::stack_t) -> Range<usize> {
    let start = stack.ss_sp.addr();
    start..start + stack.ss_size
}

fn look() -> Option<libc::stack_t> {
    let mut stack = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: the kernel writes what it knows to the place, which is borrowed for the call.
    let answer = unsafe { libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()) };
    // SAFETY: the kernel has written it.
    (answer == 0).then(|| unsafe { stack.assume_init() })
}

/// A handler has called what cannot even answer there: the process ends, and says why.
#[cold]
pub(crate) fn refuse_spawn() -> ! {
    let text = b"sortie: a task was spawned in a signal handler, which may have interrupted the scheduler \
                 itself; let the handler write to a pipe or a flag, and spawn from a thread that reads it\n";
    // SAFETY: a text that stays, and a call that handlers may make.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    std::process::abort();
}
