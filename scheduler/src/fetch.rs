//! Fetching into the cache what will be touched soon.
//!
//! A thousand tasks that take turns have left the first cache by the time of their next turn, and each turn touches
//! half a dozen lines of its task's. Who knows which task is next but one asks for them meanwhile.

/// Fetches the cache line at this address. Any address will do: nothing is read.
#[inline(always)]
pub(crate) fn line(address: *const ()) {
    // SAFETY: a hint to the processor, without effect but in its caches.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("prefetcht0 [{}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
}
