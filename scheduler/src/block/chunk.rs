//! A chunk: one mapping, to be cut into blocks. The room's only calls to the kernel.
//!
//! Must not: decide which blocks are free.

use crate::stack::page_bytes;
use std::ptr::{self, NonNull};

/// The first chunk of a size class: few tasks are to take little.
const FIRST_BYTES: usize = 64 << 10;

/// All but the first few: a huge page, on the machines that we know.
const LARGEST_BYTES: usize = 2 << 20;

/// Memory that is zero at first. It has no `Drop`: to forget it is to leak it.
#[derive(Debug)]
pub(super) struct Chunk {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is memory, whose users agree on who uses which part.
unsafe impl Send for Chunk {}

impl Chunk {
    /// Maps the next chunk of a class that has `before` of them. `None`: there is no memory.
    pub(super) fn map(before: usize) -> Option<Chunk> {
        let bytes = LARGEST_BYTES.min(FIRST_BYTES << before.min(usize::BITS as usize / 2));
        // SAFETY: a fresh private mapping at a place of the kernel's choice touches nothing.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        if bytes == LARGEST_BYTES {
            // A wish: one fault in place of 512, and one entry of the TLB. Linux aligns such mappings itself.
            // SAFETY: it is ours, and this changes nothing of what is in it.
            unsafe { libc::madvise(start, bytes, libc::MADV_HUGEPAGE) };
        }
        Some(Chunk { start: NonNull::new(start.cast())?, bytes })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn start(&self) -> usize {
        self.start.addr().get()
    }

    pub(super) fn end(&self) -> usize {
        self.start() + self.bytes
    }

    /// The memory so many bytes behind the start.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.bytes);
        // SAFETY: within the mapping.
        unsafe { self.start.add(offset) }
    }

    /// Unmaps it. What the kernel refuses stays mapped for good.
    ///
    /// # Safety
    /// Nobody uses any part of it, now or later.
    pub(super) unsafe fn unmap(self) {
        // SAFETY: ours, and unused (caller).
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Gives the whole pages of a part of chunks back: they read as zero when touched again.
///
/// # Safety
/// The part is mapped, and nobody needs what is in it.
pub(super) unsafe fn release(start: NonNull<u8>, bytes: usize) {
    let page = page_bytes();
    let skipped = start.align_offset(page);
    let whole = bytes.saturating_sub(skipped) / page * page;
    if whole > 0 {
        let first = start.as_ptr().wrapping_add(skipped);
        // SAFETY: mapped, ours, and not needed (caller). The kernel refuses it for locked memory, which stays.
        unsafe { libc::madvise(first.cast(), whole, libc::MADV_DONTNEED) };
    }
}
