//! The switch on x86-64, by a jump.
//!
//! A processor foretells where a return goes by the calls that it has seen, the innermost first. A switch made of a
//! call and a return pairs the two, and costs nothing as long as each side is where it was. But a task that
//! was suspended some calls further in finds others' addresses there, and each of its returns is a wrong guess, of four
//! nanoseconds. A jump leaves that memory alone, and is foretold by where it went before: who goes on finds what
//! was there when somebody was suspended last, which is its own where tasks take turns with the loop, or with their like.
//!
//! Who is away has left three words on its stack:
//!
//! ```text
//!   rbx                    higher addresses
//!   rbp
//!   where it goes on    <- its stack pointer
//! ```
//!
//! They are stored and read relative to what was computed or loaded anyhow, and not pushed and popped: after each write of
//! the stack pointer a push waits for it once more, and the processor no longer knows that a pop reads what was pushed. That
//! is a tenth to a third of a switch.
//!
//! INVARIANT(switch.last): that it is away, who leaves says last, on the other's stack. From then on another thread may go on with it
//! (`rest.rs`), and not even a signal handler may write to its stack.
//!
//! A switch is the same in both directions. All other registers are lost, as over any call; the floating-point
//! environment stays, as does the signal mask.

use super::super::Reason;
use super::Call;
use super::rest::Rest;
use crate::stack::Stack;
use corosensei::stack::Stack as _;
use std::arch::{asm, naked_asm};
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;

/// A stack with a suspended function on it. It stays at one address.
pub(in super::super) struct Coroutine {
    /// The stack pointer of the function, while it is suspended.
    inner: Rest,
    /// That of who has resumed it, while it runs.
    outer: Cell<usize>,
    stack: Stack,
}

/// How a stack begins, from low to high addresses.
#[repr(C, align(16))]
struct Top {
    /// Where the first switch goes.
    root: unsafe extern "C" fn() -> !,
    /// What that calls, and with what.
    main: unsafe extern "C" fn(NonNull<Coroutine>),
    place: NonNull<Coroutine>,
}

impl Coroutine {
    /// One that will lie at `place`, and run `main` on `stack` from its first resume on.
    ///
    /// # Safety
    /// It is moved there before it is used. `main` may be called with it, and does not unwind.
    pub(in super::super) unsafe fn new(
        stack: Stack,
        place: NonNull<Coroutine>,
        main: unsafe extern "C" fn(NonNull<Coroutine>),
    ) -> Coroutine {
        let top = stack.base().get() - size_of::<Top>();
        let room = std::ptr::with_exposed_provenance_mut::<Top>(top);
        // SAFETY: the stack is this function's, much larger than that, and its top is a multiple of 64.
        unsafe { room.write(Top { root, main, place }) };
        Coroutine { inner: Rest::new(top), outer: Cell::new(0), stack }
    }

    /// Goes on until the next suspension.
    ///
    /// # Safety
    /// `main` has not ended, it is not running, and its frames may go on on this thread.
    #[inline(always)]
    pub(in super::super) unsafe fn resume(&self) -> Reason {
        // SAFETY: by contract.
        match unsafe { switch::<OUTER>(self, self.inner.get(), 0) } {
            0 => Reason::Yielded,
            1 => Reason::Suspended,
            2 => Reason::Reentering,
            3 => Reason::Lending,
            4 => Reason::Offloading,
            5 => Reason::Done,
            _ => Reason::Ended,
        }
    }

    /// Leaves the coroutine; returns when it is resumed.
    ///
    /// # Safety
    /// The caller runs in it, and its frames may go on wherever it is resumed.
    #[inline(always)]
    pub(in super::super) unsafe fn suspend(&self, reason: Reason) {
        // SAFETY: who has resumed it is away as long as it runs.
        unsafe { switch::<INNER>(self, self.outer.get(), reason as usize) };
    }

    /// Is its function suspended? Not yet, for a moment, if it was [announced](Coroutine::announce).
    #[inline(always)]
    pub(in super::super) fn is_away(&self) -> bool {
        self.inner.is_reached()
    }

    /// It will be left in a moment. Who is to resume it may be told before, and waits until it is away. By code in it.
    #[inline(always)]
    pub(in super::super) fn announce(&self) {
        self.inner.announce();
    }

    /// Can one be left for another?
    pub(in super::super) const CAN_PASS: bool = true;

    /// From here on this one goes back to who has resumed `other`.
    ///
    /// # Safety
    /// It is suspended. `other` runs, and is left for this one next.
    #[inline(always)]
    pub(in super::super) unsafe fn stand_in_for(&self, other: &Coroutine) {
        self.outer.set(other.outer.get());
    }

    /// Leaves the coroutine for another; returns when somebody comes back to it.
    ///
    /// # Safety
    /// The caller runs in it, its frames may go on wherever it is resumed, and `next` stands in for it.
    #[inline(always)]
    pub(in super::super) unsafe fn pass_to(&self, next: &Coroutine) {
        // SAFETY: by contract `next` is suspended, and may go on here. It asks for no word.
        unsafe { switch::<INNER>(self, next.inner.get(), 0) };
    }

    /// Makes a call on the stack of who has resumed the coroutine, below all frames there.
    ///
    /// # Safety
    /// The coroutine is resumed, and nothing runs on that stack but by its leave. The call may be made, and does not
    /// suspend the coroutine.
    #[inline(always)]
    pub(in super::super) unsafe fn on_parent_stack(&self, call: Call) -> *mut () {
        // SAFETY: somebody has resumed the coroutine, and is away: below its stack pointer nobody uses the stack, which
        // is a thread's, or another coroutine's, with a guard of its own. The rest is the contract.
        unsafe { call_on(call.argument, call.function, self.outer.get()) }
    }

    /// Ends it, and gives the stack back.
    ///
    /// # Safety
    /// `main` returns at the next resume, and has nothing to drop. The coroutine is not used again.
    pub(in super::super) unsafe fn end(place: NonNull<Coroutine>) -> Stack {
        // SAFETY: by contract nobody uses what stays behind, nor what is on the stack.
        unsafe { place.read() }.stack
    }
}

/// Where a coroutine has the stack pointer of its function, and that of who has resumed it.
const INNER: usize = offset_of!(Coroutine, inner);
const OUTER: usize = offset_of!(Coroutine, outer);

/// Leaves, with the stack pointer in the coroutine at `AT`, for the stack pointer `to`, with `word`. Returns when somebody comes
/// back, with what that one brings.
///
/// # Safety
/// `AT` is the place of one of the coroutine's stack pointers. `to` is that of a side that is away, and may go on on this thread.
#[inline(always)]
unsafe fn switch<const AT: usize>(coroutine: &Coroutine, to: usize, mut word: usize) -> usize {
    // SAFETY: whoever is away has left three words at its stack pointer, by this code or, at first, by
    // `Coroutine::new`. What the compiler may have in registers is stored there, or said to be lost. Signals spare the 128 bytes
    // below the stack pointer, which the compiler uses in no function with such a block.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "mov [rsp - 8], rbx",
            "mov [rsp - 16], rbp",
            "mov [rsp - 24], rax",
            "lea rcx, [rsp - 24]",
            // ORDERING(fiber.rest): the last store is a plain one, which is a Release here; pairs with the Acquire in `Rest::is_reached`.
            "mov rsp, rdx",
            "mov [rsi + {at}], rcx",
            "jmp [rdx]",
            // Somebody has come back by the same code, with the stack pointer that was left in `rdx`.
            "2:",
            "mov rbp, [rdx + 8]",
            "mov rbx, [rdx + 16]",
            "lea rsp, [rdx + 24]",
            at = const AT,
            inlateout("rdi") word,
            in("rsi") coroutine,
            in("rdx") to,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    word
}

/// The lowest frame of a coroutine, where its backtraces end.
///
/// # Safety
/// Only the first switch goes here, with the stack pointer at [`Top`], a multiple of 16.
#[unsafe(naked)]
unsafe extern "C" fn root() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rdi, [rsp + {place}]",
        "xor ebp, ebp",
        "call [rsp + {main}]",
        // Nobody resumes a coroutine that has ended.
        "ud2",
        ".cfi_endproc",
        place = const offset_of!(Top, place),
        main = const offset_of!(Top, main),
    )
}

/// Makes a call on another stack.
///
/// # Safety
/// Nobody uses that stack, and the call may be made.
#[inline(always)]
pub(in super::super) unsafe fn on_stack(stack: &mut Stack, call: Call) -> *mut () {
    // SAFETY: by contract; the base of a stack is its upper end.
    unsafe { call_on(call.argument, call.function, stack.base().get()) }
}

/// Calls `function` with `argument` below `base`, and returns what it returns. Backtraces go on in the caller.
///
/// # Safety
/// The stack below `base` is another than the caller's, and free. `function` does not unwind.
#[unsafe(naked)]
unsafe extern "C" fn call_on(
    argument: *mut (),
    function: unsafe extern "C" fn(*mut ()) -> *mut (),
    base: usize,
) -> *mut () {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov rsp, rdx",
        "and rsp, -16",
        "call rsi",
        "mov rsp, rbp",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
    )
}
