//! Stacks for fibers and for native code: many, cheap, each with a guard below it.
//!
//! A mapping and a guard mapping per stack would end at half of `vm.max_map_count`, so stacks are
//! cut from slabs: one mapping for hundreds of them. From low to high addresses:
//!
//! ```text
//!  slab  | guard | usable ...... |gap| guard | usable ...... |gap| ...
//!        ^limit  ^bottom         ^top^limit of the next stack
//! ```
//!
//! The stack grows down from `top`. The gap (0 to 960 bytes) differs from stack to stack, and the
//! distance between stacks is an odd number of pages: fibers that suspend at the same depth would
//! otherwise all meet in one cache set and one TLB set.
//!
//! - `os`: the only calls to `mmap`, `madvise`, `mprotect` and `sysconf`.
//! - `slab`: one mapping cut into guarded stacks. `pool`: [`Stacks`], what a runtime owns. `sized`: pools of other sizes.
//!   `error`: why there is no stack.
//! - `table`: all slabs of the process, readable by a signal handler.
//! - `overflow`: the handler that says whose stack overflowed. `message`, `alt_stack`: its tools.
//!
//! INVARIANT(stack.owned): a [`Stack`] is the right to use its memory: it is not `Clone`, and its
//! slab is unmapped only when all its stacks are home.
//!
//! INVARIANT(stack.guarded): no stack leaves this room without a guard that the kernel confirmed.
//!
//! Must not: know of tasks, fibers or workers. The handler asks them through
//! [`overflow::Describe`].

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;

mod alt_stack;
mod error;
mod message;
mod os;
mod overflow;
mod pool;
mod sized;
mod slab;
mod table;

#[cfg(test)]
mod child;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod handler_tests;
#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod tests;

pub(crate) use alt_stack::AltStack;
pub use alt_stack::OVERFLOW_STACK_BYTES;
pub use error::StackError;
pub(crate) use message::Message;
pub(crate) use os::page_bytes;
pub(crate) use overflow::{Fault, install_handler, set_describe, set_overflowed};
pub use pool::StackStats;
pub(crate) use pool::Stacks;
pub(crate) use sized::SizedStacks;
pub use slab::probe_guard;
pub(crate) use table::bottom_at;

use corosensei::stack::StackPointer;

/// The least number of usable bytes: smaller sizes are raised to it.
///
/// Less than this does not hold the formatting of one panic message.
const MIN_USABLE_BYTES: usize = 16 * 1024;

/// The largest size that is taken for meant.
pub(crate) const MAX_USABLE_BYTES: usize = 1 << 30;

/// Tops are aligned to this.
const TOP_ALIGN: usize = 64;

/// How a guard is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuardKind {
    /// `MADV_GUARD_INSTALL` (Linux 6.13): a mark in the page table, which splits no mapping.
    Install,
    /// `mprotect(PROT_NONE)`: works everywhere, and costs two mappings of `vm.max_map_count` per
    /// stack.
    Protect,
}

impl fmt::Display for GuardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Install => "MADV_GUARD_INSTALL",
            Self::Protect => "mprotect(PROT_NONE)",
        })
    }
}

/// What a stack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StackKind {
    /// Rust code, which touches every page of a frame in turn: a guard of one page.
    Fiber,
    /// The same, for one task that has asked for its size.
    Own,
    /// Code by other compilers, which may skip pages: a guard of as many as it may skip.
    Native,
    /// Handlers of signals: a guard of one page.
    Signal,
}

impl fmt::Display for StackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fiber | Self::Own => "fiber",
            Self::Native => "native",
            Self::Signal => "signal",
        })
    }
}

/// The measures of all stacks of one pool, in whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackShape {
    kind: StackKind,
    usable_bytes: usize,
    guard_bytes: usize,
}

impl StackShape {
    /// Stacks for fibers, with at least `usable_bytes` each (see [`Self::usable_bytes`]).
    ///
    /// # Errors
    ///
    /// [`StackError::Size`] for zero bytes and for more than 1 GiB.
    pub(crate) fn fiber(usable_bytes: usize) -> Result<Self, StackError> {
        Self::new(StackKind::Fiber, usable_bytes, 1)
    }

    /// Stacks for single tasks, with at least `usable_bytes` each.
    ///
    /// # Errors
    ///
    /// [`StackError::Size`] for zero bytes and for more than 1 GiB.
    pub(crate) fn own(usable_bytes: usize) -> Result<Self, StackError> {
        Self::new(StackKind::Own, usable_bytes, 1)
    }

    /// Stacks for native code, with at least `usable_bytes` each, and a guard of one page at least.
    ///
    /// # Errors
    ///
    /// [`StackError::Size`] for zero bytes and for more than 1 GiB.
    pub(crate) fn native(usable_bytes: usize, guard_bytes: usize) -> Result<Self, StackError> {
        Self::new(StackKind::Native, usable_bytes, guard_bytes.max(1))
    }

    /// Alternate signal stacks for carriers.
    pub(crate) fn signal() -> Self {
        // The kernel's frame holds all vector registers, so its size depends on the machine.
        let usable_bytes = OVERFLOW_STACK_BYTES
            + alt_stack::OWN_FRAMES_BYTES
            + os::min_signal_stack_bytes()
            + slab::MAX_GAP_BYTES;
        Self::new(StackKind::Signal, usable_bytes, 1).expect("a size that a stack can have")
    }

    fn new(kind: StackKind, usable: usize, guard: usize) -> Result<Self, StackError> {
        if usable == 0 || usable > MAX_USABLE_BYTES {
            return Err(StackError::Size { asked_bytes: usable });
        }
        let page = os::page_bytes();
        let usable_bytes = usable.max(MIN_USABLE_BYTES).next_multiple_of(page);
        let mut guard_bytes = guard.next_multiple_of(page);
        // An odd number of pages from stack to stack, so that their tops use all sets of the TLB.
        if ((usable_bytes + guard_bytes) / page).is_multiple_of(2) {
            guard_bytes += page;
        }
        Ok(Self { kind, usable_bytes, guard_bytes })
    }

    /// What the stacks are for.
    pub(crate) fn kind(&self) -> StackKind {
        self.kind
    }

    /// Bytes above the guard, of which the gap at the top takes up to 960.
    pub(crate) fn usable_bytes(&self) -> usize {
        self.usable_bytes
    }

    /// Bytes of the guard.
    pub(crate) fn guard_bytes(&self) -> usize {
        self.guard_bytes
    }

    /// From one stack to the next.
    fn stride_bytes(&self) -> usize {
        self.guard_bytes + self.usable_bytes
    }
}

/// One stack, lent by a [`Stacks`]: the sole right to the memory between its bounds.
///
/// It goes back with [`Stacks::give`], never by being dropped: a `Stack` that is dropped or
/// forgotten is lost, and its slab stays mapped and registered for good. That is deliberate. Frames
/// that cannot be unwound may be borrowed by other threads, so the memory must outlive whoever let
/// go of the handle.
#[derive(Debug)]
#[must_use = "a stack that is not given back stays mapped for good"]
pub(crate) struct Stack {
    /// Where it grows down from.
    top: StackPointer,
    /// The lowest address, below the guard.
    limit: StackPointer,
    /// The lowest usable address, above the guard.
    bottom: StackPointer,
    /// Where it lives in its pool: the slab's place, and the place in the slab.
    slot: u32,
    index: u32,
}

impl Stack {
    /// The addresses that may be used: from the guard's end to the top.
    pub(crate) fn usable(&self) -> Range<usize> {
        self.bottom.get()..self.top.get()
    }

    /// Lowers the top by the size of a `T`: room for one that belongs to whoever has the stack, in a page that its
    /// first frames touch anyway. Before the stack is used.
    pub(crate) fn reserve<T>(&mut self) -> NonNull<T> {
        const { assert!(align_of::<T>() <= TOP_ALIGN && size_of::<T>() <= MIN_USABLE_BYTES / 4) };
        self.top = NonZeroUsize::new(self.top.get() - reserved_bytes::<T>()).expect("it is mapped");
        let room = std::ptr::with_exposed_provenance_mut(self.top.get());
        NonNull::new(room).expect("not zero")
    }

    /// Ends [`Stack::reserve`] of the same type.
    pub(crate) fn unreserve<T>(&mut self) {
        self.top = self.top.checked_add(reserved_bytes::<T>()).expect("it is mapped");
    }
}

/// By how much a `T` lowers the top.
const fn reserved_bytes<T>() -> usize {
    size_of::<T>().next_multiple_of(TOP_ALIGN)
}

#[cfg(test)]
impl Stack {
    /// Where it grows down from; a multiple of 64.
    pub(crate) fn top(&self) -> usize {
        self.top.get()
    }

    /// All addresses of the stack: from the guard's start to the top.
    pub(crate) fn bounds(&self) -> Range<usize> {
        self.limit.get()..self.top.get()
    }
}

// SAFETY: the memory between `bottom` and `top` is mapped readable and writable, holds at least
// three quarters of `MIN_USABLE_BYTES` less the gap of 960 bytes, which is over corosensei's minimum of 4 KiB, and
// belongs to this value alone (INVARIANT(stack.owned)). Below it lies a guard that the kernel
// confirmed (INVARIANT(stack.guarded)), included in `limit`. `top` is a multiple of 64 and `limit`
// of the page size, so both are aligned. The values do not change while a coroutine is on it.
unsafe impl corosensei::stack::Stack for Stack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.top
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.limit
    }
}
