//! Which carrier is this thread? The one door to thread-local storage for code that may be switched.
//!
//! A fiber may go on on another thread. The compiler does not know: it may compute the address of a
//! thread-local once, keep it across a switch, and then read and write the old thread's variable.
//! So what the scheduler knows about a thread hangs on one word of thread-local storage, which is
//! read by volatile inline assembly: the access cannot be cached, merged or moved out of a loop,
//! it can be inlined, and what comes out is a copy of a pointer to an arena that outlives the
//! runtime's threads, never a reference into thread-local storage.
//!
//! The word is declared in assembly as well, because stable Rust has no other way to name a
//! thread-local symbol. It is read by the initial-exec model: right in programs and in shared
//! libraries that are loaded with them; a library that is loaded later takes it from the C
//! library's reserve for such words.
//!
//! Must not: be used for anything else. A second word would need the same care.

use crate::carrier::Carrier;
use crate::park::Parker;
use crate::sync::Arc;
use std::arch::{asm, global_asm};
use std::cell::Cell;

global_asm!(
    ".pushsection .tbss.sortie_scheduler_0_1_carrier,\"awT\",%nobits",
    ".globl sortie_scheduler_0_1_carrier",
    ".hidden sortie_scheduler_0_1_carrier",
    ".type sortie_scheduler_0_1_carrier, %object",
    ".size sortie_scheduler_0_1_carrier, 8",
    ".balign 8",
    "sortie_scheduler_0_1_carrier:",
    ".zero 8",
    ".popsection",
);

/// The carrier that this thread is, or null.
#[inline]
pub(crate) fn carrier() -> *const Carrier {
    let carrier: *const Carrier;
    // SAFETY: reads this thread's own word, which exists as long as the thread.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + sortie_scheduler_0_1_carrier@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) carrier,
            options(nostack, readonly),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "mrs {0}, tpidr_el0",
            "adrp {1}, :gottprel:sortie_scheduler_0_1_carrier",
            "ldr {1}, [{1}, :gottprel_lo12:sortie_scheduler_0_1_carrier]",
            "ldr {0}, [{0}, {1}]",
            out(reg) carrier,
            out(reg) _,
            options(nostack, readonly),
        );
    }
    carrier
}

/// Says which carrier this thread is from now on.
#[inline(never)]
pub(crate) fn set_carrier(carrier: *const Carrier) {
    // SAFETY: writes this thread's own word, which exists as long as the thread.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + sortie_scheduler_0_1_carrier@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _,
            in(reg) carrier,
            options(nostack),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "mrs {0}, tpidr_el0",
            "adrp {1}, :gottprel:sortie_scheduler_0_1_carrier",
            "ldr {1}, [{1}, :gottprel_lo12:sortie_scheduler_0_1_carrier]",
            "str {2}, [{0}, {1}]",
            out(reg) _,
            out(reg) _,
            in(reg) carrier,
            options(nostack),
        );
    }
}

/// Where the stack is that this code runs on.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let here: usize;
    // SAFETY: reads a register.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
    }
    here
}

/// The parker of a thread that waits as a thread: one that is no carrier, or whose task is in
/// native code. Such a thread is not switched while it waits, so a plain thread-local is right;
/// never inlined, so that its address cannot travel.
#[inline(never)]
pub(crate) fn thread_parker() -> Arc<Parker> {
    thread_local! {
        static PARKER: Arc<Parker> = Arc::new(Parker::new());
    }
    // After the thread-local's end, in another thread-local's destructor, a fresh one serves: it
    // is handed to the waker before the wait.
    PARKER.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Parker::new()))
}

/// An address that is this thread's alone while it lives, a multiple of 64. Never inlined, as
/// [`thread_parker`].
#[inline(never)]
pub(crate) fn thread_mark() -> usize {
    #[repr(align(64))]
    struct Mark(#[expect(dead_code, reason = "for its address")] u8);
    thread_local! {
        static MARK: Mark = const { Mark(0) };
    }
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// Runs `f` on the count of brackets of thread affinity of a thread that runs no task. Never inlined, as
/// [`thread_parker`].
#[inline(never)]
pub(crate) fn with_thread_brackets<R>(f: impl FnOnce(&Cell<u32>) -> R) -> R {
    thread_local! {
        static BRACKETS: Cell<u32> = const { Cell::new(0) };
    }
    BRACKETS.with(f)
}
